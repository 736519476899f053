// SPDX-License-Identifier: Apache-2.0
//
// What log-probabilities are: logs of shares, and logits all but for a common constant.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "properties/fit.h"
#include "properties/log_checks.h"
#include "properties/scores.h"
#include "properties/targets.h"
#include "subjects/random.h"

namespace assay::properties {

Judgement CheckNeverPositive(const Case& c, Context& context) {
  const KnownRun run = RunKnown(c, context);
  if (run.failed) return *run.failed;
  const Array& out = run.outputs->array();
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (std::isinf(run.outputs->bounds()[i].absolute)) continue;
    const double got = out[i];
    if (got > 0 || (got == 0 && std::signbit(got))) {
      return ViolatedAt(c, out, i, "no log-probability is above 0, and zeros are +0", 0, kInf);
    }
  }
  return {};
}

// The exponentials sum to 1 within the sum of exp(log p) (e^slack - 1); and each is the subject's own share, where it
// has softmax, within the slack of both.
Judgement CheckExpOfLog(const Case& c, Context& context) {
  const KnownRun run = RunKnown(c, context);
  if (run.failed) return *run.failed;
  const Outputs& logs = *run.outputs;
  Judgement worst;
  const auto exp_at = [&](std::size_t i) {
    // A visible log of -inf is a number below the lowest of the type: nothing is left of its exponential.
    if (logs.array()[i] == -kInf && std::isfinite(logs.bounds()[i].absolute)) {
      return Exp(Approx(-subjects::FormatOf(logs.array().element()).max_finite));
    }
    return Exp(logs[i]);
  };
  for (std::size_t r = 0; r < c.rows && c.cols > 0; ++r) {
    Sum sum;
    for (std::size_t j = 0; j < c.cols; ++j) {
      if (c.Visible(r, j)) sum.Add(exp_at(r * c.cols + j));
    }
    const Approx excess = sum.Value() - Approx(1.0);
    KeepSeverity(&worst, ZeroSeverity(excess), [&] {
      return fmt::format(
          "row {}: the exponentials of its log-probabilities sum to 1 {} {:.3g}; their errors may add up "
          "to {:.3g}",
          r, excess.value < 0 ? "-" : "+", static_cast<double>(std::fabs(excess.value)),
          static_cast<double>(excess.error));
    });
  }
  const KnownRun shares = RunKnownDerived(SameLogits(c, ASSAY_SOFTMAX), context);
  if (shares.failed && shares.failed->verdict == Verdict::kNotApplicable) return worst;  // the sum decides
  if (shares.failed) return *shares.failed;
  for (std::size_t i = 0; i < c.rows * c.cols; ++i) {
    if (!c.Visible(i / c.cols, i % c.cols)) continue;
    const Approx want = exp_at(i);
    Expect(&worst, c, logs.array(), i, ZeroSeverity((*shares.outputs)[i] - want), Log((*shares.outputs)[i]), [&] {
      return fmt::format("the share itself is {}, and the exponential {:.9g}", Show(shares.outputs->array(), i),
                         static_cast<double>(want.value));
    });
  }
  return worst;
}

// log p_i - log p_max = z_i - z_max: no exponential is involved, so nothing underflows. Slack: those of both results.
Judgement CheckLogDifferences(const Case& c, Context& context) {
  const KnownRun run = RunKnown(c, context);
  if (run.failed) return *run.failed;
  const Outputs& logs = *run.outputs;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows; ++r) {
    std::size_t max = kPadding;
    for (std::size_t j = 0; j < c.cols; ++j) {
      const std::size_t i = r * c.cols + j;
      if (c.Visible(r, j) && (max == kPadding || ScoreOf(c, i).value > ScoreOf(c, max).value)) max = i;
    }
    for (std::size_t j = 0; j < c.cols; ++j) {
      const std::size_t i = r * c.cols + j;
      if (!c.Visible(r, j) || i == max) continue;
      const Approx want = logs[max] + ScoreDifference(c, i, max);
      double severity = ZeroSeverity(logs[i] - want);
      // An infinity stands for what lies beyond the lowest number, at least by half of it here.
      const double lowest = -subjects::FormatOf(logs.array().element()).max_finite;
      if (logs.array()[i] == -kInf && std::isfinite(logs.bounds()[i].absolute) && want.value > lowest / 2) {
        severity = kInf;
      }
      Expect(&worst, c, logs.array(), i, severity, want, [&] {
        return fmt::format("that of entry {} is {} and their scores differ by {:.9g}: that makes {:.9g}", max % c.cols,
                           Show(logs.array(), max), static_cast<double>(ScoreDifference(c, max, i).value),
                           static_cast<double>(want.value));
      });
    }
  }
  return worst;
}

Case WithDominatingEntry(Case c) {
  c = WithFiniteRows(AllVisible(WithoutScaling(OneRowOf(std::move(c)))));
  if (c.cols < 2) {
    const Case old = std::move(c);
    c = subjects::MakeCase(old.op, old.dtype, 1, 2);
    c.law_key = old.law_key;
    c.property = old.property;
    c.origin = old.origin;
  }
  double first = -kInf;
  double second = -kInf;
  for (std::size_t j = 0; j < c.cols; ++j) {
    const double x = c.logits[j];
    second = std::max(second, std::min(first, x));
    first = std::max(first, x);
  }
  if (first - second >= 2) return c;
  // One leads by 3 to 3 + 2^k, k up to 5: -log p from 2^-4 to below half the ulp of 1 in any type.
  subjects::Random random(c.law_key, 6);
  constexpr double kTops[] = {0, 1, 5, -3, 100};
  const double top = kTops[random.Below(std::size(kTops))];
  const double reach = static_cast<double>(std::uint64_t{1} << random.Below(6));
  const std::size_t leader = random.Below(c.cols);
  const double lead = random.Uniform(3, 3 + reach);
  for (std::size_t j = 0; j < c.cols; ++j) {
    c.logits.values.Set(j, j == leader ? top : top - lead - random.Uniform(0, reach));
  }
  return c;
}

}  // namespace assay::properties
