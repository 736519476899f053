// SPDX-License-Identifier: Apache-2.0
//
// What AccurateRow does once for each row: the scan, the choice of the reference, the sum, and its results in full
// range. Part of accurate_row-inl.h, which includes it. Compiled once per target.

#if defined(ASSAY_LIB_ACCURATE_ROW_PASSES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_ACCURATE_ROW_PASSES_INL_H_
#undef ASSAY_LIB_ACCURATE_ROW_PASSES_INL_H_
#else
#define ASSAY_LIB_ACCURATE_ROW_PASSES_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

HWY_NOINLINE inline void AccurateRow::Scan() {
  const Doubles d;
  const size_t n = row_.size();
  const DoubleVec minus_inf = hn::Set(d, -kInf);
  DoubleVec x, b;
  if (only_largest_) {
    DoubleVec largest = minus_inf;
    for (size_t j = 0; j < n; j += Lanes()) {
      row_.Load(j, x, b);
      largest = hn::IfThenElse(hn::Gt(x, largest), x, largest);  // passes by NaN
    }
    largest_ = LargestLane(largest);
  }
  DoubleVec highest = minus_inf;
  DoubleVec count = hn::Zero(d);
  DoubleMask nan = hn::Ne(count, count);
  DoubleMask infinite = nan;
  for (size_t j = 0; j < n; j += Lanes()) {
    row_.Load(j, x, b);
    nan = hn::Or(nan, hn::Or(hn::IsNaN(x), hn::IsNaN(b)));
    infinite = hn::Or(infinite, hn::Or(hn::Eq(x, hn::Set(d, kInf)), hn::Eq(b, hn::Set(d, kInf))));
    const DoubleVec living = only_largest_ ? hn::IfThenElse(hn::Lt(x, hn::Set(d, largest_)), minus_inf, x) : x;
    const DoubleMask live = hn::Not(hn::Eq(living, minus_inf));
    count = hn::Add(count, hn::IfThenElseZero(live, hn::Set(d, 1.0)));
    highest = hn::Max(highest, hn::IfThenElse(live, RoughZ(x, b), minus_inf));
  }
  visible_ = static_cast<size_t>(hn::GetLane(hn::SumOfLanes(d, count)));  // whole numbers: exact in any order
  kind_ = !hn::AllFalse(d, nan)        ? RowKind::kNaN
          : !hn::AllFalse(d, infinite) ? RowKind::kInfinite
          : visible_ == 0              ? RowKind::kEmpty
                                       : RowKind::kFinite;
  if (kind_ == RowKind::kFinite) FindReference(LargestLane(highest));
}

// The first entry that has it.
HWY_NOINLINE inline void AccurateRow::FindReference(double highest_z) {
  const Doubles d;
  DoubleVec x, b;
  if (std::isinf(highest_z)) return SetReference(exact_.Largest());
  for (size_t j = 0; j < row_.size(); j += Lanes()) {
    const DoubleMask shown = Load(j, x, b);
    const DoubleMask found = hn::And(shown, hn::Eq(RoughZ(x, b), hn::Set(d, highest_z)));
    if (!hn::AllFalse(d, found)) return SetReference(j + static_cast<size_t>(hn::FindFirstTrue(d, found)));
  }
}

HWY_NOINLINE inline void AccurateRow::MoveReference(double highest_difference) {
  const Doubles d;
  DoubleVec hi, lo, error;
  for (size_t j = 0; j < row_.size(); j += Lanes()) {
    Differences(j, hi, lo, error);
    const DoubleMask found = hn::Eq(hi, hn::Set(d, highest_difference));
    if (!hn::AllFalse(d, found)) return SetReference(j + static_cast<size_t>(hn::FindFirstTrue(d, found)));
  }
}

HWY_NOINLINE inline void AccurateRow::SetReference(size_t reference) {
  double x = 0;
  double b = 0;
  (void)row_.At(reference, x, b);
  reference_ = reference;
  difference_.SetOrigin(x, b);
}

HWY_NOINLINE inline void AccurateRow::SumDifferences() {
  const Doubles d;
  LaneSum others;
  DoubleVec highest = hn::Set(d, -kInf);
  DoubleVec worst = hn::Zero(d);
  for (size_t j = 0; j < row_.size(); j += Lanes()) {
    DoubleVec z, z_lo, error, e, e_lo;
    Differences(j, z, z_lo, error);
    highest = hn::Max(highest, z);
    const DoubleMask live = hn::Ge(hn::Add(z, error), hn::Set(d, -1000.0));
    worst = hn::Max(worst, hn::IfThenElseZero(live, error));
    ExpLifted(z, z_lo, e, e_lo);
    if (reference_ >= j && reference_ < j + Lanes()) {
      const DoubleVec at = hn::Iota(d, static_cast<double>(j));
      const DoubleMask other = hn::Ne(at, hn::Set(d, static_cast<double>(reference_)));
      e = hn::IfThenElseZero(other, e);
      e_lo = hn::IfThenElseZero(other, e_lo);
    }
    others.Add(e, e_lo, j);
  }
  highest_ = LargestLane(highest);
  live_error_ = LargestLane(worst);
  sum_error_ = bounds::AccurateSumRelative(visible_, live_error_);
  const internal::ScalarPair total = others.Total();
  inverse_sum_ = internal::Reciprocal(internal::Add({1, 0}, internal::TimesPowerOfTwo(total, internal::kUnlift)));
  log_sum_lifted_ = internal::LogOnePlusLifted(total);
}

HWY_NOINLINE inline void AccurateRow::Sum() {
  SumDifferences();
  if (highest_ > kNearlyLargest) {
    MoveReference(highest_);
    SumDifferences();
  }
  if (highest_ > kNearlyLargest) {  // where differences are beyond 2^990
    SetReference(exact_.Largest());
    SumDifferences();
  }
}

HWY_NOINLINE inline internal::WidePair AccurateRow::WideDifference(double x, double x0, double b, double b0) const {
  return has_limit_ ? internal::ExactDifference(0, 0, b, b0, 1) : internal::ExactDifference(x, x0, b, b0, temperature_);
}

HWY_NOINLINE inline internal::WidePair AccurateRow::DifferenceAt(size_t j) const {
  double x = 0;
  double b = 0;
  (void)row_.At(j, x, b);
  return WideDifference(x, difference_.x0(), b, difference_.b0());
}

HWY_NOINLINE inline internal::WidePair AccurateRow::ExpAt(size_t j) const {
  using internal::WidePair;
  const Doubles d;
  const WidePair z = DifferenceAt(j);
  if (z.ToPair().hi < -4000) return WidePair();  // no product of three doubles and a quotient by a fourth is so small
  // exp(z / 4), whose error counts four times.
  const int quarter = static_cast<int>(std::max<std::int64_t>(z.e, -2000)) - 2;
  DoubleVec hi, lo;
  ExpAccurateScaled(d, hn::Set(d, std::ldexp(z.v.hi, quarter)), hn::Set(d, std::ldexp(z.v.lo, quarter)),
                    internal::kLift, hi, lo);
  const WidePair root(hn::GetLane(hi), hn::GetLane(lo), -internal::kLift);
  return (root * root) * (root * root);
}

HWY_NOINLINE inline internal::WidePair AccurateRow::LogSoftmaxAt(size_t j, internal::WidePair* error) const {
  using internal::WidePair;
  const WidePair log_sum = LogSum();
  *error = WidePair(LogSumRelative() * log_sum_lifted_.hi, 0, -internal::kLift) + WidePair(1, 0, -1400);
  if (j == reference_) return -log_sum;
  const WidePair difference = DifferenceAt(j);
  *error = *error + WidePair(std::fabs(difference.v.hi) * bounds::kExactDifferenceRelative, 0, difference.e);
  return difference - log_sum;
}

HWY_NOINLINE inline internal::WidePair AccurateRow::LogSumExp(internal::WidePair* error) const {
  using internal::WidePair;
  const WidePair log_sum = LogSum();
  const WidePair z = WideDifference(difference_.x0(), 0, difference_.b0(), 0);
  *error = WidePair(std::fabs(z.v.hi) * bounds::kExactDifferenceRelative, 0, z.e) +
           WidePair(LogSumRelative() * log_sum_lifted_.hi, 0, -internal::kLift);
  if (visible_ > 1) *error = *error + WidePair(1, 0, -1400);
  const WidePair sum = z + log_sum;
  *error = *error + WidePair(std::fabs(sum.v.hi) * 0x1p-99, 0, sum.e);
  return sum;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
