// SPDX-License-Identifier: Apache-2.0
//
// Faults of attention by tiles of keys (online softmax): running maximum, sums that follow it, tiles left out, splits.

#include "subjects/faulty/attention_fault.h"

namespace assay::subjects {
namespace {

constexpr std::size_t kTile = 16;

struct Tile {
  std::size_t begin = 0;
  std::size_t end = 0;

  bool IsTail() const { return end - begin < kTile; }
};

// Sums relative to the largest z so far, tile by tile. What Tiled does is right, and within the claim.
template <class Self>
struct Tiled : FromScalarAttention<Self> {
  using Base = typename FromScalarAttention<Self>::Base;
  using Wide = long double;

  struct State {
    Wide top = -HUGE_VAL;
    Wide sum = 0;
    std::vector<Wide> out;
  };

  static Wide Exp(Wide z) { return std::exp(z); }
  // From here to there, and whether there are keys to add: a tile without any keeps the state.
  static Wide NewTop(const State& state, Wide tile_top, Tile) { return std::max(state.top, tile_top); }
  static bool Skips(const AttentionCall&, Query, Tile, Wide tile_top) { return tile_top == -HUGE_VAL; }
  static void Rescale(State* state, Wide growth, Tile) { Self::Multiply(state, std::exp(-growth), true, true); }
  static void Multiply(State* state, Wide factor, bool sum, bool out) {
    if (sum) state->sum *= factor;
    for (Wide& o : state->out) o *= out ? factor : 1;
  }
  static void Add(const AttentionCall& call, Query at, const KeyRow<Wide>& row, Tile tile, State* state) {
    for (std::size_t key = tile.begin; key < tile.end; ++key) {
      if (row.z[key] == -HUGE_VAL) continue;
      const Wide weight = Self::Exp(row.z[key] - state->top);
      state->sum += weight;
      for (std::size_t dim = 0; dim < state->out.size(); ++dim) {
        state->out[dim] += weight * Self::V(call, at, key, dim);
      }
    }
  }
  static void Step(const AttentionCall& call, Query at, const KeyRow<Wide>& row, Tile tile, State* state) {
    const Wide tile_top = *std::max_element(row.z + tile.begin, row.z + tile.end);
    if (Self::Skips(call, at, tile, tile_top)) return;
    const Wide top = Self::NewTop(*state, tile_top, tile);
    if (state->top != -HUGE_VAL) Self::Rescale(state, top - state->top, tile);
    state->top = top;
    Self::Add(call, at, row, tile, state);
  }
  static State Run(const AttentionCall& call, Query at, const KeyRow<Wide>& row, std::size_t begin, std::size_t end) {
    State state;
    state.out.resize(call.value_dim());
    for (; begin < end; begin += kTile) Self::Step(call, at, row, {begin, std::min(begin + kTile, end)}, &state);
    return state;
  }
  static void AddSink(const AttentionCall& call, Query at, State* state) {
    if (!call.HasSink() || call.Sink(at.head) == -HUGE_VAL) return;
    const auto sink = static_cast<Wide>(call.Sink(at.head));
    const Wide top = std::max(sink, state->top);
    Self::Multiply(state, std::exp(state->top - top), true, true);
    state->sum += std::exp(sink - top);
    state->top = top;
  }
  static State Merge(State a, State b) {
    const Wide top = std::max(a.top, b.top);
    Self::Multiply(&a, a.top == -HUGE_VAL ? 0 : std::exp(a.top - top), true, true);
    Self::Multiply(&b, b.top == -HUGE_VAL ? 0 : std::exp(b.top - top), true, true);
    a.top = top;
    a.sum += b.sum;
    for (std::size_t dim = 0; dim < a.out.size(); ++dim) a.out[dim] += b.out[dim];
    return a;
  }
  static State All(const AttentionCall& call, Query at, const KeyRow<Wide>& row) {
    State state = Run(call, at, row, 0, call.keys());
    Self::AddSink(call, at, &state);
    return state;
  }
  static void Attend(const AttentionCall& call, Query at, KeyRow<Wide>* row) {
    Self::Scan(call, at, row);
    if (!row->Ordinary()) return Self::Fill(call, at, *row);
    const State state = Self::All(call, at, *row);
    for (std::size_t dim = 0; dim < state.out.size(); ++dim) {
      Self::Write(call, at, dim, state.out[dim] / state.sum);
    }
    Self::WriteLse(call, at, state.top + std::log(state.sum));
  }
};

struct TailOutWithoutRescale : Tiled<TailOutWithoutRescale> {
  static void Rescale(State* state, Wide growth, Tile tile) {
    Multiply(state, std::exp(-growth), true, !tile.IsTail());
  }
};

struct TailSumWithoutRescale : Tiled<TailSumWithoutRescale> {
  static void Rescale(State* state, Wide growth, Tile tile) {
    Multiply(state, std::exp(-growth), !tile.IsTail(), true);
  }
};

struct RescalesAfterTail : Tiled<RescalesAfterTail> {
  static void Step(const AttentionCall& call, Query at, const KeyRow<Wide>& row, Tile tile, State* state) {
    if (!tile.IsTail() || state->top == -HUGE_VAL) return Tiled::Step(call, at, row, tile, state);
    const Wide tile_top = *std::max_element(row.z + tile.begin, row.z + tile.end);
    if (tile_top == -HUGE_VAL) return;
    // The tile is added before the factor is applied, which then takes the new terms with it.
    const Wide growth = std::max<Wide>(tile_top - state->top, 0);
    state->top += growth;
    Add(call, at, row, tile, state);
    Multiply(state, std::exp(-growth), true, true);
  }
};

struct FirstTileMaximum : Tiled<FirstTileMaximum> {
  // Of the first tile for good: exp overflows a float once another score is 89 above.
  static Wide NewTop(const State& state, Wide tile_top, Tile) { return state.top == -HUGE_VAL ? tile_top : state.top; }
  static Wide Exp(Wide z) { return z > 88.72L ? HUGE_VAL : std::exp(z); }
};

struct SkipsLargeRescale : Tiled<SkipsLargeRescale> {
  // The factor is below a float's roundoff: "nothing to do". But it is the old sums that ought to vanish.
  static void Rescale(State* state, Wide growth, Tile) {
    if (growth < 17) Multiply(state, std::exp(-growth), true, true);
  }
};

struct EmptyTileNan : Tiled<EmptyTileNan> {
  // exp(-inf - -inf) in a first tile that sees nothing.
  static bool Skips(const AttentionCall&, Query, Tile, Wide) { return false; }
  static void Add(const AttentionCall& call, Query at, const KeyRow<Wide>& row, Tile tile, State* state) {
    if (state->top == -HUGE_VAL) state->sum = std::nan("");
    Tiled::Add(call, at, row, tile, state);
  }
  static void Rescale(State* state, Wide growth, Tile) { Multiply(state, std::exp(-growth), true, true); }
};

struct PadKeysAsZero : Tiled<PadKeysAsZero> {
  static void Add(const AttentionCall& call, Query at, const KeyRow<Wide>& row, Tile tile, State* state) {
    Tiled::Add(call, at, row, tile, state);
    // The tile is filled up with keys of score 0 and value 0.
    const auto pad = static_cast<Wide>(kTile - (tile.end - tile.begin));
    state->sum += pad * std::exp(-state->top);
  }
};

struct MaximumOfZero : Tiled<MaximumOfZero> {
  // Starts at 0, and exp of a float is 0 from -104 on.
  static Wide NewTop(const State& state, Wide tile_top, Tile) {
    return std::max<Wide>(0, std::max(state.top, tile_top));
  }
  static Wide Exp(Wide z) { return z < -103.98L ? 0 : std::exp(z); }
};

struct CausalBoundOfBlock : Tiled<CausalBoundOfBlock> {
  // Whole tiles behind the block's first query are skipped, though its later queries see into them.
  static bool Skips(const AttentionCall& call, Query at, Tile tile, Wide tile_top) {
    const Query first = {at.batch, at.head, at.row - at.row % 8};
    return tile_top == -HUGE_VAL || !InCausal(call, first, tile.begin);
  }
};

struct WindowBoundOfTile : Tiled<WindowBoundOfTile> {
  // Begins with the first tile that lies wholly in the window.
  static bool Skips(const AttentionCall& call, Query at, Tile tile, Wide tile_top) {
    return tile_top == -HUGE_VAL || (!tile.IsTail() && !InWindow(call, at, tile.begin));
  }
};

// A single query is served by two parts of the keys, to be merged.
template <class Self>
struct Split : Tiled<Self> {
  using typename Tiled<Self>::State;
  static State All(const AttentionCall& call, Query at, const KeyRow<long double>& row) {
    if (call.queries() != 1) return Tiled<Self>::All(call, at, row);
    const std::size_t half = (call.keys() + 1) / 2;
    return Self::Parts(call, at, Self::Run(call, at, row, 0, half), Self::Run(call, at, row, half, call.keys()));
  }
};

struct PartsNotRescaled : Split<PartsNotRescaled> {
  static State Parts(const AttentionCall& call, Query at, State a, State b) {
    // Added up as if they had the same maximum.
    b.top = a.top = std::max(a.top, b.top);
    State merged = Merge(a, b);
    AddSink(call, at, &merged);
    return merged;
  }
};

struct SinkInEveryPart : Split<SinkInEveryPart> {
  static State Parts(const AttentionCall& call, Query at, State a, State b) {
    AddSink(call, at, &a);
    AddSink(call, at, &b);
    return Merge(a, b);
  }
};

struct EmptyPartNan : Split<EmptyPartNan> {
  static State Parts(const AttentionCall& call, Query at, State a, State b) {
    // exp(-inf - -inf) or 0 / 0: each part is divided by its own sum.
    if (a.sum == 0 || b.sum == 0) a.sum = std::nan("");
    State merged = Merge(a, b);
    AddSink(call, at, &merged);
    return merged;
  }
};

}  // namespace

std::vector<BuiltIn> AttentionTileFaults() {
  return {
      AttentionFault<TailOutWithoutRescale>("tail_out_without_rescale", "online rescaling", "key_permutation",
                                            "Does not rescale its output for a new maximum in the last, short tile."),
      AttentionFault<TailSumWithoutRescale>("tail_sum_without_rescale", "online rescaling", "constant_values",
                                            "Does not rescale its sum for a new maximum in the last, short tile."),
      AttentionFault<RescalesAfterTail>("rescales_after_tail", "online rescaling", "attention_accuracy",
                                        "Adds the last, short tile before it rescales for its maximum."),
      AttentionFault<FirstTileMaximum>("first_tile_maximum", "running maximum", "finite_inputs_no_nan",
                                       "Keeps the maximum of the first tile for all, in float."),
      AttentionFault<SkipsLargeRescale>("skips_large_rescale", "online rescaling", "attention_accuracy",
                                        "Does not rescale where the maximum grows by 17 or more."),
      AttentionFault<EmptyTileNan>("empty_tile_nan", "empty row", "window_prefix",
                                   "Gives NaN where the first tile sees nothing."),
      AttentionFault<PadKeysAsZero>("pad_keys_as_zero", "padding", "constant_values",
                                    "Fills the last tile of 16 with keys of score 0."),
      AttentionFault<MaximumOfZero>("attention_maximum_from_zero", "running maximum", "bias_shift",
                                    "Starts its maximum at 0, in float."),
      AttentionFault<CausalBoundOfBlock>("causal_bound_of_block", "tile bound", "causal_prefix",
                                         "Takes the last tile of eight queries from the first of them."),
      AttentionFault<WindowBoundOfTile>("window_bound_of_tile", "tile bound", "window_prefix",
                                        "Leaves out the tile in which the window begins."),
      AttentionFault<PartsNotRescaled>("parts_not_rescaled", "split merge", "decode_row",
                                       "Adds two parts of the keys of a single query without rescaling them."),
      AttentionFault<SinkInEveryPart>("sink_in_every_part", "split merge", "sink_is_a_key",
                                      "Counts the sink in both parts of the keys of a single query."),
      AttentionFault<EmptyPartNan>("empty_part_nan", "split merge", "lengths_prefix",
                                   "Gives NaN where one of two parts of the keys sees nothing."),
  };
}

}  // namespace assay::subjects
