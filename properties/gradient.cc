// SPDX-License-Identifier: Apache-2.0
//
// The Jacobians of the activations, as laws between results. With y = saved, u = upstream, over the entries with y > 0:
//   softmax      dx = y (u - m) / T        m = sum y u
//   log_softmax  dx = (u - e^y sum u) / T
//   sparsemax    dx = (u - mean u) / T
// All of it holds exactly in whatever y a kernel is given; what the sum of y lacks to 1 is part of the laws.

#include "properties/gradient.h"

#include <fmt/format.h>

#include <cmath>

#include "properties/approx.h"
#include "properties/fit.h"
#include "properties/targets.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Random;

// What the entries of a row's gradient add up to, exactly:
//   softmax        sum y (u - m) / T = (1 - sum y) m / T
//   log_softmax    (1 - sum e^y) sum u / T
//   sparsemax      0
//   cross_entropy  scale (sum_v p sum t - sum_v t) / T = scale (sum of t behind the mask) / T, as sum_v p = 1
Approx ExactSumOfRow(const Case& c, std::size_t row) {
  Sum mass;
  Sum moment;
  if (c.op == ASSAY_SPARSEMAX_BACKWARD) return {};
  if (c.op == ASSAY_CROSS_ENTROPY_BACKWARD) {
    if (Ignored(c, row) || ShapeOfRow(c, row).visible == 0) return {};
    const std::vector<Approx> targets = TargetsOfRow(c, row);
    for (std::size_t j = 0; j < c.cols; ++j) {
      if (!c.Visible(row, j)) moment.Add(targets[j]);
    }
    return OverT(ScaleOfRow(c, row) * moment.Value(), c.temperature);
  }
  for (std::size_t j = 0; j < c.cols; ++j) {
    if (!c.Visible(row, j)) continue;
    const double y = c.saved[row * c.cols + j];
    const double u = c.upstream[row * c.cols + j];
    const bool log = c.op == ASSAY_LOG_SOFTMAX_BACKWARD;
    mass.Add(log ? Exp(y) : Approx(y));
    moment.Add(log ? Approx(u) : Approx(y) * u);
  }
  return OverT((Approx(1.0) - mass.Value()) * moment.Value(), c.temperature);
}

std::string Interval(const Approx& a) {
  return fmt::format("{:.6g} (+- {:.3g})", static_cast<double>(a.value), static_cast<double>(a.error));
}

// c with other upstreams: of(row, col) for the entries that have mass.
template <class Of>
Case WithUpstream(Case c, Of of) {
  for (std::size_t i = 0; i < c.upstream.values.size(); ++i) {
    if (c.Visible(i / c.cols, i % c.cols)) c.upstream.values.Set(i, of(i / c.cols, i % c.cols));
  }
  return Settled(std::move(c));
}

// <a, b> over the entries with mass.
Approx Product(const Case& c, std::size_t row, const Outputs& a, const Case& b) {
  Sum sum;
  for (std::size_t j = 0; j < c.cols; ++j) {
    const std::size_t i = row * c.cols + j;
    if (c.Visible(row, j)) sum.Add(a[i] * b.upstream[i]);
  }
  return sum.Value();
}

}  // namespace

Judgement CheckGradientSumsToZero(const Case& c, Context& context) {
  const KnownRun run = RunKnown(c, context);
  if (run.failed) return *run.failed;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows; ++r) {
    Sum sum;
    for (std::size_t j = 0; j < c.cols; ++j) {
      if (c.Visible(r, j)) sum.Add((*run.outputs)[r * c.cols + j]);
    }
    const Approx want = ExactSumOfRow(c, r);
    KeepSeverity(&worst, ZeroSeverity(sum.Value() - want), [&] {
      return fmt::format("the gradient of row {} sums to {}; exact is {}", r, Interval(sum.Value()), Interval(want));
    });
  }
  return worst;
}

// Softmax: u + k has the moment m + k sum y, so dx moves by k y (1 - sum y) / T. Sparsemax: not at all.
Judgement CheckGradientShift(const Case& c, Context& context) {
  Random random(c.law_key, 11);
  const double steps = static_cast<double>(1 + random.Below(ShiftSteps(c.dtype)));
  const double shift = (random.Below(2) == 0 ? steps : -steps) * GridStep(c.dtype);
  const Case shifted =
      WithUpstream(c, [&](std::size_t row, std::size_t col) { return c.upstream[row * c.cols + col] + shift; });
  const KnownRun base = RunKnown(c, context);
  if (base.failed) return *base.failed;
  const KnownRun moved = RunKnownDerived(shifted, context);
  if (moved.failed) return *moved.failed;
  if (c.op == ASSAY_SPARSEMAX_BACKWARD && ClaimsNearest(context.subject.info(), c)) {
    return SameBitsOrViolated(c, moved.outputs->array(), "after a shift of the upstream", base.outputs->array(),
                              "before");
  }
  Judgement worst;
  for (std::size_t r = 0; r < c.rows; ++r) {
    Sum mass;
    for (std::size_t j = 0; j < c.cols; ++j) mass.Add(c.Visible(r, j) ? c.saved[r * c.cols + j] : 0);
    for (std::size_t j = 0; j < c.cols; ++j) {
      const std::size_t i = r * c.cols + j;
      if (!c.Visible(r, j)) continue;
      Approx want;
      if (c.op == ASSAY_SOFTMAX_BACKWARD) {
        want = OverT(Approx(shift) * c.saved[i] * (Approx(1.0) - mass.Value()), c.temperature);
      }
      const Approx moved_by = (*moved.outputs)[i] - (*base.outputs)[i];
      KeepSeverity(&worst, ZeroSeverity(moved_by - want), [&] {
        return fmt::format("adding {:g} to the upstream of row {} moves the gradient of entry {} by {}; exact is {}",
                           shift, r, j, Interval(moved_by), Interval(want));
      });
    }
  }
  return worst;
}

// <J a, b> = <a, J b>: the Jacobians of softmax and sparsemax are symmetric, so one product serves both directions.
Judgement CheckGradientSymmetric(const Case& c, Context& context) {
  Random random(c.law_key, 12);
  // Multiples of 1/4 up to 8: exact in every dtype.
  const Case other =
      WithUpstream(c, [&](std::size_t, std::size_t) { return (static_cast<double>(random.Below(65)) - 32) / 4; });
  const KnownRun a = RunKnown(c, context);
  if (a.failed) return *a.failed;
  const KnownRun b = RunKnownDerived(other, context);
  if (b.failed) return *b.failed;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows; ++r) {
    const Approx left = Product(c, r, *a.outputs, other);
    const Approx right = Product(c, r, *b.outputs, c);
    KeepSeverity(&worst, ZeroSeverity(left - right), [&] {
      return fmt::format("row {}: <J a, b> is {}, but <a, J b> is {}, a the upstream and b another one", r,
                         Interval(left), Interval(right));
    });
  }
  return worst;
}

namespace {

// <u, J u> >= min(0, 1 - S) q / T: softmax has <u, J u> T = q - m^2 with q = sum y u^2, and m^2 <= S q with S = sum y
// by Cauchy and Schwarz. Sparsemax: a sum of squared distances from the mean, over T.
Judgement CheckNonnegativeForm(const Case& c, Context& context) {
  const KnownRun run = RunKnown(c, context);
  if (run.failed) return *run.failed;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows; ++r) {
    Approx floor;
    if (c.op == ASSAY_SOFTMAX_BACKWARD) {
      Sum mass;
      Sum squares;
      for (std::size_t j = 0; j < c.cols; ++j) {
        const std::size_t i = r * c.cols + j;
        if (!c.Visible(r, j)) continue;
        mass.Add(c.saved[i]);
        squares.Add(Approx(c.saved[i]) * c.upstream[i] * c.upstream[i]);
      }
      floor = Min(0.0, OverT((Approx(1.0) - mass.Value()) * squares.Value(), c.temperature));
    }
    const Approx form = Product(c, r, *run.outputs, c);
    KeepSeverity(&worst, NonnegativeSeverity(form - floor), [&] {
      return fmt::format("row {}: <u, J u> is {}, u the upstream; exact is at least {}", r, Interval(form),
                         Interval(floor));
    });
  }
  return worst;
}

// The loss is convex in the logits, so that its gradients obey <g(x) - g(x'), x - x'> >= 0; x' is the row with its
// visible logits in the opposite order.
Judgement CheckMonotone(const Case& c, Context& context) {
  Case reversed = c;
  for (std::size_t r = 0; r < c.rows; ++r) {
    std::vector<std::size_t> visible;
    for (std::size_t j = 0; j < c.cols; ++j) {
      if (c.Visible(r, j)) visible.push_back(r * c.cols + j);
    }
    for (std::size_t k = 0; k < visible.size(); ++k) {
      reversed.logits.values.Set(visible[k], c.logits[visible[visible.size() - 1 - k]]);
    }
  }
  reversed = Settled(std::move(reversed));
  const KnownRun a = RunKnown(c, context);
  if (a.failed) return *a.failed;
  const KnownRun b = RunKnownDerived(reversed, context);
  if (b.failed) return *b.failed;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows; ++r) {
    Sum sum;
    for (std::size_t j = 0; j < c.cols; ++j) {
      const std::size_t i = r * c.cols + j;
      if (!c.Visible(r, j)) continue;
      sum.Add(((*a.outputs)[i] - (*b.outputs)[i]) * (Approx(c.logits[i]) - reversed.logits[i]));
    }
    const Approx scale = ScaleOfRow(c, r);
    const Approx form = scale.value < 0 ? -sum.Value() : sum.Value();
    KeepSeverity(&worst, NonnegativeSeverity(form), [&] {
      return fmt::format("row {}: <g(x) - g(x'), x - x'> is {} for x' = x backwards; a convex loss has at least 0", r,
                         Interval(form));
    });
  }
  return worst;
}

}  // namespace

Judgement CheckGradientSemidefinite(const Case& c, Context& context) {
  return subjects::IsLoss(c.op) ? CheckMonotone(c, context) : CheckNonnegativeForm(c, context);
}

}  // namespace assay::properties
