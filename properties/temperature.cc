// SPDX-License-Identifier: Apache-2.0
//
// The temperature: its limits, and that it only spreads. Also the sentinel, whose rows are those of a limit.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "properties/fit.h"
#include "properties/row_checks.h"
#include "properties/scores.h"

namespace assay::properties {
namespace {

// A row of which some entries share equally and the others vanish.
struct Limit {
  std::vector<bool> live;
  bool exact = true;  // T = 0 or inf; else up to kTilt
  Approx top;         // the score of the live entries, for logsumexp
};

// The scores of the live entries differ by less, and the others hold less together (row_domains.cc).
constexpr long double kTilt = 0x1p-99L;

Approx Tilted(const Approx& a, const Limit& limit) { return limit.exact ? a : Approx(a.value, a.error + kTilt); }

// The result of one of k live entries.
Approx LiveResult(assay_op op, std::size_t k, const Limit& limit) {
  const Approx count(static_cast<double>(k));
  switch (op) {
    case ASSAY_LOG_SOFTMAX:
      return Tilted(k == 1 ? Approx() : -Log(count), limit);
    case ASSAY_LOGSUMEXP:
      return limit.top + Tilted(k == 1 ? Approx() : Log(count), limit);
    case ASSAY_SIGMOID:
      return Tilted(0.5, limit);
    default:
      return Tilted(k == 1 ? Approx(1.0) : Reciprocal(count), limit);
  }
}

// Shares that are claimed to be nearest are known by their bits: the double nearest to 1/k rounds to the number of the
// type nearest to 1/k for k < 2^26, as no double lies between 1/k and a midpoint, which is at least 2^-25/k away.
bool NearestShare(const Case& c, std::size_t k, double got) {
  return got == subjects::RoundTo(subjects::ElementOf(c.dtype), 1.0 / static_cast<double>(k));
}

Judgement JudgeLimitRow(const Case& c, Context& context, const Outputs& out, std::size_t row, const Limit& limit) {
  Judgement worst;
  std::size_t k = 0;
  std::size_t first = c.cols;
  for (std::size_t j = 0; j < c.cols; ++j) {
    if (limit.live[j] && k++ == 0) first = j;
  }
  if (k == 0) return worst;
  const Approx want = LiveResult(c.op, k, limit);
  const auto words = [&] {
    return fmt::format(
        "at T = {:g} {}: its exact value is {:.9g}", c.temperature,
        k == 1 ? "one entry of its row takes all" : fmt::format("{} entries of its row share equally", k),
        static_cast<double>(want.value));
  };
  if (c.op == ASSAY_LOGSUMEXP) {
    Expect(&worst, c, out.array(), row, ZeroSeverity(out[row] - want), want, words);
    return worst;
  }
  const bool is_share = c.op == ASSAY_SOFTMAX || c.op == ASSAY_SPARSEMAX;
  const bool by_bits = is_share && ClaimsNearest(context.subject.info(), c) && limit.exact && k < (1u << 26);
  for (std::size_t j = 0; j < c.cols; ++j) {
    const std::size_t i = row * c.cols + j;
    const double got = out.array()[i];
    if (limit.live[j]) {
      double severity = by_bits && !NearestShare(c, k, got) ? kInf : ZeroSeverity(out[i] - want);
      if (!SameNumber(out.array(), i, out.array(), row * c.cols + first)) severity = kInf;
      Expect(&worst, c, out.array(), i, severity, want, words);
    } else if (!c.Visible(row, j)) {
      continue;  // masked_is_zero
    } else if (limit.exact && c.op != ASSAY_SIGMOID) {
      const double dead = c.op == ASSAY_LOG_SOFTMAX ? -kInf : 0;
      Expect(&worst, c, out.array(), i, got == dead && (std::signbit(got) == std::signbit(dead)) ? 0 : kInf, dead,
             [&] { return fmt::format("at T = {:g} only the maxima live: it is exactly {:+g}", c.temperature, dead); });
    } else if (is_share) {
      const double severity = std::signbit(got) ? kInf : ZeroSeverity(Tilted(out[i], limit));
      Expect(&worst, c, out.array(), i, severity, Approx(), [] { return "next to the maxima it vanishes"; });
    }
  }
  return worst;
}

// limit_of_row(r) tells what the row comes to, or nothing where it does not come close enough.
template <class LimitOfRow>
Judgement JudgeLimits(const Case& c, Context& context, LimitOfRow limit_of_row) {
  const KnownRun run = RunKnown(c, context);
  if (run.failed) return *run.failed;
  const std::size_t width = c.op == ASSAY_LOGSUMEXP ? 1 : c.cols;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows && c.cols > 0; ++r) {
    if (!EveryPromised(*run.outputs, r * width, width)) continue;
    const std::optional<Limit> limit = limit_of_row(r);
    if (limit) KeepWorse(&worst, JudgeLimitRow(c, context, *run.outputs, r, *limit));
  }
  return worst;
}

// At T = 0 and T = inf, z = bias for the entries that live: what T = 1 makes of the bias as logits, -inf elsewhere.
template <class Lives>
Judgement CompareWithBiasAlone(const Case& c, Context& context, Lives lives) {
  Case alone = c;
  alone.temperature = 1;
  Take(alone, Role::kBias);
  for (std::size_t i = 0; i < c.logits.values.size(); ++i) {
    alone.logits.values.Set(i, lives(i) ? c.bias[i] : -kInf);
  }
  alone = Settled(std::move(alone));
  const Run run = RunCase(c, context);
  if (run.failed) return *run.failed;
  const Run want = RunDerived(alone, context);
  if (want.failed) return *want.failed;
  const subjects::SubjectInfo& info = context.subject.info();
  return AgreeEach(c, info, run.result.out, fmt::format("at T = {:g}", c.temperature), want.result.out,
                   BoundsOf(alone, info), "with the bias of the entries that live as logits");
}

// The largest visible logit of a row.
double LargestLogit(const Case& c, std::size_t row) {
  double max = -kInf;
  for (std::size_t j = 0; j < c.cols; ++j) {
    if (c.Visible(row, j)) max = std::max(max, c.logits[row * c.cols + j]);
  }
  return max;
}

}  // namespace

// Beyond a distance of 800 an entry holds less than e^-800 < 2^-1154 of the mass: less than half the smallest number
// of any type, and nothing beside the maxima. Rows that hold nearer ones are passed over, but at T = 0 there are none.
Judgement CheckTemperatureToZero(const Case& c, Context& context) {
  if (c.temperature == 0 && c.bias.given) {
    std::vector<double> max(c.rows);
    for (std::size_t r = 0; r < c.rows; ++r) max[r] = LargestLogit(c, r);
    return CompareWithBiasAlone(
        c, context, [&](std::size_t i) { return c.Visible(i / c.cols, i % c.cols) && c.logits[i] == max[i / c.cols]; });
  }
  return JudgeLimits(c, context, [&](std::size_t r) -> std::optional<Limit> {
    Limit limit{std::vector<bool>(c.cols), c.temperature == 0, {}};
    const double max = LargestLogit(c, r);
    for (std::size_t j = 0; j < c.cols; ++j) {
      const double x = c.logits[r * c.cols + j];
      limit.live[j] = c.Visible(r, j) && x == max;
      if (c.Visible(r, j) && x != max && !((max - x) / c.temperature > 800)) return std::nullopt;
    }
    return limit;
  });
}

// |x| / T < 2^-101 for every finite logit where T is not inf (row_domains.cc).
Judgement CheckTemperatureToInfinity(const Case& c, Context& context) {
  if (c.bias.given) {
    return CompareWithBiasAlone(c, context, [&](std::size_t i) { return c.Visible(i / c.cols, i % c.cols); });
  }
  return JudgeLimits(c, context, [&](std::size_t r) -> std::optional<Limit> {
    Limit limit{std::vector<bool>(c.cols), std::isinf(c.temperature), {}};
    for (std::size_t j = 0; j < c.cols; ++j) limit.live[j] = c.Visible(r, j);
    return limit;
  });
}

// A sentinel is a logit like any other: among -2e9 an entry of -1e9 takes all (the distance is at least 10^4).
Judgement CheckSentinelIsNoMask(const Case& c, Context& context) {
  return JudgeLimits(c, context, [&](std::size_t r) -> std::optional<Limit> {
    const auto score = [&](std::size_t j) { return ScoreOf(c, r * c.cols + j); };
    std::size_t top = c.cols;
    for (std::size_t j = 0; j < c.cols; ++j) {
      if (c.Visible(r, j) && (top == c.cols || score(j).value > score(top).value)) top = j;
    }
    if (top == c.cols) return std::nullopt;
    Limit limit{std::vector<bool>(c.cols), false, score(top)};
    for (std::size_t j = 0; j < c.cols; ++j) {
      limit.live[j] = c.Visible(r, j) && score(j).value == limit.top.value;
    }
    return limit;
  });
}

namespace {

// -p log p over the range of p in [0, 1]: concave, so its least value is at an end and its largest there or at 1/e.
Approx Surprise(const Approx& p) {
  const long double low = std::clamp<long double>(p.value - p.error, 0, 1);
  const long double high = std::clamp<long double>(p.value + p.error, 0, 1);
  const auto at = [](long double q) { return q > 0 ? -q * std::log(q) : 0; };
  constexpr long double kPeak = 0.36787944117144232160L;  // 1/e
  const long double least = std::min(at(low), at(high));
  const long double most = low < kPeak && kPeak < high ? kPeak : std::max(at(low), at(high));
  return {(least + most) / 2, (most - least) / 2 + most * 0x1p-56L};
}

}  // namespace

// dH/dT = Var(z) / T >= 0, where the variance is that of the scores under the shares. Each term -p log p has the slack
// that the range of its share gives it.
Judgement CheckEntropy(const Case& c, Context& context) {
  Case warmer = c;
  warmer.temperature =
      std::min(c.temperature * (1 + static_cast<double>(1 + c.law_key % 16) / 8), std::numeric_limits<double>::max());
  const KnownRun cold = RunKnown(c, context);
  if (cold.failed) return *cold.failed;
  const KnownRun warm = RunKnownDerived(warmer, context);
  if (warm.failed) return *warm.failed;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows && c.cols > 0; ++r) {
    Sum before;
    Sum after;
    for (std::size_t i = r * c.cols; i < (r + 1) * c.cols; ++i) {
      if (!c.Visible(r, i % c.cols)) continue;
      before.Add(Surprise((*cold.outputs)[i]));
      after.Add(Surprise((*warm.outputs)[i]));
    }
    const Approx growth = after.Value() - before.Value();
    KeepSeverity(&worst, NonnegativeSeverity(growth), [&] {
      return fmt::format(
          "row {}: raising T from {:g} to {:g} lowers the entropy from {:.9g} to {:.9g}; the slack is "
          "{:.3g}",
          r, c.temperature, warmer.temperature, static_cast<double>(before.Value().value),
          static_cast<double>(after.Value().value), static_cast<double>(growth.error));
    });
  }
  return worst;
}

}  // namespace assay::properties
