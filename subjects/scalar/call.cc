// SPDX-License-Identifier: Apache-2.0
//
// Arguments in the order of the status codes that need no memory, then shapes, pointers, overlap, labels.

#include "subjects/scalar/call.h"

#include <cmath>
#include <limits>

#include "subjects/scalar/number.h"

namespace assay::subjects {
namespace {

// An operand as the checks see it: where it lies, its shape for this call and whether the operation has and needs it.
struct Place {
  assay_const_matrix matrix;
  std::size_t rows;
  std::size_t cols;
  std::size_t element_bytes;
  bool allowed;
  bool required;
  bool of_dtype;  // not mask or labels

  bool HasElements() const { return rows > 0 && cols > 0; }
  bool Used() const { return matrix.data != nullptr && HasElements(); }
};

struct Span {
  std::uintptr_t begin;
  std::uintptr_t end;
};

std::size_t Magnitude(std::ptrdiff_t stride) {
  return stride < 0 ? std::size_t{0} - static_cast<std::size_t>(stride) : static_cast<std::size_t>(stride);
}

// Bytes below and above the first entry; false where they do not fit in ptrdiff_t.
bool Reach(const Place& p, std::size_t* below, std::size_t* above) {
  *below = 0;
  *above = p.element_bytes;
  const auto extend = [&](std::size_t count, std::ptrdiff_t stride) {
    std::size_t bytes = 0;
    std::size_t& side = stride < 0 ? *below : *above;
    return !__builtin_mul_overflow(count - 1, Magnitude(stride), &bytes) &&
           !__builtin_mul_overflow(bytes, p.element_bytes, &bytes) && !__builtin_add_overflow(side, bytes, &side);
  };
  std::size_t all = 0;
  return extend(p.rows, p.matrix.row_stride) && extend(p.cols, p.matrix.col_stride) &&
         !__builtin_add_overflow(*below, *above, &all) &&
         all <= static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max());
}

Span SpanOf(const Place& p) {
  std::size_t below = 0;
  std::size_t above = 0;
  Reach(p, &below, &above);
  const auto data = reinterpret_cast<std::uintptr_t>(p.matrix.data);
  return {data - below, data + above};
}

// No two entries share a place: one stride steps over all that the other dimension reaches.
bool Distinct(const Place& p) {
  const std::size_t row = Magnitude(p.matrix.row_stride);
  const std::size_t col = Magnitude(p.matrix.col_stride);
  if (p.cols == 1) return p.rows == 1 || row > 0;
  if (p.rows == 1) return col > 0;
  return (col > 0 && row > (p.cols - 1) * col) || (row > 0 && col > (p.rows - 1) * row);
}

bool ExactlyInPlace(const Place& in, const Place& out) {
  return in.matrix.data == out.matrix.data && in.of_dtype && in.rows == out.rows && in.cols == out.cols &&
         (in.rows == 1 || in.matrix.row_stride == out.matrix.row_stride) &&
         (in.cols == 1 || in.matrix.col_stride == out.matrix.col_stride);
}

bool IsIn(std::int32_t value, std::int32_t last) { return value >= 0 && value <= last; }

bool HasZeroTemperature(assay_op op) {
  return op == ASSAY_SOFTMAX || op == ASSAY_LOG_SOFTMAX || op == ASSAY_SIGMOID || op == ASSAY_SPARSEMAX;
}

assay_status CheckValues(const assay_row_args& args, assay_op op) {
  if (!IsIn(args.dtype, ASSAY_BF16) || !IsIn(args.empty_row, ASSAY_EMPTY_ROW_ZERO) ||
      !IsIn(args.reduction, ASSAY_REDUCTION_MEAN)) {
    return ASSAY_BAD_ENUM;
  }
  if (!(args.temperature >= 0)) return ASSAY_BAD_TEMPERATURE;
  if (args.temperature == 0 && !HasZeroTemperature(op)) return ASSAY_BAD_TEMPERATURE;
  if (!(args.label_smoothing >= 0 && args.label_smoothing <= 1)) return ASSAY_BAD_PARAMETER;
  return ASSAY_OK;
}

assay_status CheckLabels(const assay_row_args& args) {
  if (args.labels.data == nullptr || IsEmpty(args)) return ASSAY_OK;
  for (std::size_t row = 0; row < args.rows; ++row) {
    const std::int64_t label =
        static_cast<const std::int64_t*>(args.labels.data)[static_cast<std::ptrdiff_t>(row) * args.labels.row_stride];
    if (args.has_ignore_index != 0 && label == args.ignore_index) continue;
    if (label < 0 || static_cast<std::uint64_t>(label) >= args.cols) return ASSAY_BAD_LABEL;
  }
  return ASSAY_OK;
}

}  // namespace

bool IsActivationBackward(assay_op op) {
  return op == ASSAY_SOFTMAX_BACKWARD || op == ASSAY_LOG_SOFTMAX_BACKWARD || op == ASSAY_SPARSEMAX_BACKWARD;
}

bool IsCrossEntropy(assay_op op) { return op == ASSAY_CROSS_ENTROPY || op == ASSAY_CROSS_ENTROPY_BACKWARD; }

assay_status Check(const assay_row_args* given, assay_op op) {
  if (given == nullptr) return ASSAY_NULL_POINTER;
  if (given->struct_size < sizeof *given) return ASSAY_BAD_STRUCT;
  const assay_row_args& args = *given;
  const assay_status values = CheckValues(args, op);
  if (values != ASSAY_OK) return values;

  const bool backward = IsActivationBackward(op);
  const bool loss = IsCrossEntropy(op);
  const bool reduced = loss && args.reduction != ASSAY_REDUCTION_NONE;
  const std::size_t loss_rows = reduced ? 1 : args.cols == 0 ? 0 : args.rows;
  const bool one_column = op == ASSAY_LOGSUMEXP || op == ASSAY_CROSS_ENTROPY;
  const std::size_t bytes = BytesOf(static_cast<assay_dtype>(args.dtype));
  const std::size_t rows = args.rows;
  const std::size_t cols = args.cols;
  const Place inputs[] = {
      {args.logits, rows, cols, bytes, !backward, !backward, true},
      {args.bias, rows, cols, bytes, !backward, false, true},
      {args.mask, rows, cols, 1, !backward && op != ASSAY_SIGMOID, false, false},
      {args.saved, rows, cols, bytes, backward, backward, true},
      {args.upstream, backward ? rows : loss_rows, backward ? cols : 1, bytes,
       backward || op == ASSAY_CROSS_ENTROPY_BACKWARD, backward, true},
      {args.targets, rows, cols, bytes, loss, false, true},
      {args.labels, cols == 0 ? 0 : rows, 1, sizeof(std::int64_t), loss, loss && args.targets.data == nullptr, false},
  };
  const Place out = {{args.out.data, args.out.row_stride, args.out.col_stride},
                     op == ASSAY_CROSS_ENTROPY ? loss_rows : rows,
                     one_column ? 1 : cols,
                     bytes,
                     true,
                     true,
                     true};

  for (const Place& in : inputs) {
    if (in.matrix.data != nullptr && !in.allowed) return ASSAY_BAD_PARAMETER;
  }
  if (args.labels.data != nullptr && args.targets.data != nullptr) return ASSAY_BAD_PARAMETER;
  std::size_t below = 0;
  std::size_t above = 0;
  for (const Place& in : inputs) {
    if ((in.Used() || (in.required && in.HasElements())) && !Reach(in, &below, &above)) return ASSAY_BAD_SHAPE;
  }
  if (out.HasElements() && (!Reach(out, &below, &above) || !Distinct(out))) return ASSAY_BAD_SHAPE;
  for (const Place& in : inputs) {
    if (in.required && in.HasElements() && in.matrix.data == nullptr) return ASSAY_NULL_POINTER;
  }
  if (out.HasElements() && out.matrix.data == nullptr) return ASSAY_NULL_POINTER;
  if (out.HasElements()) {
    const Span written = SpanOf(out);
    for (const Place& in : inputs) {
      if (!in.Used() || (!one_column && in.rows == rows && in.cols == cols && ExactlyInPlace(in, out))) continue;
      const Span read = SpanOf(in);
      if (read.begin < written.end && written.begin < read.end) return ASSAY_OVERLAP;
    }
  }
  return loss ? CheckLabels(args) : ASSAY_OK;
}

double Call::At(const assay_const_matrix& m, std::size_t row, std::size_t col) const {
  return LoadNumber(dtype(), m.data,
                    static_cast<std::ptrdiff_t>(row) * m.row_stride + static_cast<std::ptrdiff_t>(col) * m.col_stride);
}

std::uint8_t Call::MaskByte(std::size_t row, std::size_t col) const {
  if (!HasMask()) return 1;
  return static_cast<const std::uint8_t*>(args_.mask.data)[static_cast<std::ptrdiff_t>(row) * args_.mask.row_stride +
                                                           static_cast<std::ptrdiff_t>(col) * args_.mask.col_stride];
}

bool Call::Masked(std::size_t row, std::size_t col) const { return MaskByte(row, col) == 0; }

double Call::LossUpstream(std::size_t row) const {
  if (args_.upstream.data == nullptr) return 1;
  return At(args_.upstream, args_.reduction == ASSAY_REDUCTION_NONE ? row : 0, 0);
}

std::int64_t Call::Label(std::size_t row) const {
  return static_cast<const std::int64_t*>(
      args_.labels.data)[static_cast<std::ptrdiff_t>(row) * args_.labels.row_stride];
}

double Call::Target(std::size_t row, std::size_t col) const {
  if (args_.labels.data != nullptr) return Label(row) == static_cast<std::int64_t>(col) ? 1 : 0;
  return At(args_.targets, row, col);
}

bool Call::Ignored(std::size_t row) const {
  return args_.labels.data != nullptr && args_.has_ignore_index != 0 && Label(row) == args_.ignore_index;
}

bool Call::EmptyRowIsZero() const {
  return args_.empty_row == ASSAY_EMPTY_ROW_ZERO || (args_.empty_row == ASSAY_EMPTY_ROW_AUTO && HasMask());
}

void Call::Set(std::size_t row, std::size_t col, long double value) const {
  StoreNumber(
      dtype(), args_.out.data,
      static_cast<std::ptrdiff_t>(row) * args_.out.row_stride + static_cast<std::ptrdiff_t>(col) * args_.out.col_stride,
      value);
}

void Call::Fill(std::size_t row, long double value) const {
  for (std::size_t col = 0; col < cols(); ++col) Set(row, col, value);
}

double Call::Result(std::size_t row, std::size_t col) const {
  return At({args_.out.data, args_.out.row_stride, args_.out.col_stride}, row, col);
}

}  // namespace assay::subjects
