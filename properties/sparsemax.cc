// SPDX-License-Identifier: Apache-2.0
//
// What defines sparsemax: on the simplex, one threshold for all, exact zeros below it.

#include "properties/sparsemax.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "properties/approx.h"
#include "properties/fit.h"
#include "properties/truth.h"

namespace assay::properties {
namespace {

// z of an entry.
Approx Score(const Case& c, std::size_t i) {
  const Approx scaled = OverT(c.logits[i], c.temperature);
  return c.bias.given ? scaled + c.bias[i] : scaled;
}

// The visible entries of a row.
std::vector<std::size_t> VisibleOf(const Case& c, std::size_t row) {
  std::vector<std::size_t> visible;
  for (std::size_t j = 0; j < c.cols; ++j) {
    if (c.Visible(row, j)) visible.push_back(row * c.cols + j);
  }
  return visible;
}

// How far above the threshold an entry outside the support may seem to a subject: no way where every result is the
// nearest number, else what its error may come to, be it made before or after the subtraction of tau.
Approx Margin(const Case& c, const subjects::SubjectInfo& info, const Outputs& got, std::size_t i) {
  if (ClaimsNearest(info, c)) return {};
  return SlackAround(got.bounds()[i], got.array().element(), got.array()[i]);
}

bool SurelyAbove(const Approx& a, const Approx& b) { return a.value - a.error >= b.value + b.error; }

std::string EntryOf(const Case& c, std::size_t i) { return fmt::format("[{}, {}]", i / c.cols, i % c.cols); }

}  // namespace

Case WithPositiveTemperature(Case c) {
  c = WithFiniteRows(std::move(c));
  if (c.temperature == 0) c.temperature = 1;
  return c;
}

Judgement CheckSparsemaxSimplex(const Case& c, Context& context) {
  const KnownRun run = RunKnown(c, context);
  if (run.failed) return *run.failed;
  const Outputs& got = *run.outputs;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows && c.cols > 0; ++r) {
    Sum sum;
    for (std::size_t i = r * c.cols; i < (r + 1) * c.cols; ++i) {
      const double p = got.array()[i];
      const bool promised = std::isfinite(got.bounds()[i].absolute);
      if (promised && (!(p >= 0 && p <= 1) || std::signbit(p))) {
        return ViolatedAt(c, got.array(), i, "a share lies in [+0, 1]", 0, kInf);
      }
      sum.Add(c.Visible(r, i % c.cols) ? got[i] : Approx(p));
    }
    KeepSeverity(&worst, ZeroSeverity(sum.Value() - 1.0), [&] {
      return fmt::format("row {} sums to 1 {:+.3g}; the errors of its entries may add up to {:.3g}", r,
                         static_cast<double>(sum.Value().value - 1), static_cast<double>(sum.Value().error));
    });
  }
  return worst;
}

namespace {

bool InSupport(const oracle::Exact& exact) { return exact.nearest != 0 || exact.remainder_ulp != 0; }

Approx ShareOf(const oracle::Exact& exact) {
  return {static_cast<long double>(exact.nearest) + static_cast<long double>(exact.remainder_ulp) * exact.ulp,
          static_cast<long double>(exact.width_ulp) * exact.ulp};
}

// The threshold of a row: z - p of the entry in the support where that is known best.
Approx ThresholdOf(const Case& c, const std::vector<std::size_t>& visible, const std::vector<oracle::Exact>& exact) {
  Approx tau = kInf;
  for (const std::size_t i : visible) {
    if (!InSupport(exact[i])) continue;
    const Approx here = Score(c, i) - ShareOf(exact[i]);
    if (here.error < tau.error) tau = here;
  }
  return tau;
}

// What follows from the largest score: tau >= max z - 1, as no share is above 1.
Judgement CheckZerosBelowMaximum(const Case& c, const subjects::SubjectInfo& info, const Outputs& got) {
  for (std::size_t r = 0; r < c.rows; ++r) {
    const std::vector<std::size_t> visible = VisibleOf(c, r);
    Approx max;
    for (std::size_t k = 0; k < visible.size(); ++k) {
      max = k == 0 ? Score(c, visible[0]) : Max(max, Score(c, visible[k]));
    }
    for (const std::size_t i : visible) {
      if (got.array().Bits(i) == 0 || !SurelyAbove(max - 1.0, Score(c, i) + Margin(c, info, got, i))) continue;
      return ViolatedAt(c, got.array(), i, "its score is at least 1 below the largest: exactly +0", 0, kInf);
    }
  }
  return {};
}

// Where the oracle's support begins.
Judgement CheckSupport(const Case& c, const subjects::SubjectInfo& info, const Outputs& got,
                       const std::vector<oracle::Exact>& exact) {
  for (std::size_t r = 0; r < c.rows; ++r) {
    const std::vector<std::size_t> visible = VisibleOf(c, r);
    const Approx tau = ThresholdOf(c, visible, exact);
    for (const std::size_t i : visible) {
      const Approx share = ShareOf(exact[i]);
      const double slack = InUlp(got.bounds()[i], exact[i]) * exact[i].ulp;
      if (InSupport(exact[i])) {
        if (got.array()[i] != 0 || !(share.value - share.error > slack)) continue;
        const std::string what = fmt::format("it is in the support, with {:.9g}", static_cast<double>(share.value));
        return ViolatedAt(c, got.array(), i, what, exact[i].nearest, kInf);
      }
      if (got.array().Bits(i) == 0) continue;
      const bool explained = got.array()[i] <= slack && !SurelyAbove(tau, Score(c, i) + Margin(c, info, got, i));
      if (explained && !ClaimsNearest(info, c)) continue;
      const std::string what = fmt::format("it is outside the support, which begins above z = {:.9g}: exactly +0",
                                           static_cast<double>(tau.value));
      return ViolatedAt(c, got.array(), i, what, 0, kInf);
    }
  }
  return {};
}

// The case with an entry outside the support of each row moved up to the threshold, to the last number not above it:
// the support stays what it is. Where T or a bias stands between the logits and z, the case as it is.
Case WithEntryAtThreshold(Case c, const std::vector<oracle::Exact>& exact) {
  if (c.temperature != 1 || c.bias.given) return c;
  const subjects::Element element = c.logits.values.element();
  for (std::size_t r = 0; r < c.rows; ++r) {
    const std::vector<std::size_t> visible = VisibleOf(c, r);
    const auto tau = static_cast<double>(ThresholdOf(c, visible, exact).value);
    for (const std::size_t i : visible) {
      if (InSupport(exact[i])) continue;
      const double nearest = subjects::RoundTo(element, tau);
      const double below = nearest > tau ? nearest - subjects::UlpOf(element, nearest) : nearest;
      if (std::isfinite(below)) c.logits.values.Set(i, below);
      break;
    }
  }
  return Settled(std::move(c));
}

}  // namespace

Judgement CheckSparsemaxExactZeros(const Case& c, Context& context) {
  const KnownRun run = RunKnown(c, context);
  if (run.failed) return *run.failed;
  const subjects::SubjectInfo& info = context.subject.info();
  Judgement worst = CheckZerosBelowMaximum(c, info, *run.outputs);
  if (worst.verdict == Verdict::kViolated) return worst;
  const std::vector<oracle::Exact> exact = ExactOf(c, info, context.tier);
  worst = CheckSupport(c, info, *run.outputs, exact);

  const Case tight = WithEntryAtThreshold(c, exact);
  if (tight == c) return worst;
  const KnownRun again = RunKnownDerived(tight, context);
  if (again.failed) {
    KeepWorse(&worst, *again.failed);
    return worst;
  }
  Judgement judgement = CheckSupport(tight, info, *again.outputs, ExactOf(tight, info, context.tier));
  if (judgement.verdict == Verdict::kViolated) {
    judgement.reason = "with an entry moved to the threshold: " + judgement.reason;
  }
  KeepWorse(&worst, std::move(judgement));
  return worst;
}

// Karush, Kuhn & Tucker: one tau with z - p = tau where p > 0 and z <= tau where p = 0. Each result limits tau: from
// below by z - p - slack, from above too where p > 0; the limits must leave room.
Judgement CheckSparsemaxKkt(const Case& c, Context& context) {
  const KnownRun run = RunKnown(c, context);
  if (run.failed) return *run.failed;
  const Outputs& got = *run.outputs;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows; ++r) {
    Approx low;
    Approx high;
    std::size_t low_at = c.rows * c.cols;
    std::size_t high_at = low_at;
    for (const std::size_t i : VisibleOf(c, r)) {
      const Approx tau = Score(c, i) - got[i];
      if (std::isinf(tau.error)) continue;
      if (low_at == c.rows * c.cols || tau.value - tau.error > low.value - low.error) {
        low = tau;
        low_at = i;
      }
      if (got.array()[i] > 0 && (high_at == c.rows * c.cols || tau.value + tau.error < high.value + high.error)) {
        high = tau;
        high_at = i;
      }
    }
    if (high_at == c.rows * c.cols) continue;
    KeepSeverity(&worst, NonnegativeSeverity(high - low), [&] {
      return fmt::format(
          "no threshold serves all of row {}: z - p is {:.9g} at entry {} (p = {}), but {:.9g} at entry "
          "{} (p = {})",
          r, static_cast<double>(low.value), EntryOf(c, low_at), Show(got.array(), low_at),
          static_cast<double>(high.value), EntryOf(c, high_at), Show(got.array(), high_at));
    });
  }
  return worst;
}

// Sorted by score, shares never fall by more than both their errors.
Judgement CheckSparsemaxOrder(const Case& c, Context& context) {
  const KnownRun run = RunKnown(c, context);
  if (run.failed) return *run.failed;
  const Outputs& got = *run.outputs;
  const bool nearest = ClaimsNearest(context.subject.info(), c);
  Judgement worst;
  for (std::size_t r = 0; r < c.rows; ++r) {
    std::vector<std::size_t> order = VisibleOf(c, r);
    std::vector<Approx> scores(c.cols);
    for (const std::size_t i : order) scores[i % c.cols] = Score(c, i);
    const auto score = [&](std::size_t i) -> const Approx& { return scores[i % c.cols]; };
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return score(a).value < score(b).value; });
    const auto share = [&](std::size_t i) { return nearest ? Approx(got.array()[i]) : got[i]; };
    std::size_t best = c.rows * c.cols;  // the one with the highest lower limit so far
    Approx highest;
    // Scores rise, so those before k that are surely lower than it are a run from the front, which only grows.
    std::size_t sure = 0;
    for (const std::size_t i : order) {
      for (; sure < order.size(); ++sure) {
        const std::size_t k = order[sure];
        if (!(score(k).value + score(k).error < score(i).value - score(i).error)) break;
        const Approx p = share(k);
        if (best == c.rows * c.cols || p.value - p.error > highest.value - highest.error) {
          highest = p;
          best = k;
        }
      }
      if (best == c.rows * c.cols) continue;
      KeepSeverity(&worst, NonnegativeSeverity(share(i) - highest), [&] {
        return fmt::format("entry {} has a higher score than entry {}, but the share {} against {}", EntryOf(c, i),
                           EntryOf(c, best), Show(got.array(), i), Show(got.array(), best));
      });
    }
  }
  return worst;
}

}  // namespace assay::properties
