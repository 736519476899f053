// SPDX-License-Identifier: Apache-2.0
//
// How scores come about: bias, softcap, scale, dimensions.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "properties/attention_checks.h"
#include "properties/attention_judging.h"
#include "properties/attention_numbers.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Random;

// The largest |value| that a query sees in each column: a share off by a factor of 1 + r moves a result by r times it.
double LargestValue(const AttentionRun& run, std::size_t at) {
  const Case& c = run.asked();
  const Dims dims = subjects::DimsOf(c, Role::kOut);
  const std::size_t row = at / dims[3];
  const std::size_t h = row / dims[2] % dims[1];
  const std::size_t n = row / dims[2] / dims[1];
  const QueryModel& query = run.model().Query(n, h, row % dims[2]);
  const Tensor v(c, Role::kV);
  double largest = 0;
  for (std::size_t j = 0; j < c.attention.seq_kv; ++j) {
    if (query.visible[j] != 0) {
      largest = std::max(largest, std::fabs(v(n, h / GroupSize(c.attention), j, at % dims[3])));
    }
  }
  return largest;
}

// Two calls whose scores differ by `apart(query row)` at most.
template <class Apart>
Judgement AgreeUpToScores(const AttentionRun& a, const std::string& how_a, const AttentionRun& b,
                          const std::string& how_b, Apart apart) {
  const Case& c = a.asked();
  Judgement worst;
  for (const Role output : kForwardOutputs) {
    if (!a.Has(output)) continue;
    Entries entries(c, output);
    const std::size_t cols = subjects::DimsOf(c, output)[3];
    for (std::size_t i = 0; i < a.Out(output).size(); ++i) {
      const std::size_t row = i / cols;
      const double difference =
          apart(a.model().Query(row / c.attention.seq_q / c.attention.num_heads,
                                row / c.attention.seq_q % c.attention.num_heads, row % c.attention.seq_q));
      const double extra =
          output == Role::kLse ? difference : std::expm1(2 * difference) * LargestValue(a, i) * (1 + 0x1p-30);
      entries.Agree(a, i, how_a, b, i, how_b, extra);
    }
    KeepWorse(&worst, entries.Take());
  }
  return worst;
}

// Every bias and sink moved by `shift`, which the grid makes exact.
Case Shifted(Case c, double shift) {
  for (subjects::Operand* operand : {&c.bias, &c.sink}) {
    for (std::size_t i = 0; i < operand->values.size(); ++i) {
      if (std::isfinite((*operand)[i])) operand->values.Set(i, (*operand)[i] + shift);
    }
  }
  return c;
}

Judgement ShiftOnlyMovesLse(const AttentionRun& run, const AttentionRun& moved, double shift) {
  const Case& c = run.asked();
  const std::string how = fmt::format("with {:g} added to every bias", shift);
  Entries out(c, Role::kOut);
  for (std::size_t i = 0; i < run.Out(Role::kOut).size(); ++i) out.Agree(run, i, "before", moved, i, how);
  Judgement worst = out.Take();
  if (!run.Has(Role::kLse)) return worst;
  Entries lse(c, Role::kLse);
  const Array& before = run.Out(Role::kLse);
  for (std::size_t row = 0; row < before.size(); ++row) {
    if (!std::isfinite(before[row])) {
      lse.Is(moved.Out(Role::kLse), row, before[row], "it is what it was before the bias was shifted");
    } else {
      lse.Near(moved, row, run.Known(Role::kLse, row) + Approx(shift),
               fmt::format("{}, it was {:.9g} before", how, before[row]));
    }
  }
  KeepWorse(&worst, lse.Take());
  return worst;
}

double ShiftOf(const Case& c, Random& random) {
  const BiasGrid grid = GridOf(c.dtype);
  const auto steps = static_cast<std::uint64_t>(grid.reach / grid.step);
  const double size = static_cast<double>(steps / 2 + random.Below(steps / 2 + 1)) * grid.step;
  return random.Below(2) == 0 ? size : -size;
}

}  // namespace

Judgement CheckBiasShift(const Case& c, Context& context) {
  if (!c.bias.given) return {};
  Random random(c.law_key, 54);
  const double shift = ShiftOf(c, random);
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  const AttentionRun moved(Shifted(Plain(c), shift), context);
  if (moved.failed()) return *moved.failed();
  return ShiftOnlyMovesLse(run, moved, shift);
}

// A softcap that bent the bias, too, would turn a shift into less than that; one that bent what a mask hides would show
// it again.
Judgement CheckSoftcapOrder(const Case& c, Context& context) {
  Judgement shifted = CheckBiasShift(c, context);
  if (shifted.verdict != Verdict::kHolds) return shifted;
  if (!c.mask.given || c.mask.values.empty()) return shifted;
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  Case cut = Plain(c);
  subjects::Take(cut, Role::kMask);
  const AttentionRun without(
      subjects::KeepAlong(cut, Axis::kKey, [&](std::size_t j) { return c.mask.values.Bits(j) != 0; }), context);
  if (without.failed()) return *without.failed();
  Judgement judgement = AgreeUpToScores(run, "under a mask over whole keys", without, "without these keys",
                                        [](const auto&) { return 0; });
  KeepWorse(&judgement, std::move(shifted));
  return judgement;
}

// |softcap tanh| <= softcap: next to the call without q k, no score moves by more.
Judgement CheckSmallSoftcap(const Case& c, Context& context) {
  Case flat = Plain(c);
  flat.attention.softcap = 0;
  for (std::size_t i = 0; i < flat.q.values.size(); ++i) flat.q.values.Set(i, 0);
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  const AttentionRun other(flat, context);
  if (other.failed()) return *other.failed();
  return AgreeUpToScores(run, fmt::format("with a softcap of {:g}", c.attention.softcap), other,
                         "without it and queries of 0", [&](const auto&) { return c.attention.softcap; });
}

Judgement CheckScaleDefault(const Case& c, Context& context) {
  Case named = Plain(c);
  named.attention.has_scale = true;
  named.attention.scale = ScaleOf(c);
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  const AttentionRun other(named, context);
  if (other.failed()) return *other.failed();
  // 1 / sqrt(d) is rounded twice in double.
  return AgreeUpToScores(run, "with the default scale", other,
                         fmt::format("with a scale of {:g}", named.attention.scale),
                         [](const QueryModel& query) { return query.scores * 0x1p-51; });
}

// scale 2^k and q / 2^k, of either sign: the same scores. Backward: dq turns into dq 2^k.
Judgement CheckScalePowerOfTwo(const Case& c, Context& context) {
  Random random(c.law_key, 55);
  const auto reach = static_cast<std::uint64_t>(MiddleReach(c.dtype) / 2);
  const int k = static_cast<int>(1 + random.Below(reach)) * (random.Below(2) == 0 ? 1 : -1);
  const double sign = random.Below(2) == 0 ? 1 : -1;
  Case scaled = Plain(c);
  scaled.attention.scale = sign * std::ldexp(c.attention.scale, k);
  for (std::size_t i = 0; i < c.q.values.size(); ++i) scaled.q.values.Set(i, sign * std::ldexp(c.q[i], -k));
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  const AttentionRun other(scaled, context);
  if (other.failed()) return *other.failed();
  const std::string how = fmt::format("with the scale times {:g} and q over it", sign * std::ldexp(1.0, k));
  Judgement worst;
  for (const Role output : kAttentionOutputs) {
    if (!run.Has(output)) continue;
    Entries entries(c, output);
    for (std::size_t i = 0; i < run.Out(output).size(); ++i) {
      if (output != Role::kDq) {
        entries.Agree(run, i, "as it is", other, i, how);
      } else {
        const Approx want = other.Known(output, i) * Approx(sign * std::ldexp(1.0, -k));
        entries.Near(run, i, want,
                     fmt::format("{} it is {:.9g}, 2^{} times what it should be here", how, other.Out(output)[i], k));
      }
    }
    KeepWorse(&worst, entries.Take());
  }
  return worst;
}

// Zeros behind q and k; behind v, too, where its dimension was that of q, for kernels that know one dimension alone.
Judgement CheckDimsPadded(const Case& c, Context& context) {
  const Attention& a = c.attention;
  Random random(c.law_key, 56);
  Attention to = a;
  const std::size_t more = 1 + random.Below(9);
  to.head_dim += more;
  if (a.value_dim == a.head_dim) to.value_dim += more;
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  const AttentionRun other(Reshaped(Plain(c), to), context);
  if (other.failed()) return *other.failed();
  Judgement worst;
  for (const Role output : kForwardOutputs) {
    if (!run.Has(output)) continue;
    Entries entries(c, output);
    const std::size_t cols = subjects::DimsOf(c, output)[3];
    const std::size_t wide = subjects::DimsOf(other.asked(), output)[3];
    for (std::size_t i = 0; i < run.Out(output).size(); ++i) {
      entries.Agree(run, i, "as it is", other, i / cols * wide + i % cols,
                    fmt::format("with {} more dimensions of 0", more));
    }
    KeepWorse(&worst, entries.Take());
  }
  return worst;
}

}  // namespace assay::properties
