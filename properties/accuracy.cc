// SPDX-License-Identifier: Apache-2.0

#include "properties/accuracy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "properties/fit.h"
#include "properties/judging.h"
#include "properties/truth.h"

namespace assay::properties {
namespace {

// Of the operations whose result for +inf is a convention: whether row r of the case has one that is not checked.
bool MayBeAnything(const Case& c, const subjects::SubjectInfo& info, std::size_t r) {
  const bool by_convention = c.op == ASSAY_SOFTMAX || c.op == ASSAY_LOG_SOFTMAX || c.op == ASSAY_SPARSEMAX;
  return by_convention && info.plus_inf == ASSAY_PLUS_INF_ANYTHING && ShapeOfRow(c, r).special;
}

// One output: how its error compares with its bound.
struct Comparison {
  double err = 0;    // ULP, signed
  double bound = 0;  // ULP
  bool wrong = false;
  bool unclear = false;
  double severity = 0;
};

Comparison Compare(double got, const oracle::Exact& exact, const Bound& bound, bool nearest) {
  Comparison out{oracle::ErrUlp(got, exact), InUlp(bound, exact), false, false, 0};
  const double size = std::fabs(out.err);
  if (nearest && exact.certain) {
    // Judged by equality: half an ULP can be wrong below a power of two.
    out.wrong = !oracle::IsNearest(got, exact);
  } else if (nearest) {
    out.wrong = size - exact.width_ulp > 0.5;
    out.unclear = !out.wrong && !oracle::IsNearest(got, exact);
  } else {
    out.wrong = size - exact.width_ulp > out.bound;
    out.unclear = !out.wrong && size + exact.width_ulp > out.bound && size != 0;
  }
  const double ratio = size == 0 ? 0 : size / out.bound;
  out.severity = out.wrong ? std::max(ratio, std::nextafter(1.0, 2.0)) : std::min(ratio, 1.0);
  return out;
}

// A gradient of which a NaN or an infinity is asked for where it counts: kernels differ there (assay.h, Backward).
bool UpstreamIsNoNumber(const Case& c, std::size_t row) {
  if (!c.upstream.given) return false;
  if (c.op == ASSAY_CROSS_ENTROPY_BACKWARD) {
    return !std::isfinite(c.upstream[c.reduction == ASSAY_REDUCTION_NONE ? row : 0]);
  }
  for (std::size_t j = 0; j < c.cols; ++j) {
    if (c.Visible(row, j) && !std::isfinite(c.upstream[row * c.cols + j])) return true;
  }
  return false;
}

}  // namespace

Case WithExactResult(Case c) { return Valid(std::move(c)); }

Judgement CheckAccuracy(const Case& c, Context& context) {
  const Run run = RunCase(c, context);
  if (run.failed) return *run.failed;
  const subjects::SubjectInfo& info = context.subject.info();
  const std::vector<oracle::Exact> exact = ExactOf(c, info, context.tier);
  const std::vector<Bound> bounds = BoundsOf(c, info);
  const bool nearest = ClaimsNearest(info, c);
  const Array& out = run.result.out;
  Judgement worst;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (std::isinf(bounds[i].absolute)) continue;
    if (std::isnan(exact[i].nearest) && UpstreamIsNoNumber(c, i / c.cols)) continue;
    const Comparison compared = Compare(out[i], exact[i], bounds[i], nearest);
    if (compared.wrong) {
      if (worst.verdict == Verdict::kViolated && compared.severity <= worst.severity) continue;
      if (subjects::ShapeOf(c, Role::kOut).cols == c.cols && MayBeAnything(c, info, i / c.cols)) continue;
      Array want(out.element(), {exact[i].nearest});
      worst = ViolatedAt(c, out, i,
                         fmt::format("the nearest number is {}: off by {:.4g} ULP, {} {:.4g}", subjects::Show(want, 0),
                                     std::fabs(compared.err),
                                     nearest ? "claimed correctly rounded, at most" : "at most", compared.bound),
                         exact[i].nearest, compared.severity);
      worst.witness->err_ulp = compared.err;
      worst.witness->bound_ulp = compared.bound;
    } else if (compared.unclear) {
      KeepWorse(&worst, {Verdict::kUndecided, fmt::format("output {} lies within the oracle's width of its bound", i),
                         compared.severity, std::nullopt});
    } else if (worst.verdict == Verdict::kHolds) {
      worst.severity = std::max(worst.severity, compared.severity);
    }
  }
  return worst;
}

}  // namespace assay::properties
