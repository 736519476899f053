// SPDX-License-Identifier: Apache-2.0
//
// The plain softmax, in double with std::exp, and nineteen faulty ones from the same source: each Fault changes one
// statement, where its name stands. That shows which statement a property guards, and that nothing else differs.

#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "assay/assay.h"
#include "subjects/scalar/call.h"

namespace assay::subjects {

enum class Fault {
  kNone,
  kFloatAccumulator,
  kRoundedShift,
  kFiniteStartMaximum,
  kOneHotAtZeroTemperature,
  kInverseTemperature,
  kCappedTemperature,
  kMaskAsLargeNegative,
  kMaximumOverMasked,
  kMaskBeforeScale,
  kFloatTail,
  kStaleRowMaximum,
  kAlignedPeel,
  kIgnoresRowStride,
  kRereadsMaximum,
  kIgnoresNan,
  kEmptyRowZero,
  kDropsTail,
  kOverReads,
  kAcceptsNegativeTemperature,
};

// What lies behind the last whole vector of eight. 1000 % 8 == 0: a test of a thousand logits never comes here.
inline std::size_t TailBegin(std::size_t cols) { return cols - cols % 8; }

// The logit of an entry; -inf makes it invisible.
template <Fault kFault>
float Logit(const Row& row, std::size_t col) {
  if (!row.Masked(col)) return row.logits[col];
  // Faults: a masked entry gets a very small logit instead of none; the mask is added to the logit before T divides.
  return kFault == Fault::kMaskAsLargeNegative ? -1e9F
         : kFault == Fault::kMaskBeforeScale   ? row.logits[col] - 1e4F
                                               : -std::numeric_limits<float>::infinity();
}

template <Fault kFault>
bool Visible(float logit) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  // Fault: written as >, the comparison is false for NaN, which then passes for masked.
  return kFault == Fault::kIgnoresNan ? logit > -kInf : !(logit == -kInf);
}

// exp((logit - maximum) / T) of a visible entry, 1 for the largest.
template <Fault kFault>
double Weight(const Row& row, std::size_t col, float logit, float maximum, std::size_t argmax, double temperature) {
  if (temperature == 0) {
    // Fault: the first maximum takes all, its equals nothing.
    return (kFault == Fault::kOneHotAtZeroTemperature ? col == argmax : logit == maximum) ? 1 : 0;
  }
  if (std::isinf(temperature)) return 1;
  // Fault: the difference is rounded to float: up to |d| * 2^-24, relatively, in the result.
  const double d = kFault == Fault::kRoundedShift ? static_cast<double>(logit - maximum)
                                                  : static_cast<double>(logit) - static_cast<double>(maximum);
  // Faults: 1 / T is inf where T < 2^-1024, and inf * 0 NaN; T beyond 1000 counts as 1000.
  const double z = kFault == Fault::kInverseTemperature  ? d * (1 / temperature)
                   : kFault == Fault::kCappedTemperature ? d / std::fmin(temperature, 1e3)
                                                         : d / temperature;
  // Faults: the tail, or the head before the first 32-byte boundary, goes through a float exp.
  const bool in_float =
      (kFault == Fault::kFloatTail && col >= TailBegin(row.cols)) ||
      (kFault == Fault::kAlignedPeel && reinterpret_cast<std::uintptr_t>(row.logits + col) <
                                            (reinterpret_cast<std::uintptr_t>(row.logits) + 31) / 32 * 32);
  return in_float ? static_cast<double>(std::exp(static_cast<float>(z))) : std::exp(z);
}

// `maximum` comes in as the row before left it; only a fault cares.
template <Fault kFault>
void SoftmaxRow(const assay_softmax_args& args, const Row& row, float* maximum) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  // Faults: the maximum of the row before stays; the maximum starts at a number that logits may lie below.
  if (kFault != Fault::kStaleRowMaximum) *maximum = kFault == Fault::kFiniteStartMaximum ? -1e4F : -kInf;
  std::size_t argmax = 0;
  bool empty = true;
  bool not_finite = false;
  for (std::size_t col = 0; col < row.cols; ++col) {
    const float logit = Logit<kFault>(row, col);
    // Fault: the maximum is taken over what the mask hides, too.
    const float candidate = kFault == Fault::kMaximumOverMasked ? row.logits[col] : logit;
    if (candidate > *maximum) {
      *maximum = candidate;
      argmax = col;
    }
    if (!Visible<kFault>(logit)) continue;
    empty = false;
    not_finite = not_finite || !(logit < kInf);  // NaN or +inf
  }
  if constexpr (kFault == Fault::kOverReads) {
    // Fault: a last vector load reaches one entry past the row. What it brings is not used.
    if (row.cols % 8 != 0) (void)*static_cast<const volatile float*>(row.logits + row.cols);
  }
  if (not_finite) return FillNan(row);
  // Fault: empty rows are zeros whatever was asked for.
  if (empty) return kFault == Fault::kEmptyRowZero || EmptyRowIsZero(args) ? FillZero(row) : FillNan(row);

  // Fault: the sum is kept in float, one entry after the other.
  std::conditional_t<kFault == Fault::kFloatAccumulator, float, double> sum = 0;
  for (std::size_t col = 0; col < row.cols; ++col) {
    const float logit = Logit<kFault>(row, col);
    if (!Visible<kFault>(logit)) continue;
    sum += static_cast<decltype(sum)>(Weight<kFault>(row, col, logit, *maximum, argmax, args.temperature));
  }
  // Fault: what is left over behind the last whole vector is not written.
  const std::size_t end = kFault == Fault::kDropsTail ? TailBegin(row.cols) : row.cols;
  for (std::size_t col = 0; col < end; ++col) {
    // Fault: the maximum is read again from the logits; in place, a probability lies there by now.
    const float subtracted = kFault == Fault::kRereadsMaximum ? row.logits[argmax] : *maximum;
    const float logit = Logit<kFault>(row, col);
    row.probs[col] = !Visible<kFault>(logit)
                         ? 0.0F
                         : static_cast<float>(Weight<kFault>(row, col, logit, subtracted, argmax, args.temperature) /
                                              static_cast<double>(sum));
  }
}

template <Fault kFault>
assay_status Softmax(const assay_softmax_args* args) {
  assay_status status = CheckStruct(args);
  if (status != ASSAY_OK) return status;
  // Fault: T < 0 is taken, though it turns the order around.
  const bool refused =
      kFault == Fault::kAcceptsNegativeTemperature ? std::isnan(args->temperature) : !(args->temperature >= 0);
  if (refused) return ASSAY_BAD_TEMPERATURE;
  status = CheckBuffers(*args);
  if (status != ASSAY_OK || args->cols == 0) return status;
  float maximum = -std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < args->rows; ++i) {
    Row row = RowOf(*args, i);
    // Fault: rows of the output are taken to lie without gaps.
    if constexpr (kFault == Fault::kIgnoresRowStride) row.probs = static_cast<float*>(args->probs) + i * args->cols;
    SoftmaxRow<kFault>(*args, row, &maximum);
  }
  return ASSAY_OK;
}

}  // namespace assay::subjects
