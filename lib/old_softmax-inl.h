// SPDX-License-Identifier: Apache-2.0
//
// softmax of one row, correctly rounded: exponentials and their sum in double, each quotient tested for whether its
// error could change the rounding to f32; the rare doubtful ones (about one in 2^24) redone in double-double, tested
// again, and those that somebody tuned to be in doubt even there decided by integers (wide.h).
// Compiled once per target; the bits do not depend on it, because the nearest float is one.

#if defined(ASSAY_LIB_OLD_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_OLD_SOFTMAX_INL_H_
#undef ASSAY_LIB_OLD_SOFTMAX_INL_H_
#else
#define ASSAY_LIB_OLD_SOFTMAX_INL_H_
#endif

#include <cstring>

#include "error_bounds.h"
#include "old_dd-inl.h"
#include "old_exp-inl.h"
#include "old_row-inl.h"
#include "old_rows.h"
#include "rounding.h"
#include "wide.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Rows up to this long keep their exponentials (8 bytes each, 48 KiB of stack); longer ones compute them twice.
inline constexpr size_t kKeptExponentials = 6144;

struct Extremes {
  float max;        // -inf where nothing is visible
  bool not_finite;  // a visible NaN or +inf
};

HWY_INLINE Extremes FindExtremes(const Row& row) {
  const Floats d;
  const FloatVec infinity = hn::Set(d, std::numeric_limits<float>::infinity());
  FloatVec max = hn::Neg(infinity);
  auto finite = hn::Eq(max, max);
  for (size_t j = 0; j < row.size(); j += Row::Lanes()) {
    const FloatVec x = row.Load(j);
    finite = hn::And(finite, hn::Lt(x, infinity));  // false for NaN
    max = hn::IfThenElse(hn::Gt(x, max), x, max);   // Max() treats NaN differently on each target
  }
  return {hn::GetLane(hn::MaxOfLanes(d, max)), !hn::AllTrue(d, finite)};
}

// Equal shares among the entries x >= floor, 0 for the others.
HWY_INLINE void ShareEqually(const Row& row, float floor, float* probs) {
  const Floats d;
  const FloatVec least = hn::Set(d, floor);
  uint64_t count = 0;
  for (size_t j = 0; j < row.size(); j += Row::Lanes()) count += hn::CountTrue(d, hn::Ge(row.Load(j), least));
  const FloatVec share = hn::Set(d, internal::ReciprocalOf(count));
  for (size_t j = 0; j < row.size(); j += Row::Lanes()) {
    row.Store(hn::IfThenElseZero(hn::Ge(row.Load(j), least), share), j, probs);
  }
}

// Exponents z = (x - max) / T of a row, in double lanes.
struct Exponents {
  double max;
  internal::ScalarPair inverse;  // 1 / T

  HWY_INLINE DoubleVec Rounded(FloatVec x) const {
    const Doubles d;
    return hn::Mul(hn::Sub(hn::PromoteTo(d, x), hn::Set(d, max)), hn::Set(d, inverse.hi));
  }

  // exp(z) to double-double; 0 where z < -700 and for invisible entries.
  HWY_INLINE Pair<DoubleVec> AccurateExp(FloatVec x) const {
    const Doubles d;
    const auto live = hn::Gt(Rounded(x), hn::Set(d, -700.0));
    const DoubleVec value = hn::IfThenElse(live, hn::PromoteTo(d, x), hn::Set(d, max));
    const Pair<DoubleVec> difference = TwoSum(value, hn::Set(d, -max));
    const Pair<DoubleVec> z =
        MultiplyPairs(d, difference, Pair<DoubleVec>{hn::Set(d, inverse.hi), hn::Set(d, inverse.lo)});
    const Pair<DoubleVec> e = ExpAccurate(d, z);
    return {hn::IfThenElseZero(live, e.hi), hn::IfThenElseZero(live, e.lo)};
  }
};

// The lanes of a pair of vectors, summed as scalar double-doubles.
HWY_INLINE internal::ScalarPair SumLanes(Pair<DoubleVec> sum) {
  const Doubles d;
  HWY_ALIGN double hi[HWY_MAX_BYTES / sizeof(double)];
  HWY_ALIGN double lo[HWY_MAX_BYTES / sizeof(double)];
  hn::Store(sum.hi, d, hi);
  hn::Store(sum.lo, d, lo);
  internal::ScalarPair total{0, 0};
  for (size_t i = 0; i < hn::Lanes(d); ++i) total = internal::Add(total, {hi[i], lo[i]});
  return total;
}

// sum of exp(z) within bounds::kSumRelative; keeps the exponentials where `kept` is not null.
HWY_INLINE double SumExp(const Row& row, const Exponents& exponents, double* HWY_RESTRICT kept) {
  const Doubles d;
  constexpr size_t kChain = 8;  // additions before a partial sum joins the exact total
  const size_t lanes = Row::Lanes();
  Pair<DoubleVec> total{hn::Zero(d), hn::Zero(d)};
  size_t j = 0;
  const auto exp_at = [&](size_t at) HWY_ATTR {
    const DoubleVec e = Exp(d, exponents.Rounded(row.Load(at)));
    if (kept != nullptr) hn::Store(e, d, kept + at);
    return e;
  };
  while (j < row.size()) {
    DoubleVec sum0 = hn::Zero(d), sum1 = sum0, sum2 = sum0, sum3 = sum0;
    for (size_t i = 0; i < kChain && j + 4 * lanes <= row.size(); ++i, j += 4 * lanes) {
      sum0 = hn::Add(sum0, exp_at(j));
      sum1 = hn::Add(sum1, exp_at(j + lanes));
      sum2 = hn::Add(sum2, exp_at(j + 2 * lanes));
      sum3 = hn::Add(sum3, exp_at(j + 3 * lanes));
    }
    if (j + 4 * lanes > row.size()) {
      for (; j < row.size(); j += lanes) sum3 = hn::Add(sum3, exp_at(j));
    }
    const DoubleVec partial = hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3));
    const Pair<DoubleVec> next = TwoSum(total.hi, partial);
    total = {next.hi, hn::Add(total.lo, next.lo)};
  }
  return SumLanes(total).hi;
}

// 1 / sum of exp(z) in double-double.
HWY_NOINLINE internal::ScalarPair AccurateInverseSum(const Row& row, const Exponents& exponents) {
  const Doubles d;
  Pair<DoubleVec> total{hn::Zero(d), hn::Zero(d)};
  for (size_t j = 0; j < row.size(); j += Row::Lanes()) {
    total = AddPairs(total, exponents.AccurateExp(row.Load(j)));
  }
  return internal::Reciprocal(SumLanes(total));
}

// Everything a doubtful quotient needs; each part is computed when first asked for.
struct Ladder {
  internal::ScalarPair inverse_sum{0, 0};  // 1 / sum in double-double
  internal::WideRow wide;
  int first_step;  // 0; 1 or 2 sends every quotient to that step: a test hook
};

// The vector of probabilities for x: in double-double, rounded once where bounds::AccurateRelative leaves no doubt,
// else by integers.
HWY_NOINLINE FloatVec AccurateProbs(FloatVec x, const Row& row, const Exponents& exponents, Ladder& ladder) {
  const Doubles d;
  if (ladder.inverse_sum.hi == 0) ladder.inverse_sum = AccurateInverseSum(row, exponents);
  const Pair<DoubleVec> p =
      MultiplyPairs(d, exponents.AccurateExp(x),
                    Pair<DoubleVec>{hn::Set(d, ladder.inverse_sum.hi), hn::Set(d, ladder.inverse_sum.lo)});
  HWY_ALIGN double hi[HWY_MAX_BYTES / sizeof(double)];
  HWY_ALIGN double lo[HWY_MAX_BYTES / sizeof(double)];
  HWY_ALIGN float logits[HWY_MAX_BYTES / sizeof(float)];
  HWY_ALIGN float rounded[HWY_MAX_BYTES / sizeof(float)];
  hn::Store(p.hi, d, hi);
  hn::Store(p.lo, d, lo);
  hn::Store(x, Floats(), logits);
  const double relative = bounds::AccurateRelative(row.size());
  for (size_t i = 0; i < Row::Lanes(); ++i) {
    rounded[i] = internal::RoundToFloat({hi[i], lo[i] - hi[i] * relative});
    float above = internal::RoundToFloat({hi[i], lo[i] + hi[i] * relative});
    if (HWY_UNLIKELY(ladder.first_step == 2 && hi[i] > 0 && rounded[i] == above)) {
      // Ask about the midpoint above, or below, that is known not to be crossed.
      if (i % 2 == 0 || above == 0) {
        above = internal::NextFloat(above);
      } else {
        rounded[i] = internal::PreviousFloat(above);
      }
    }
    if (HWY_UNLIKELY(rounded[i] != above)) {
      const double midpoint = 0.5 * (static_cast<double>(rounded[i]) + static_cast<double>(above));
      if (ladder.wide.Above(logits[i], midpoint)) rounded[i] = above;
    }
  }
  return hn::Load(Floats(), rounded);
}

// The quotients whose error could change their rounding go up the ladder. With kStore: writes every probability.
// Without: writes nothing, but leaves in the ladder all that the doubtful ones need of the row.
template <bool kStore>
HWY_INLINE void RoundQuotients(const Row& row, const Exponents& exponents, const double* HWY_RESTRICT kept, double sum,
                               Ladder& ladder, float* probs) {
  const Doubles d;
  const Floats df;
  const bool unit = exponents.inverse.hi == 1.0 && exponents.inverse.lo == 0.0;
  const DoubleVec base = hn::Set(d, unit ? bounds::kProbabilityRelativeUnitTemperature : bounds::kProbabilityRelative);
  const DoubleVec slope = hn::Set(d, unit ? 1.01 * bounds::kU : bounds::kExponentRelative);
  const DoubleVec inverse = hn::Set(d, 1.0 / sum);
  const bool climb = ladder.first_step > 0;
  for (size_t j = 0; j < row.size(); j += Row::Lanes()) {
    const FloatVec x = row.Load(j);
    const DoubleVec z = hn::Max(exponents.Rounded(x), hn::Set(d, -700.0));
    const DoubleVec e = kept != nullptr ? hn::Load(d, kept + j) : Exp(d, z);
    const DoubleVec p = hn::Mul(e, inverse);
    const DoubleVec delta = hn::Mul(p, hn::NegMulAdd(z, slope, base));  // z <= 0
    FloatVec low = hn::DemoteTo(df, hn::Sub(p, delta));
    const FloatVec high = hn::DemoteTo(df, hn::Add(p, delta));
    if (HWY_UNLIKELY(!hn::AllTrue(df, hn::Eq(low, high)) || climb)) low = AccurateProbs(x, row, exponents, ladder);
    if (kStore) row.Store(low, j, probs);
  }
}

HWY_INLINE void FillRow(float value, size_t n, float* probs) {
  for (size_t j = 0; j < n; ++j) probs[j] = value;
}

HWY_INLINE void SoftmaxRow(const Row& row, const internal::SoftmaxRows& args, internal::ScalarPair inverse_temperature,
                           double* HWY_RESTRICT scratch, float* probs) {
  const Extremes extremes = FindExtremes(row);
  if (extremes.not_finite) return FillRow(std::numeric_limits<float>::quiet_NaN(), row.size(), probs);
  if (extremes.max == Row::kMinusInf) return FillRow(args.empty_value, row.size(), probs);
  if (args.temperature < bounds::kHardmaxBelow) return ShareEqually(row, extremes.max, probs);
  if (args.temperature > bounds::kUniformAbove) {
    return ShareEqually(row, -std::numeric_limits<float>::max(), probs);
  }
  const Exponents exponents{extremes.max, inverse_temperature};
  double* const kept = row.size() <= kKeptExponentials ? scratch : nullptr;
  const double sum = SumExp(row, exponents, kept);
  Ladder ladder{
      {0, 0}, internal::WideRow(row.logits(), row.mask(), row.size(), extremes.max, args.temperature), args.first_step};
  // In place the row is overwritten as we go: what the doubtful quotients need of it must be known before.
  if (args.in_place) RoundQuotients<false>(row, exponents, kept, sum, ladder, nullptr);
  RoundQuotients<true>(row, exponents, kept, sum, ladder, probs);
}

int64_t SoftmaxRows(const internal::SoftmaxRows& args) {
  HWY_ALIGN double scratch[kKeptExponentials + HWY_MAX_BYTES / sizeof(double)];
  const internal::ScalarPair inverse_temperature = internal::Reciprocal({args.temperature, 0});  // unused at limits
  for (size_t i = 0; i < args.rows; ++i) {
    const auto at = static_cast<std::ptrdiff_t>(i);
    const uint8_t* mask = args.mask == nullptr ? nullptr : args.mask + at * args.mask_row_stride;
    const Row row(args.logits + at * args.logits_row_stride, mask, args.cols);
    SoftmaxRow(row, args, inverse_temperature, scratch, args.probs + at * args.probs_row_stride);
  }
  return HWY_TARGET;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
