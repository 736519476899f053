// SPDX-License-Identifier: Apache-2.0

#include "reports/bench_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "subjects/random.h"
#include "subjects/registry.h"
#include "subjects/scalar/number.h"
#include "subjects/table.h"

namespace assay::reports {
namespace {

using subjects::IsBackwardOfActivation;
using subjects::IsLoss;
using subjects::LoadNumber;
using subjects::StoreNumber;

std::size_t BytesOf(assay_dtype dtype) { return subjects::BytesOf(subjects::ElementOf(dtype)); }

// Six matrices of the dtype at most, a mask and labels; all of it in half of the machine's memory.
void CheckSize(const BenchCall& call) {
  if (call.rows == 0 || call.cols == 0) {
    throw BadBenchCall(fmt::format("the shape {}x{} has no entries to time", call.rows, call.cols));
  }
  std::size_t entries = 0;
  std::size_t bytes = 0;
  const bool overflows = __builtin_mul_overflow(call.rows, call.cols, &entries) ||
                         __builtin_mul_overflow(entries, 6 * BytesOf(call.dtype), &bytes);
  CheckMemory(fmt::format("{}x{}", call.rows, call.cols).c_str(), overflows, bytes);
}

assay_op ForwardOf(assay_op op) {
  return op == ASSAY_SOFTMAX_BACKWARD       ? ASSAY_SOFTMAX
         : op == ASSAY_LOG_SOFTMAX_BACKWARD ? ASSAY_LOG_SOFTMAX
                                            : ASSAY_SPARSEMAX;
}

oracle::Format FormatOf(assay_dtype dtype) {
  constexpr oracle::Format kFormats[] = {oracle::Format::kF32, oracle::Format::kF64, oracle::Format::kF16,
                                         oracle::Format::kBF16};
  return kFormats[dtype];
}

std::ptrdiff_t Index(std::size_t i) { return static_cast<std::ptrdiff_t>(i); }

}  // namespace

void CheckCall(const BenchCall& call) {
  CheckSize(call);
  if (call.mask && !subjects::TakesMask(call.op)) {
    throw BadBenchCall(fmt::format("{} takes no mask", subjects::OpName(call.op)));
  }
  if (call.temperature == 0 && !subjects::HasZeroTemperature(call.op)) {
    throw BadBenchCall(fmt::format("{} has no limit at T = 0", subjects::OpName(call.op)));
  }
}

subjects::Case FeaturesOf(const BenchCall& call) {
  subjects::Case c = subjects::MakeCase(call.op, call.dtype, 2, 4);
  c.temperature = call.temperature;
  if (call.mask) subjects::Give(c, subjects::Role::kMask);
  return c;
}

BenchData::BenchData(const BenchCall& call) : call_(call) {
  CheckCall(call);
  const std::size_t bytes = BytesOf(call.dtype);
  out_cols_ = call.op == ASSAY_LOGSUMEXP || call.op == ASSAY_CROSS_ENTROPY ? 1 : call.cols;
  args_.struct_size = sizeof args_;
  args_.rows = call.rows;
  args_.cols = call.cols;
  args_.temperature = call.temperature;
  args_.dtype = call.dtype;
  const assay_const_matrix out = AddMatrix(out_cols_, bytes);
  args_.out = {const_cast<void*>(out.data), out.row_stride, out.col_stride};
  if (IsBackwardOfActivation(call.op)) {
    args_.saved = AddMatrix(call.cols, bytes);
    FillSaved();
    args_.upstream = AddMatrix(call.cols, bytes);
    FillNormal(args_.upstream, 2);
  } else {
    args_.logits = AddMatrix(call.cols, bytes);
    FillNormal(args_.logits, 1);
  }
  subjects::Random random(call.seed, 3);
  if (call.mask) {
    args_.mask = AddMatrix(call.cols, 1);
    auto* const mask = static_cast<std::uint8_t*>(const_cast<void*>(args_.mask.data));
    for (std::size_t i = 0; i < call.rows * call.cols; ++i) mask[i] = i % call.cols == 0 || random.Below(4) != 0;
  }
  if (IsLoss(call.op)) {
    args_.labels = AddMatrix(1, sizeof(std::int64_t));
    auto* const labels = static_cast<std::int64_t*>(const_cast<void*>(args_.labels.data));
    const auto* const mask = static_cast<const std::uint8_t*>(args_.mask.data);
    for (std::size_t i = 0; i < call.rows; ++i) {
      const auto label = static_cast<std::size_t>(random.Below(call.cols));
      labels[i] = mask != nullptr && mask[i * call.cols + label] == 0 ? 0 : static_cast<std::int64_t>(label);
    }
  }
  copy_ = &Add(call.rows * call.cols * bytes);
}

BenchData::~BenchData() = default;

BenchBuffer& BenchData::Add(std::size_t bytes) {
  buffers_.push_back(std::make_unique<BenchBuffer>(bytes));
  return *buffers_.back();
}

assay_const_matrix BenchData::AddMatrix(std::size_t cols, std::size_t element_bytes) {
  return {Add(call_.rows * cols * element_bytes).data(), Index(cols), 1};
}

void BenchData::FillNormal(const assay_const_matrix& matrix, std::uint64_t stream) {
  subjects::Random random(call_.seed, stream);
  for (std::size_t i = 0; i < call_.rows * call_.cols; ++i) {
    StoreNumber(call_.dtype, const_cast<void*>(matrix.data), Index(i), random.Normal());
  }
}

// What the scalar reference gives for N(0, 1): its rounding errors are the input's, and every subject gets the same.
void BenchData::FillSaved() {
  const assay_const_matrix logits = AddMatrix(call_.cols, BytesOf(call_.dtype));
  FillNormal(logits, 1);
  assay_row_args forward = {};
  forward.struct_size = sizeof forward;
  forward.rows = call_.rows;
  forward.cols = call_.cols;
  forward.temperature = 1;
  forward.dtype = call_.dtype;
  forward.logits = logits;
  forward.out = {const_cast<void*>(args_.saved.data), args_.saved.row_stride, args_.saved.col_stride};
  const assay_subject& scalar = *subjects::FindBuiltIn("scalar")->table;
  if (subjects::KernelOf(scalar, ForwardOf(call_.op)).run(&forward) != ASSAY_OK) {
    throw std::logic_error("the scalar reference refused a forward pass");
  }
  buffers_.pop_back();
}

const void* BenchData::copy_from() const {
  return IsBackwardOfActivation(call_.op) ? args_.upstream.data : args_.logits.data;
}
void* BenchData::copy_to() const { return copy_->data(); }
std::size_t BenchData::copy_bytes() const { return copy_->size(); }

void BenchData::ClearOut() { std::memset(args_.out.data, 0xFF, call_.rows * out_cols_ * BytesOf(call_.dtype)); }

std::vector<double> BenchData::RowOf(const assay_const_matrix& matrix, std::size_t row) const {
  std::vector<double> values(call_.cols);
  for (std::size_t j = 0; j < call_.cols; ++j) {
    values[j] = LoadNumber(call_.dtype, matrix.data, Index(row * call_.cols + j));
  }
  return values;
}

std::vector<oracle::Exact> BenchData::ExactRow(std::size_t row) const {
  constexpr oracle::Tier kTier = oracle::Tier::kBulk;
  const oracle::Format format = FormatOf(call_.dtype);
  if (IsBackwardOfActivation(call_.op)) {
    const std::vector<double> saved = RowOf(args_.saved, row);
    const std::vector<double> upstream = RowOf(args_.upstream, row);
    const oracle::Gradient gradient = {saved, upstream, call_.temperature, format};
    if (call_.op == ASSAY_SOFTMAX_BACKWARD) return oracle::SoftmaxBackward(gradient, kTier);
    if (call_.op == ASSAY_LOG_SOFTMAX_BACKWARD) return oracle::LogSoftmaxBackward(gradient, kTier);
    return oracle::SparsemaxBackward(gradient, kTier);
  }
  const std::vector<double> logits = RowOf(args_.logits, row);
  oracle::Row z;
  z.logits = logits;
  if (call_.mask) z.mask = {static_cast<const std::uint8_t*>(args_.mask.data) + row * call_.cols, call_.cols};
  z.temperature = call_.temperature;
  z.format = format;
  switch (call_.op) {
    case ASSAY_SOFTMAX:
      return oracle::Softmax(z, kTier);
    case ASSAY_LOG_SOFTMAX:
      return oracle::LogSoftmax(z, kTier);
    case ASSAY_SPARSEMAX:
      return oracle::Sparsemax(z, kTier);
    case ASSAY_LOGSUMEXP:
      return {oracle::LogSumExp(z, kTier)};
    case ASSAY_SIGMOID:
      return oracle::Sigmoid(z, kTier);
    default:
      break;
  }
  std::vector<double> targets(call_.cols);
  targets[static_cast<std::size_t>(static_cast<const std::int64_t*>(args_.labels.data)[row])] = 1;
  const oracle::LossRow loss = {z, targets, 0};
  if (call_.op == ASSAY_CROSS_ENTROPY) return {oracle::CrossEntropy({&loss, 1}, 1, kTier)};
  return oracle::CrossEntropyBackward(loss, 1, 1, kTier);
}

std::optional<double> BenchData::MaxErrUlp() {
  if (call_.cols > kMaxJudged) return std::nullopt;
  const std::size_t rows = std::clamp<std::size_t>(kUsuallyJudged / call_.cols, 1, call_.rows);
  double worst = 0;
  try {
    for (std::size_t row = 0; row < rows; ++row) {
      if (!exact_.contains(row)) exact_[row] = ExactRow(row);
      const std::vector<oracle::Exact>& exact = exact_[row];
      for (std::size_t j = 0; j < out_cols_; ++j) {
        const double got = LoadNumber(call_.dtype, args_.out.data, Index(row * out_cols_ + j));
        worst = std::max(worst, oracle::ErrUlp(got, exact[j]));
      }
    }
  } catch (const oracle::Undecided&) {
    return std::nullopt;
  }
  return worst;
}

}  // namespace assay::reports
