// SPDX-License-Identifier: Apache-2.0
//
// softmax, log_softmax and logsumexp of one row, correctly rounded, any type of up to 32 bits: exponentials and their
// sum in double, each result tested for whether its error could change its rounding; the rare doubtful ones go up the
// ladder. The bits do not depend on the target, because the nearest number is one. Compiled once per target.

#if defined(ASSAY_LIB_EXACT_ACTIVATIONS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_EXACT_ACTIVATIONS_INL_H_
#undef ASSAY_LIB_EXACT_ACTIVATIONS_INL_H_
#else
#define ASSAY_LIB_EXACT_ACTIVATIONS_INL_H_
#endif

#include "exact_exponents-inl.h"
#include "exact_ladder-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Rows up to this long keep their exponentials; longer ones compute them twice. With a tile of places.h and the
// ladder's integers below 64 KiB of stack.
inline constexpr size_t kKeptExponentials = 3072;

// scratch: for the exponentials of rows of up to scratch_size - kMaxLanes entries.
HWY_NOINLINE inline void SoftmaxRow(const internal::Request& request, const internal::RowPlaces& places,
                                    double* HWY_RESTRICT scratch, size_t scratch_size) {
  const Doubles d;
  const Row row(request, places);
  const Out out(request, places);
  const RowScan scan = ScanRow(row);
  if (FillFixed(scan.kind, request, out)) return;
  const Exponents exponents(row, request.args.temperature, scan.max_logit);
  const size_t n = row.size();
  double* const kept = n + kMaxLanes <= scratch_size ? scratch : nullptr;
  const RestOfSum rest = SumRest(exponents, n, kept);
  const double sum = 1 + rest.value;
  const DoubleVec inverse = hn::Set(d, 1 / sum);
  const DoubleVec relative = hn::Set(d, bounds::ShareError(sum, rest.error));
  Ladder ladder(request, places);
  DoubleVec exponent, size;
  // In place the row is overwritten as we go: the ladder must see it whole before.
  for (int pass = places.in_place ? 0 : 1; pass < 2; ++pass) {
    for (size_t j = 0; j < n; j += Lanes()) {
      exponents.Load(j, exponent, size);
      const DoubleVec e = kept != nullptr ? hn::Load(d, kept + j) : ExpOrZero(exponent, size);
      DoubleVec p = hn::Mul(e, inverse);
      DoubleVec delta = ShareDelta(p, size, relative);
      if (HWY_UNLIKELY(rest.coarse)) {
        p = hn::Zero(d);
        delta = hn::IfThenElse(hn::Eq(e, p), hn::Set(d, bounds::kResultSlack), hn::Set(d, kInf));
      }
      delta = hn::IfThenZeroElse(hn::Eq(exponent, hn::Set(d, -kInf)), delta);
      const DoubleVec share = ladder.NearestLanes(p, delta, j);
      if (pass == 1) out.Store(share, j);
    }
  }
}

HWY_NOINLINE inline void SoftmaxRow(const internal::Request& request, const internal::RowPlaces& places) {
  HWY_ALIGN double scratch[kKeptExponentials + kMaxLanes];
  SoftmaxRow(request, places, scratch, kKeptExponentials + kMaxLanes);
}

HWY_NOINLINE inline void LogSoftmaxRow(const internal::Request& request, const internal::RowPlaces& places) {
  const Doubles d;
  const Row row(request, places);
  const Out out(request, places);
  const RowScan scan = ScanRow(row);
  if (FillFixed(scan.kind, request, out)) return;
  const Exponents exponents(row, request.args.temperature, scan.max_logit);
  const size_t n = row.size();
  const LogOfSum log_sum = LogSum(SumRest(exponents, n, nullptr));
  const DoubleVec error = hn::Set(d, log_sum.error);
  const DoubleVec minus_inf = hn::Set(d, -kInf);
  Ladder ladder(request, places);
  DoubleVec exponent, size;
  for (int pass = places.in_place ? 0 : 1; pass < 2; ++pass) {
    for (size_t j = 0; j < n; j += Lanes()) {
      exponents.Load(j, exponent, size);
      const DoubleMask absent = hn::Eq(exponent, minus_inf);
      const DoubleVec log_p = hn::Sub(exponent, hn::Set(d, log_sum.value));
      const DoubleVec delta = hn::IfThenZeroElse(absent, LogShareDelta(log_p, size, error));
      const DoubleVec result = ladder.NearestLanes(hn::IfThenElse(absent, hn::Zero(d), log_p), delta, j);
      if (pass == 1) out.Store(hn::IfThenElse(absent, minus_inf, result), j);
    }
  }
}

HWY_NOINLINE inline void LogSumExpRow(const internal::Request& request, const internal::RowPlaces& places) {
  const Row row(request, places);
  const Out out(request, places);
  const RowScan scan = ScanRow(row);
  if (scan.kind != RowKind::kFinite) return out.Set(0, FixedLogSumExp(scan.kind));
  const Exponents exponents(row, request.args.temperature, scan.max_logit);
  if (exponents.largest_only() && scan.max_logit != 0) return out.Set(0, std::copysign(kInf, scan.max_logit));
  double reference_error;
  const double reference = exponents.Reference(&reference_error);
  const LogOfSum lse = LogSumExpOf(reference, reference_error, LogSum(SumRest(exponents, row.size(), nullptr)));
  Ladder ladder(request, places);
  const DoubleVec nearest = ladder.NearestLanes(
      hn::Set(Doubles(), lse.value), hn::IfThenElseZero(hn::FirstN(Doubles(), 1), hn::Set(Doubles(), lse.error)), 0);
  out.Set(0, hn::GetLane(nearest));
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
