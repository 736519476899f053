// SPDX-License-Identifier: Apache-2.0

#include "inner_cases.h"

#include <cmath>
#include <limits>
#include <random>

namespace assay::internal {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

const assay_row_kernel& KernelOf(const assay_subject& subject, assay_op op) {
  const assay_row_kernel* const kernels[] = {
      &subject.softmax,          &subject.log_softmax,          &subject.logsumexp,     &subject.sigmoid,
      &subject.softmax_backward, &subject.log_softmax_backward, &subject.cross_entropy, &subject.cross_entropy_backward,
      &subject.sparsemax,        &subject.sparsemax_backward};
  return *kernels[op];
}

double SpreadOf(Values values) { return values == Values::kSpread ? 30 : values == Values::kHuge ? 3000 : 2; }

}  // namespace

Setting SettingOf(assay_op op, std::int32_t dtype, Shape shape, Values values, unsigned number) {
  constexpr double kTemperatures[] = {1, 0.7, 1, 1e-3, 1, 2, 40};
  Setting s{op,
            dtype,
            shape,
            values,
            false,
            false,
            false,
            false,
            0,
            false,
            false,
            ASSAY_REDUCTION_NONE,
            kTemperatures[number % 7]};
  s.in_place = number / 3 % 2 == 0;
  const bool forward = !IsActivationBackward(op) && op != ASSAY_SIGMOID;
  s.masked = forward && number % 3 == 0;
  s.biased = !IsActivationBackward(op) && (values == Values::kCancelling || number % 5 == 0);
  s.dense_targets = IsLoss(op) && number % 4 == 0;
  s.smoothing = IsLoss(op) && number % 11 < 3 ? 0.1 : 0;
  s.ignoring = IsLoss(op) && !s.dense_targets && number % 2 == 0;
  s.reduction = IsLoss(op) && number % 13 < 4 ? static_cast<assay_reduction>(number % 13 % 3) : ASSAY_REDUCTION_NONE;
  s.with_upstream = op == ASSAY_CROSS_ENTROPY_BACKWARD && s.reduction == ASSAY_REDUCTION_NONE && number % 3 != 1;
  return s;
}

void Fill(const Setting& s, Operands& operands, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(s.values == Values::kFarDown ? -60 : 0, SpreadOf(s.values));
  const double special[] = {std::nan(""), kInfinity, -kInfinity, -kInfinity};
  for (std::size_t i = 0; i < s.shape.rows; ++i) {
    for (std::size_t j = 0; j < s.shape.cols; ++j) {
      double x = normal(random);
      double y = normal(random);
      double b = normal(random);
      if (IsActivationBackward(s.op)) {
        x = s.op == ASSAY_LOG_SOFTMAX_BACKWARD ? -std::fabs(x) - 3 : random() % 4 == 0 ? 0 : std::fabs(x) / 64;
        if (s.values == Values::kSpecial && random() % 200 == 0) y = special[random() % 4];
        if (s.values == Values::kHuge && i % 3 == 0) x = std::ldexp(x, s.dtype == ASSAY_F64 ? -1000 : -8);
        // Halved, a tie that a subtrahend far below it breaks.
        if (s.values == Values::kHuge && random() % 4 == 0) y = 3 * (s.dtype == ASSAY_F32 ? 0x1p-149 : 0x1p-133);
      } else if (s.values == Values::kSpecial) {
        if (random() % 200 == 0) x = special[random() % 4];
        if (random() % 200 == 0) b = special[random() % 4];
        if (i == 2) x = -kInfinity;  // nothing visible
      } else if (s.values == Values::kCancelling) {
        x = std::round(x) * 4096;
        b -= x;
      }
      if (s.dense_targets) y = random() % 3 == 0 ? std::fabs(y) : 0;
      operands.Set(operands.first, i, j, x);
      operands.Set(operands.second, i, j, y);
      operands.Set(operands.bias, i, j, b);
      operands.mask[operands.At(i, j)] = random() % 4 != 0 ? 1 : 0;
    }
  }
}

std::vector<std::uint8_t>& ResultsOf(const Setting& s, Operands& operands) {
  if (!s.in_place || HasOneColumn(s.op)) return operands.out;
  return IsActivationBackward(s.op) ? operands.second : operands.first;
}

assay_status Run(const assay_subject& subject, const Setting& s, Operands& operands) {
  const bool backward = IsActivationBackward(s.op);
  std::vector<std::int64_t> labels(s.shape.rows);
  for (std::size_t i = 0; i < s.shape.rows; ++i) labels[i] = static_cast<std::int64_t>(i * 7 % s.shape.cols);
  assay_row_args args{};
  args.struct_size = sizeof args;
  args.rows = s.shape.rows;
  args.cols = s.shape.cols;
  args.temperature = s.temperature;
  args.dtype = s.dtype;
  (backward ? args.saved : args.logits) = operands.In(operands.first);
  if (backward) args.upstream = operands.In(operands.second);
  if (s.masked) args.mask = operands.In(operands.mask);
  if (s.biased) args.bias = operands.In(operands.bias);
  if (s.dense_targets) {
    args.targets = operands.In(operands.second);
  } else if (IsLoss(s.op)) {
    args.labels = {labels.data(), 1, 1};
  }
  args.label_smoothing = s.smoothing;
  args.reduction = s.reduction;
  args.has_ignore_index = s.ignoring ? 1 : 0;
  args.ignore_index = labels[1];
  std::vector<std::uint8_t> upstream(s.shape.rows * sizeof(double));
  for (std::size_t i = 0; i < s.shape.rows; ++i) {
    const double value = i % 16 == 5 ? 0x1p14 : i % 16 == 7 ? -0x1p-24 : 1.5 - static_cast<double>(i % 4);
    StoreNumber(s.dtype, upstream.data(), static_cast<std::ptrdiff_t>(i), s.dtype == ASSAY_F16 ? value : value * value);
  }
  if (s.with_upstream) args.upstream = {upstream.data(), 1, 1};
  auto& to = ResultsOf(s, operands);
  args.out = operands.Out(to);
  if (HasOneColumn(s.op)) args.out = {to.data(), 1, 1};
  return KernelOf(subject, s.op).run(&args);
}

}  // namespace assay::internal
