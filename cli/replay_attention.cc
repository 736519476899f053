// SPDX-License-Identifier: Apache-2.0
//
// Scores, shares and terms are for people, in long double; what is judged by, exact values and bounds, are the laws'
// own.

#include "cli/replay_attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <tuple>

#include "cli/console.h"
#include "cli/table.h"
#include "properties/attention_case.h"
#include "properties/attention_truth.h"
#include "properties/judging.h"
#include "subjects/unsupported.h"

namespace assay::cli {
namespace {

using properties::Tensor;
using subjects::Attention;
using subjects::Case;
using subjects::Dims;
using subjects::Role;

constexpr std::size_t kShown = 16;  // pairs, and results, printed

// The entry looked at.
struct Spot {
  Role output;
  Dims dims;
  Dims at;
  bool marked;

  std::size_t FirstOfRow() const { return properties::At(dims, at[0], at[1], at[2], 0); }
  bool ByKey() const { return output == Role::kDk || output == Role::kDv; }
};

// A query, a key, and all that their share in the entry is made of.
struct Pair {
  std::size_t head = 0;
  std::size_t query = 0;
  std::size_t key = 0;
  std::string hidden;  // why; empty where it is visible
  long double score = 0;
  long double capped = 0;
  double bias = 0;
  long double z = 0;
  long double share = 0;
  // Backward.
  long double inner = 0;  // sum over e of upstream v
  long double delta = 0;
  long double bend = 1;  // f
  long double g = 0;
  // What the entry multiplies it with, and the product.
  double factor = 0;
  long double term = 0;
};

std::string Number(long double x) { return fmt::format("{:.6g}", static_cast<double>(x) + 0.0); }  // no -0

std::optional<Spot> SpotOf(const Case& c, const std::optional<properties::Witness>& witness) {
  for (const bool named : {true, false}) {
    for (const Role role : subjects::OutputsOf(c)) {
      const Dims dims = subjects::DimsOf(c, role);
      if (properties::SizeOf(dims) == 0 || (named && witness && witness->output != role)) continue;
      const std::size_t row = witness ? std::min(witness->row, dims[0] * dims[1] * dims[2] - 1) : 0;
      const std::size_t col = witness ? std::min(witness->col, dims[3] - 1) : 0;
      return Spot{role, dims, {row / dims[2] / dims[1], row / dims[2] % dims[1], row % dims[2], col}, witness && named};
    }
  }
  return std::nullopt;
}

// Everything that hides the key from the query, or nothing.
std::string WhyHidden(const Case& c, const properties::AttentionModel& model, std::size_t n, const Pair& pair) {
  const Attention& a = c.attention;
  const auto key = static_cast<std::ptrdiff_t>(pair.key);
  const auto length = static_cast<std::ptrdiff_t>(properties::KeyLength(c, n));
  const std::ptrdiff_t place = static_cast<std::ptrdiff_t>(pair.query) +
                               (a.alignment == ASSAY_TOP_LEFT ? 0 : length - static_cast<std::ptrdiff_t>(a.seq_q));
  const std::size_t entry = ((n * a.num_heads + pair.head) * a.seq_q + pair.query) * a.seq_kv + pair.key;
  std::string why;
  const auto add = [&](bool hides, const char* what) {
    if (hides) why += (why.empty() ? "" : ", ") + std::string(what);
  };
  add(key >= length, "length");
  add(a.causal && key > place, "causal");
  add(a.window != 0 && place > key && static_cast<std::size_t>(place - key) >= a.window, "window");
  add(c.mask.given && c.mask.values.Bits(entry) == 0, "mask");
  add(c.bias.given && c.bias[entry] == -HUGE_VAL, "bias");
  add(why.empty() && model.Query(n, pair.head, pair.query).visible[pair.key] == 0, "score");
  return why;
}

class Pairs {
 public:
  Pairs(const Case& c, const Spot& spot) : c_(c), spot_(spot), model_(c) {}

  Pair Of(std::size_t head, std::size_t query, std::size_t key) const {
    const Attention& a = c_.attention;
    const std::size_t n = spot_.at[0];
    const std::size_t g = head / properties::GroupSize(a);
    const Tensor q(c_, Role::kQ);
    const Tensor k(c_, Role::kK);
    Pair pair;
    pair.head = head;
    pair.query = query;
    pair.key = key;
    pair.hidden = WhyHidden(c_, model_, n, pair);
    for (std::size_t d = 0; d < a.head_dim; ++d) {
      pair.score += static_cast<long double>(q(n, head, query, d)) * static_cast<long double>(k(n, g, key, d));
    }
    pair.score *= static_cast<long double>(properties::ScaleOf(c_));
    pair.capped = pair.score;
    if (a.softcap != 0) {
      const long double bent = pair.score / static_cast<long double>(a.softcap);
      pair.capped = static_cast<long double>(a.softcap) * std::tanh(bent);
      pair.bend = 1 / std::cosh(bent) / std::cosh(bent);  // 1 - tanh^2 would cancel
    }
    if (c_.bias.given) pair.bias = Tensor(c_, Role::kBias)(n, head, query, key);
    pair.z = pair.capped + static_cast<long double>(pair.bias);
    if (pair.hidden.empty()) pair.share = std::exp(pair.z - Lse(head, query));
    if (c_.op == ASSAY_ATTENTION_BACKWARD) AddGradient(&pair, g);
    AddTerm(&pair, g);
    return pair;
  }

  // That of the model; backward, the saved one.
  long double Lse(std::size_t head, std::size_t query) const {
    if (c_.op == ASSAY_ATTENTION) return model_.Query(spot_.at[0], head, query).lse;
    const double saved = Tensor(c_, Role::kSavedLse)(spot_.at[0], head, query, 0);
    return saved == -HUGE_VAL ? HUGE_VAL : saved;  // it contributes nothing
  }

  // All that the entry depends on.
  std::vector<Pair> All() const {
    std::vector<Pair> pairs;
    const Attention& a = c_.attention;
    const std::size_t group = properties::GroupSize(a);
    const std::size_t first = spot_.ByKey() ? spot_.at[1] * group : spot_.at[1];
    for (std::size_t h = first; h < first + (spot_.ByKey() ? group : 1); ++h) {
      if (spot_.ByKey()) {
        for (std::size_t i = 0; i < a.seq_q; ++i) pairs.push_back(Of(h, i, spot_.at[2]));
      } else {
        for (std::size_t j = 0; j < a.seq_kv; ++j) pairs.push_back(Of(h, spot_.at[2], j));
      }
    }
    return pairs;
  }

 private:
  void AddGradient(Pair* pair, std::size_t g) const {
    const Tensor v(c_, Role::kV);
    const Tensor upstream(c_, Role::kUpstream);
    const Tensor saved_out(c_, Role::kSavedOut);
    const std::size_t n = spot_.at[0];
    for (std::size_t e = 0; e < c_.attention.value_dim; ++e) {
      const auto u = static_cast<long double>(upstream(n, pair->head, pair->query, e));
      pair->inner += u * static_cast<long double>(v(n, g, pair->key, e));
      pair->delta += u * static_cast<long double>(saved_out(n, pair->head, pair->query, e));
    }
    if (pair->hidden.empty() && pair->share != 0) pair->g = pair->share * (pair->inner - pair->delta);
  }

  void AddTerm(Pair* pair, std::size_t g) const {
    const std::size_t n = spot_.at[0];
    const std::size_t d = spot_.at[3];
    long double with = pair->g * pair->bend * static_cast<long double>(properties::ScaleOf(c_));
    switch (spot_.output) {
      case Role::kOut:
        pair->factor = Tensor(c_, Role::kV)(n, g, pair->key, d);
        with = pair->share;
        break;
      case Role::kDv:
        pair->factor = Tensor(c_, Role::kUpstream)(n, pair->head, pair->query, d);
        with = pair->share;
        break;
      case Role::kDq:
        pair->factor = Tensor(c_, Role::kK)(n, g, pair->key, d);
        break;
      case Role::kDk:
        pair->factor = Tensor(c_, Role::kQ)(n, pair->head, pair->query, d);
        break;
      default:  // lse, dbias: no sum of products
        return;
    }
    if (pair->hidden.empty()) pair->term = with * static_cast<long double>(pair->factor);
  }

  const Case& c_;
  const Spot& spot_;
  properties::AttentionModel model_;
};

// ---- On the screen -----------------------------------------------------------------------------------------------

// "batch 0, head 1 (key head 0), query 2 of 4", or of a gradient by key "batch 0, key head 0, key 2 of 5".
std::string Title(const Case& c, const Spot& spot) {
  const Attention& a = c.attention;
  if (spot.ByKey()) {
    return fmt::format("batch {}, key head {}, key {} of {}, and every query that may see it", spot.at[0], spot.at[1],
                       spot.at[2], a.seq_kv);
  }
  const std::string kv_head =
      a.num_kv_heads == a.num_heads ? "" : fmt::format(" (key head {})", spot.at[1] / properties::GroupSize(a));
  std::string text =
      fmt::format("batch {}, head {}{}, query {} of {}", spot.at[0], spot.at[1], kv_head, spot.at[2], a.seq_q);
  if (a.causal || a.window != 0) {
    const std::ptrdiff_t shift =
        a.alignment == ASSAY_TOP_LEFT
            ? 0
            : static_cast<std::ptrdiff_t>(properties::KeyLength(c, spot.at[0])) - static_cast<std::ptrdiff_t>(a.seq_q);
    text += fmt::format(", which stands at key {}", static_cast<std::ptrdiff_t>(spot.at[2]) + shift);
  }
  return text;
}

// What the terms are multiplied by: the head of a column.
std::string FactorName(const Spot& spot) {
  switch (spot.output) {
    case Role::kOut:
      return fmt::format("v[{}]", spot.at[3]);
    case Role::kDv:
      return fmt::format("upstream[{}]", spot.at[3]);
    case Role::kDq:
      return fmt::format("k[{}]", spot.at[3]);
    case Role::kDk:
      return fmt::format("q[{}]", spot.at[3]);
    default:
      return "";
  }
}

// The pairs to show, in their order: all of a few, else those of the largest shares.
std::vector<Pair> Chosen(std::vector<Pair> pairs, const Spot& spot) {
  if (pairs.size() <= kShown) return pairs;
  const auto is_marked = [&](const Pair& pair) { return spot.output == Role::kDbias && pair.key == spot.at[3]; };
  const auto weight = [&](const Pair& pair) {
    return is_marked(pair) || std::isnan(pair.share) ? HUGE_VALL : pair.hidden.empty() ? pair.share : -1;
  };
  std::stable_sort(pairs.begin(), pairs.end(), [&](const Pair& a, const Pair& b) { return weight(a) > weight(b); });
  pairs.resize(kShown);
  const auto order = [](const Pair& pair) { return std::tuple(pair.head, pair.query, pair.key); };
  std::sort(pairs.begin(), pairs.end(), [&](const Pair& a, const Pair& b) { return order(a) < order(b); });
  return pairs;
}

// A column that the call has, and what a pair has there; hidden pairs have only inputs.
struct Column {
  std::string head;
  std::function<std::string(const Pair&)> cell;
};

std::vector<Column> ColumnsOf(const Case& c, const Spot& spot) {
  std::vector<Column> columns;
  const auto add = [&](bool wanted, std::string head, auto number, bool input = false) {
    if (!wanted) return;
    columns.push_back({std::move(head), [number, input](const Pair& pair) {
                         return pair.hidden.empty() || input ? Number(number(pair)) : std::string("-");
                       }});
  };
  const bool backward = c.op == ASSAY_ATTENTION_BACKWARD;
  const bool capped = c.attention.softcap != 0;
  const bool of_scores = backward && spot.output != Role::kDv;
  const std::string factor = FactorName(spot);
  add(true, "score", [](const Pair& p) { return p.score; });
  add(capped, "capped", [](const Pair& p) { return p.capped; });
  add(
      c.bias.given, "bias", [](const Pair& p) { return static_cast<long double>(p.bias); }, true);
  add(capped || c.bias.given, "z", [](const Pair& p) { return p.z; });
  add(true, "share", [](const Pair& p) { return p.share; });
  add(of_scores, "upstream.v", [](const Pair& p) { return p.inner; });
  add(of_scores, "delta", [](const Pair& p) { return p.delta; });
  add(of_scores && capped, "f", [](const Pair& p) { return p.bend; });
  add(of_scores, "g", [](const Pair& p) { return p.g; });
  add(
      !factor.empty(), factor, [](const Pair& p) { return static_cast<long double>(p.factor); }, true);
  add(!factor.empty(), "term", [](const Pair& p) { return p.term; });
  return columns;
}

void PrintPairs(const Case& c, const Spot& spot) {
  const Pairs source(c, spot);
  const std::vector<Pair> all = source.All();
  const std::vector<Pair> chosen = Chosen(all, spot);
  const std::vector<Column> columns = ColumnsOf(c, spot);
  const auto seen = std::count_if(all.begin(), all.end(), [](const Pair& pair) { return pair.hidden.empty(); });
  std::string text = fmt::format("{}: {} of {} {}; scale {:.9g}", Title(c, spot), seen, all.size(),
                                 spot.ByKey() ? "do" : "keys seen", properties::ScaleOf(c));
  if (!c.attention.has_scale) text += ", the default";
  if (!spot.ByKey() && c.op == ASSAY_ATTENTION_BACKWARD) {
    text += fmt::format(", saved lse {:.9g}", Tensor(c, Role::kSavedLse)(spot.at[0], spot.at[1], spot.at[2], 0));
  }
  fmt::print("  {}\n", Wrapped(text, 2));
  const bool heads = spot.ByKey() && properties::GroupSize(c.attention) > 1;
  std::vector<std::string> names;
  if (heads) names.emplace_back("head");
  names.emplace_back(spot.ByKey() ? "query" : "key");
  names.emplace_back("visible");
  const std::size_t why = names.size() - 1;
  for (const Column& column : columns) names.push_back(column.head);
  Table table(names);
  for (const Pair& pair : chosen) {
    std::vector<std::string> cells;
    if (heads) cells.push_back(std::to_string(pair.head));
    cells.push_back(std::to_string(spot.ByKey() ? pair.query : pair.key));
    cells.push_back(pair.hidden.empty() ? "yes" : "no: " + pair.hidden);
    for (const Column& column : columns) cells.push_back(column.cell(pair));
    table.Add(std::move(cells), spot.marked && spot.output == Role::kDbias && pair.key == spot.at[3]);
  }
  if (c.sink.given && c.op == ASSAY_ATTENTION) {
    const double sink = c.sink[spot.at[1]];
    std::vector<std::string> cells(names.size());
    cells[0] = "sink";
    for (std::size_t j = 0; j < names.size(); ++j) {
      if (names[j] == (c.bias.given || c.attention.softcap != 0 ? "z" : "score")) cells[j] = Number(sink);
      if (names[j] == "share") {
        cells[j] = Number(std::exp(static_cast<long double>(sink) - source.Lse(spot.at[1], spot.at[2])));
      }
    }
    table.Add(std::move(cells));
  }
  table.Print({why});
  if (chosen.size() < all.size()) fmt::print("  ({} in all; these have the largest shares)\n", all.size());
}

// The results of the row, and beside out its lse.
void PrintResults(const Case& c, const subjects::SubjectInfo& info, const Spot& spot,
                  const subjects::RunResult& result) {
  std::vector<properties::ExactOutput> truth;
  try {
    truth = properties::AttentionTruth(c, oracle::Tier::kReferee);
  } catch (const oracle::Undecided& undecided) {
    fmt::print("  {}\n", Wrapped(undecided.what(), 2));
  }
  const properties::AttentionModel model(c);
  Table table({"result", "got", "nearest", "error, ULP", "allowed"});
  std::size_t entries = 0;
  properties::ForEachOutput(c, result, [&](Role role, const subjects::Array& got) {
    const bool beside = (role == Role::kOut || role == Role::kLse) && role != spot.output;
    if ((role != spot.output && !beside) || got.empty()) return;
    const Dims dims = subjects::DimsOf(c, role);
    const std::size_t row = properties::At(dims, spot.at[0], spot.at[1], spot.at[2], 0);
    const std::size_t first = beside || spot.at[3] < kShown ? 0 : spot.at[3] - kShown / 2;
    const auto exact = std::find_if(truth.begin(), truth.end(), [&](const auto& one) { return one.role == role; });
    const std::vector<properties::Bound> bounds =
        exact == truth.end() ? std::vector<properties::Bound>() : properties::BoundsOf(c, info, model, *exact);
    for (std::size_t j = first; j < std::min(dims[3], first + kShown); ++j) {
      const std::size_t i = row + j;
      std::vector<std::string> cells = {properties::PlaceText(c, role, i), fmt::format("{:a}", got[i])};
      if (exact != truth.end()) {
        const properties::Said said = exact->said[i];
        const oracle::Exact& e = exact->exact[i];
        const double allowed = properties::InUlp(bounds[i], e);
        if (said == properties::Said::kNotFinite) cells.emplace_back("NaN or inf");
        if (said == properties::Said::kNothing) cells.emplace_back("anything");
        if (said == properties::Said::kValue) {
          cells.push_back(fmt::format("{:a}", e.nearest));
          cells.push_back(fmt::format("{:.4g}", oracle::ErrUlp(got[i], e)));
          cells.push_back(std::isinf(allowed) ? "anything" : fmt::format("{:.4g}", allowed));
        }
      }
      table.Add(std::move(cells), spot.marked && role == spot.output && j == spot.at[3]);
    }
    if (role == spot.output) entries = dims[3];
  });
  table.Print({0});
  if (entries > kShown) fmt::print("  ({} entries in all)\n", entries);
}

}  // namespace

void PrintAttention(const Case& c, const subjects::SubjectInfo& info, const std::optional<properties::Witness>& witness,
                    const subjects::RunResult& result) {
  if (subjects::HasBadArguments(c)) {
    fmt::print("  the call itself answers ASSAY_OK, but is one that a kernel has to refuse\n");
    return;
  }
  const std::optional<Spot> spot = SpotOf(c, witness);
  if (!spot) {
    fmt::print("  the call has no results\n");
    return;
  }
  PrintPairs(c, *spot);
  PrintResults(c, info, *spot, result);
}

}  // namespace assay::cli
