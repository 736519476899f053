// SPDX-License-Identifier: Apache-2.0
//
// The later steps of the exact tier's ladder: results that double lanes left in doubt. Compiled once per target.

#if defined(ASSAY_LIB_EXACT_LADDER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_EXACT_LADDER_INL_H_
#undef ASSAY_LIB_EXACT_LADDER_INL_H_
#else
#define ASSAY_LIB_EXACT_LADDER_INL_H_
#endif

#include <new>
#include <type_traits>

#include "accurate_row-inl.h"
#include "accurate_sigmoid-inl.h"
#include "error_bounds.h"
#include "exact_row.h"
#include "wide_pair.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Of one row. What a step needs of the whole row is computed when it is first asked for, and kept: in place, ask about
// every doubtful entry while the row is still whole; the same questions then give the same answers.
class Ladder {
 public:
  HWY_INLINE Ladder(const internal::Request& request, const internal::RowPlaces& places)
      : request_(request), places_(places) {}

  HWY_INLINE bool Forced() const { return request_.first_step > 0; }

  // The number nearest to the result of entry i (logsumexp: of the row): the second step, double-double, and what it
  // leaves in doubt the third, integers.
  HWY_NOINLINE double Nearest(size_t i) {
    const int32_t dtype = request_.args.dtype;
    if (request_.ladder_counts != nullptr) ++request_.ladder_counts->double_doubles;
    internal::WidePair error;
    const internal::WidePair value =
        request_.op == ASSAY_SIGMOID ? AccurateSigmoidAt(i, &error) : AccurateAt(i, &error);
    const double low = internal::RoundWide(dtype, value - error);
    const double high = internal::RoundWide(dtype, value + error);
    if (HWY_LIKELY(low == high && request_.first_step < 2)) return low;
    return ByIntegers(i, low, high);
  }

  // The same for the lanes of the vector at entry j whose enclosure v +- delta leaves their rounding in doubt; delta =
  // 0: not asked. The other lanes: v rounded.
  HWY_INLINE DoubleVec NearestLanes(DoubleVec v, DoubleVec delta, size_t j) {
    const Doubles d;
    const DoubleVec low = RoundNumbers(request_.args.dtype, hn::Sub(v, delta));
    const DoubleVec high = RoundNumbers(request_.args.dtype, hn::Add(v, delta));
    if (HWY_LIKELY(hn::AllTrue(d, hn::Eq(low, high)) && !Forced())) return low;
    return NearestDoubtful(delta, low, high, j);
  }

 private:
  HWY_NOINLINE DoubleVec NearestDoubtful(DoubleVec delta, DoubleVec low, DoubleVec high, size_t j) {
    const Doubles d;
    HWY_ALIGN double deltas[kMaxLanes], lows[kMaxLanes], highs[kMaxLanes];
    hn::Store(delta, d, deltas);
    hn::Store(low, d, lows);
    hn::Store(high, d, highs);
    for (size_t i = 0; i < Lanes(); ++i) {
      if (!(deltas[i] > 0) || (lows[i] == highs[i] && !Forced())) continue;
      lows[i] = Nearest(j + i);
    }
    return hn::Load(d, lows);
  }

  internal::WidePair AccurateAt(size_t i, internal::WidePair* error) {
    if (accurate_ == nullptr) {
      accurate_ = new (storage_) AccurateRow(request_, places_);
      accurate_->Sum();
    }
    if (request_.op == ASSAY_LOGSUMEXP) return accurate_->LogSumExp(error);
    if (request_.op == ASSAY_LOG_SOFTMAX) return accurate_->LogSoftmaxAt(i, error);
    DoubleVec p, p_lo, relative;
    accurate_->Softmax(i, p, p_lo, relative);
    const double share = hn::GetLane(p);
    *error = internal::WidePair(share * hn::GetLane(relative));
    return internal::WidePair(share, hn::GetLane(p_lo));
  }

  internal::WidePair AccurateSigmoidAt(size_t i, internal::WidePair* error) {
    const assay_row_args& a = request_.args;
    const Doubles d;
    const Values logits(places_.logits, a.dtype, a.cols, 0);
    const Values bias(places_.bias, a.dtype, a.cols, 0);
    DoubleVec p, p_lo, relative;
    AccurateSigmoid(a.temperature)
        .Lifted(hn::Set(d, logits.At(i)), hn::Set(d, bias.At(i)), bias.present(), p, p_lo, relative);
    const double lifted = hn::GetLane(p);
    *error = internal::WidePair(lifted * hn::GetLane(relative), 0, -internal::kLift);
    return internal::WidePair(lifted, hn::GetLane(p_lo), -internal::kLift);
  }

  HWY_NOINLINE double ByIntegers(size_t i, double low, double high) {
    const assay_row_args& a = request_.args;
    if (request_.ladder_counts != nullptr) ++request_.ladder_counts->integers;
    if (request_.first_step == 2) {
      // A test hook: the neighbours are candidates too.
      const double more = 4 * bounds::UnitRoundoff(static_cast<assay_dtype>(a.dtype));
      low -= more * std::fabs(low) + 0x1p-149;
      high += more * std::fabs(high) + 0x1p-149;
    }
    if (accurate_ != nullptr) return accurate_->exact().Nearest(request_.op, i, low, high);
    internal::ExactRow exact(places_.logits, places_.bias, places_.mask, a.dtype, a.cols, a.temperature);
    return exact.Nearest(request_.op, i, low, high);  // sigmoid: only entry i
  }

  const internal::Request& request_;
  const internal::RowPlaces& places_;
  // Not std::optional: its functions are not compiled for the target.
  static_assert(std::is_trivially_destructible_v<AccurateRow>);
  AccurateRow* accurate_ = nullptr;
  alignas(AccurateRow) unsigned char storage_[sizeof(AccurateRow)];
};

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
