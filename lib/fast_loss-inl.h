// SPDX-License-Identifier: Apache-2.0
//
// The fast tier's cross-entropy of labels in f32 lanes: without smoothing, targets or bias, which are left to the exact
// tier. It needs one pass, for the sum. Compiled once per target. Error    bounds::kFastLossRelative.

#if defined(ASSAY_LIB_FAST_LOSS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_LOSS_INL_H_
#undef ASSAY_LIB_FAST_LOSS_INL_H_
#else
#define ASSAY_LIB_FAST_LOSS_INL_H_
#endif

#include "fast_log_softmax-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Labels of a call's rows.
class Labels {
 public:
  explicit HWY_INLINE Labels(const assay_row_args& args) : args_(args) {}

  HWY_INLINE int64_t Of(size_t row) const {
    return static_cast<const int64_t*>(args_.labels.data)[static_cast<std::ptrdiff_t>(row) * args_.labels.row_stride];
  }
  HWY_INLINE bool IsIgnored(size_t row) const { return args_.has_ignore_index != 0 && Of(row) == args_.ignore_index; }
  // What a reduction divides by; 0: no row counts.
  HWY_INLINE double Divisor() const {
    if (args_.reduction != ASSAY_REDUCTION_MEAN) return 1;
    size_t count = 0;
    for (size_t row = 0; row < args_.rows; ++row) count += IsIgnored(row) ? 0u : 1u;
    return static_cast<double>(count);
  }

 private:
  const assay_row_args& args_;
};

// Whether a call is for these lanes at all.
HWY_INLINE bool IsPlainLoss(const assay_row_args& args) {
  return args.bias.data == nullptr && args.targets.data == nullptr && args.label_smoothing == 0 &&
         ExpScale(args.temperature).Serves(args.cols);
}

// One logit as f32; -inf where it is masked.
HWY_INLINE float LogitAt(const FastRow& row, int64_t j) {
  HWY_ALIGN float buffer[kBlock];
  return *row.Block(static_cast<size_t>(j), 1, buffer);
}

HWY_INLINE float LogitAt(const DirectRow& row, int64_t j) { return row.data()[j]; }

// -log p of entry `logit`, given sum and maximum at the usual scale; false: a row for the exact tier.
HWY_INLINE bool LossOf(const ExpScale& scale, double usual_sum, float row_max, const FastRow& row, float logit,
                       double* loss) {
  const Doubles d;
  const double z = static_cast<double>(row_max) * scale.exact;
  if (!(logit > kMinusInf)) return false;
  if (HWY_LIKELY(IsUsual(usual_sum, z))) {
    const double lse = hn::GetLane(Log(hn::Set(d, usual_sum))) - kUsualScale.exponent * kLn2;
    *loss = lse - static_cast<double>(logit) * (scale.exact * kLn2);
    if (HWY_LIKELY(*loss > kLn2)) return true;
  }
  LogRow logs;
  if (!LogsOfUnusualRow(scale, row, &logs)) return false;
  const double over = (static_cast<double>(logit) - static_cast<double>(logs.shift)) * (scale.exact * kLn2);
  *loss = logit == logs.row_max ? 0.0 - logs.max_log : logs.lse - over;
  return true;
}

// Losses of rows whose sums and maxima are known; returns the set of those that are left to the exact tier. An ignored
// row's is 0.
inline HWY_NOINLINE uint64_t LossesOf(const ExpScale& scale, const Labels& labels, const FastRows& rows, size_t first,
                                      size_t count, const double* HWY_RESTRICT sums, const float* HWY_RESTRICT row_max,
                                      double* HWY_RESTRICT losses) {
  uint64_t left = 0;
  for (size_t i = 0; i < count; ++i) {
    losses[i] = 0;
    const size_t row = rows.first + first + i;
    if (labels.IsIgnored(row)) continue;
    const FastRow logits(rows, first + i);
    const bool done = LossOf(scale, sums[i], row_max[i], logits, LogitAt(logits, labels.Of(row)), &losses[i]);
    if (HWY_UNLIKELY(!done)) left |= uint64_t{1} << i;
  }
  return left;
}

template <class Row>
HWY_NOINLINE inline uint64_t LossesOfGroup(const ExpScale& scale, const FloatExp& constants, const Labels& labels,
                                           const FastRows& rows, size_t first, size_t count,
                                           double* HWY_RESTRICT losses) {
  const FloatExp exp = constants;
  float row_max[kGroup];
  double sums[kGroup];
  for (size_t i = 0; i < count; ++i) sums[i] = UsualSum(exp, Row(rows, first + i), &row_max[i]);
  return LossesOf(scale, labels, rows, first, count, sums, row_max, losses);
}

// Where losses go: to a place for each row, or into one sum, in the order of the rows.
class LossSink {
 public:
  HWY_INLINE LossSink(const internal::Request& request, const Labels& labels)
      : request_(request), labels_(labels), reduced_(request.args.reduction != ASSAY_REDUCTION_NONE) {}

  // False where no more losses are wanted: one row's share of a sum cannot be asked of the exact tier.
  HWY_INLINE bool IsOpen() const { return all_done_ || !reduced_; }

  // Those of `count` rows; `left`: the set that is left to the exact tier.
  HWY_INLINE void Take(const FastRows& rows, size_t first, size_t count, const double* HWY_RESTRICT losses,
                       uint64_t left) {
    const assay_row_args& a = request_.args;
    all_done_ = all_done_ && left == 0;
    for (size_t i = 0; i < count; ++i) {
      const size_t row = rows.first + first + i;
      if (reduced_) {
        total_ += losses[i];
      } else if ((left >> i & 1) == 0) {
        internal::StoreNumber(a.dtype, a.out.data, static_cast<std::ptrdiff_t>(row) * a.out.row_stride, losses[i]);
      } else {
        RunExactRow(request_, rows, first + i);
      }
    }
  }

  HWY_INLINE void Finish() const {
    if (!reduced_) return;
    if (!all_done_) return RunExact(request_);
    // The mean over no row: 0 / 0.
    internal::StoreNumber(request_.args.dtype, request_.args.out.data, 0, total_ / labels_.Divisor());
  }

 private:
  const internal::Request& request_;
  const Labels& labels_;
  bool reduced_;
  bool all_done_ = true;
  double total_ = 0;
};

inline void InnerCrossEntropy(const ExpScale& scale, const FloatExp& exp, const Labels& labels, const FastRows& rows,
                              LossSink& sink);

inline void FastCrossEntropy(const internal::Request& request) {
  const assay_row_args& a = request.args;
  if (!IsPlainLoss(a)) return RunExact(request);
  const ExpScale scale(a.temperature);
  const FloatExp exp(scale, kUsualScale.shift, kUsualScale.exponent);
  const Labels labels(a);
  LossSink sink(request, labels);
  if (IsInner(a, true)) {
    InnerCrossEntropy(scale, exp, labels, AllRows(request), sink);
    return sink.Finish();
  }
  ForGroups(request, [&](const FastRows& rows, size_t first, size_t count) HWY_ATTR {
    if (!sink.IsOpen()) return;
    double losses[kGroup];
    FastRows inputs = rows;
    inputs.out.stride = 1;  // one entry a row
    const uint64_t left = AreDirect(inputs) ? LossesOfGroup<DirectRow>(scale, exp, labels, rows, first, count, losses)
                                            : LossesOfGroup<FastRow>(scale, exp, labels, rows, first, count, losses);
    sink.Take(rows, first, count, losses, left);
  });
  sink.Finish();
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
