// SPDX-License-Identifier: Apache-2.0
//
// softmax, log_softmax and logsumexp of rows that lie side by side, correctly rounded, any type of up to 32 bits: the
// first step of exact_activations-inl.h with a lane for each row. A row that is not finite or has a result in doubt is
// left to the kernel of one row. Compiled once per target.

#if defined(ASSAY_LIB_EXACT_INNER_ACTIVATIONS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_EXACT_INNER_ACTIVATIONS_INL_H_
#undef ASSAY_LIB_EXACT_INNER_ACTIVATIONS_INL_H_
#else
#define ASSAY_LIB_EXACT_INNER_ACTIVATIONS_INL_H_
#endif

#include "exact_exponents-inl.h"
#include "exact_inner-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The exponents of a group of rows, as Exponents has them of one.
class InnerExponents {
 public:
  HWY_INLINE InnerExponents(const internal::Request& request, size_t first, size_t rows)
      : entries_(request, first, rows),
        rows_(rows),
        cols_(request.args.cols),
        inverse_(InverseTemperature(request.args.temperature)),
        largest_only_(request.args.temperature < bounds::kHardmaxBelow) {}

  HWY_INLINE size_t rows() const { return rows_; }
  HWY_INLINE DoubleVec Logits(size_t i, size_t j) const { return entries_.Logits(i, j); }
  // As Exponents::Load, of entry j of the rows from row i on.
  HWY_INLINE void Load(size_t i, size_t j, DoubleVec& HWY_RESTRICT d, DoubleVec& HWY_RESTRICT size) const {
    DoubleVec x, b;
    entries_.Load(i, j, x, b);
    Of(i, x, b, d, size);
  }

  // What Load needs, and SumRest of each row into `rests`; a row that is not finite or whose sum is coarse joins
  // `left`.
  HWY_NOINLINE void Sum(InnerSet& left, RestOfSum* HWY_RESTRICT rests) {
    Scan(left);
    if (entries_.has_bias()) {
      FindReferences();
      if (!ReferencesWillDo()) FindReferences();
    }
    SumRests(rests);
    for (size_t i = 0; i < rows_; ++i) {
      if (rests[i].coarse) left.Add(i);
    }
  }

  // The logsumexp of a row, and a bound of its error.
  HWY_INLINE LogOfSum LogSumExp(size_t i, const RestOfSum& rest) const {
    if (largest_only_ && max_logit_.of[i] != 0) return {std::copysign(kInf, max_logit_.of[i]), 0};
    double error;
    const double reference = ReferenceOf(reference_x_.of[i], reference_b_.of[i], inverse_, entries_.has_bias(), &error);
    return LogSumExpOf(reference, error, LogSum(rest));
  }

 private:
  HWY_INLINE void Of(size_t i, DoubleVec x, DoubleVec b, DoubleVec& HWY_RESTRICT d,
                     DoubleVec& HWY_RESTRICT size) const {
    const DoubleMask live = largest_only_ ? hn::Eq(x, max_logit_.At(i)) : hn::Gt(x, hn::Set(Doubles(), -kInf));
    ExponentOf(x, reference_x_.At(i), b, reference_b_.At(i), inverse_, live, d, size);
  }

  // As ScanRow.
  HWY_NOINLINE void Scan(InnerSet& left) {
    const Doubles tag;
    const DoubleVec infinity = hn::Set(tag, kInf);
    ForInnerBlocks(rows_, cols_, [&](size_t i, size_t begin, size_t end) HWY_ATTR {
      DoubleVec max = max_logit_.At(i);
      DoubleMask finite = hn::Eq(infinity, infinity);
      DoubleVec x, b;
      for (size_t j = begin; j < end; ++j) {
        entries_.Load(i, j, x, b);
        finite = hn::And(finite, hn::And(hn::Lt(x, infinity), hn::Lt(b, infinity)));  // false for NaN
        max = hn::IfThenElse(hn::Gt(x, max), x, max);
      }
      max_logit_.Set(i, max);
      if (HWY_UNLIKELY(!hn::AllTrue(tag, finite))) left.Add(i, hn::Not(finite));
    });
    for (size_t i = 0; i < rows_; ++i) {
      if (max_logit_.of[i] == -kInf) left.Add(i);
    }
    if (entries_.has_bias()) return;
    for (size_t i = 0; i < rows_; i += Lanes()) reference_x_.Set(i, max_logit_.At(i));
  }

  // As Exponents::FindReference.
  HWY_NOINLINE void FindReferences() {
    InnerDoubles best(-kInf), best_x(-kInf), best_b(-kInf);
    ForInnerBlocks(rows_, cols_, [&](size_t i, size_t begin, size_t end) HWY_ATTR {
      DoubleVec highest = best.At(i), highest_x = best_x.At(i), highest_b = best_b.At(i);
      DoubleVec x, b, d, size;
      for (size_t j = begin; j < end; ++j) {
        entries_.Load(i, j, x, b);
        Of(i, x, b, d, size);
        const DoubleMask better = hn::Gt(d, highest);
        highest = hn::IfThenElse(better, d, highest);
        highest_x = hn::IfThenElse(better, x, highest_x);
        highest_b = hn::IfThenElse(better, b, highest_b);
      }
      best.Set(i, highest);
      best_x.Set(i, highest_x);
      best_b.Set(i, highest_b);
    });
    reference_x_ = best_x;
    reference_b_ = best_b;
  }
  bool ReferencesWillDo() const {
    bool all = true;
    for (size_t i = 0; i < rows_; ++i) {
      all = all && MagnitudeOf(reference_x_.of[i], reference_b_.of[i], inverse_) <= kLargestReference;
    }
    return all;
  }

  // As SumRest.
  HWY_NOINLINE void SumRests(RestOfSum* HWY_RESTRICT rests) const {
    const Doubles tag;
    const DoubleVec zero = hn::Zero(tag);
    InnerDoubles sums(0), low_sums(0), weights(0), reaches(0), tops(0), maxima(-1);
    ForInnerBlocks(rows_, cols_, [&](size_t i, size_t begin, size_t end) HWY_ATTR {
      DoubleVec sum = sums.At(i), sum_lo = low_sums.At(i), weighted = weights.At(i), reach = reaches.At(i);
      DoubleVec top = tops.At(i), count = maxima.At(i), next, error, d, size;
      for (size_t j = begin; j < end; ++j) {
        Load(i, j, d, size);
        const DoubleVec e = ExpOrZero(d, size);
        const DoubleMask equal = hn::Eq(d, zero);
        count = hn::Add(count, hn::IfThenElseZero(equal, hn::Set(tag, 1.0)));
        TwoSum(sum, hn::IfThenZeroElse(equal, e), next, error);
        sum = next;
        sum_lo = hn::Add(sum_lo, error);
        weighted = hn::MulAdd(e, size, weighted);
        reach = hn::Max(reach, hn::IfThenElseZero(hn::Gt(e, zero), size));
        top = hn::Max(top, d);
      }
      sums.Set(i, sum);
      low_sums.Set(i, sum_lo);
      weights.Set(i, weighted);
      reaches.Set(i, reach);
      tops.Set(i, top);
      maxima.Set(i, count);
    });
    for (size_t i = 0; i < rows_; ++i) {
      const internal::ScalarPair total = internal::Add({maxima.of[i], 0}, {sums.of[i], low_sums.of[i]});
      rests[i] = RestOf(total.hi, weights.of[i], reaches.of[i], tops.of[i], cols_);
    }
  }

  InnerEntries entries_;
  size_t rows_;
  size_t cols_;
  double inverse_;
  bool largest_only_;
  InnerDoubles max_logit_{-kInf};
  InnerDoubles reference_x_{0};
  InnerDoubles reference_b_{0};
};

// Writes the lanes of v within +- delta that this leaves no doubt about; rows with others join `left`. In place rows
// must be known before one is written, and those in doubt stay what they are.
class InnerRounding {
 public:
  HWY_INLINE InnerRounding(const internal::Request& request, size_t first, const InnerExponents& exponents,
                           InnerSet& left)
      : exponents_(exponents),
        out_(request, first, exponents.rows()),
        dtype_(request.args.dtype),
        in_place_(request.args.out.data == request.args.logits.data),
        left_(left) {}

  // Passes 0 and 1, or 1 alone, which writes.
  HWY_INLINE int FirstPass() const { return in_place_ ? 0 : 1; }

  // The lanes that are `absent` are that number.
  HWY_INLINE void Store(DoubleVec v, DoubleVec delta, DoubleMask absent, DoubleVec number, size_t i, size_t j,
                        int pass) const {
    const Doubles tag;
    const DoubleVec low = RoundNumbers(dtype_, hn::Sub(v, delta));
    const DoubleMask known = hn::Or(absent, hn::Eq(low, RoundNumbers(dtype_, hn::Add(v, delta))));
    if (HWY_UNLIKELY(!hn::AllTrue(tag, known))) left_.Add(i, hn::Not(known));
    if (pass == 0) return;
    DoubleVec result = hn::IfThenElse(absent, number, low);
    if (in_place_) result = hn::IfThenElse(left_.At(i), exponents_.Logits(i, j), result);
    out_.Store(result, i, j);
  }

 private:
  const InnerExponents& exponents_;
  InnerResults out_;
  int32_t dtype_;
  bool in_place_;
  InnerSet& left_;
};

HWY_NOINLINE inline void ExactInnerSoftmax(const internal::Request& request, size_t first, size_t rows,
                                           InnerSet& left) {
  const Doubles tag;
  InnerExponents exponents(request, first, rows);
  RestOfSum rests[kInnerRows];
  exponents.Sum(left, rests);
  InnerDoubles inverses(0), relatives(0);
  for (size_t i = 0; i < rows; ++i) {
    const double sum = 1 + rests[i].value;
    inverses.of[i] = 1 / sum;
    relatives.of[i] = bounds::ShareError(sum, rests[i].error);
  }
  const InnerRounding rounding(request, first, exponents, left);
  for (int pass = rounding.FirstPass(); pass < 2; ++pass) {
    ForInnerBlocks(rows, request.args.cols, [&](size_t i, size_t begin, size_t end) HWY_ATTR {
      const DoubleVec inverse = inverses.At(i), relative = relatives.At(i);
      DoubleVec d, size;
      for (size_t j = begin; j < end; ++j) {
        exponents.Load(i, j, d, size);
        const DoubleVec p = hn::Mul(ExpOrZero(d, size), inverse);
        const DoubleMask absent = hn::Eq(d, hn::Set(tag, -kInf));
        rounding.Store(p, ShareDelta(p, size, relative), absent, hn::Zero(tag), i, j, pass);
      }
    });
  }
}

HWY_NOINLINE inline void ExactInnerLogSoftmax(const internal::Request& request, size_t first, size_t rows,
                                              InnerSet& left) {
  const Doubles tag;
  InnerExponents exponents(request, first, rows);
  RestOfSum rests[kInnerRows];
  exponents.Sum(left, rests);
  InnerDoubles logs(0), errors(0);
  for (size_t i = 0; i < rows; ++i) {
    const LogOfSum log_sum = LogSum(rests[i]);
    logs.of[i] = log_sum.value;
    errors.of[i] = log_sum.error;
  }
  const InnerRounding rounding(request, first, exponents, left);
  for (int pass = rounding.FirstPass(); pass < 2; ++pass) {
    ForInnerBlocks(rows, request.args.cols, [&](size_t i, size_t begin, size_t end) HWY_ATTR {
      const DoubleVec log_sum = logs.At(i), error = errors.At(i), minus_inf = hn::Set(tag, -kInf);
      DoubleVec d, size;
      for (size_t j = begin; j < end; ++j) {
        exponents.Load(i, j, d, size);
        const DoubleVec log_p = hn::Sub(d, log_sum);
        rounding.Store(log_p, LogShareDelta(log_p, size, error), hn::Eq(d, minus_inf), minus_inf, i, j, pass);
      }
    });
  }
}

HWY_NOINLINE inline void ExactInnerLogSumExp(const internal::Request& request, size_t first, size_t rows,
                                             InnerSet& left) {
  const assay_row_args& a = request.args;
  InnerExponents exponents(request, first, rows);
  RestOfSum rests[kInnerRows];
  exponents.Sum(left, rests);
  for (size_t i = 0; i < rows; ++i) {
    if (left.Has(i)) continue;
    const LogOfSum lse = exponents.LogSumExp(i, rests[i]);
    const double low = internal::RoundNumber(a.dtype, lse.value - lse.error);
    if (low != internal::RoundNumber(a.dtype, lse.value + lse.error)) {
      left.Add(i);
    } else {
      internal::StoreNumber(a.dtype, a.out.data, static_cast<std::ptrdiff_t>(first + i) * a.out.row_stride, low);
    }
  }
}

// Whether a call is for these lanes.
HWY_INLINE bool IsInnerActivation(const internal::Request& request) {
  const assay_row_args& a = request.args;
  return request.first_step == 0 && ResultsAreSideBySide(request) &&
         AreSideBySide(a.logits.row_stride, a.logits.col_stride) && a.bias.data != a.out.data;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
