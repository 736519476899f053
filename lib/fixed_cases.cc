// SPDX-License-Identifier: Apache-2.0
//
// Numbers as bits of their type, rows of them in several manners, and the layouts.

#include "fixed_cases.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "request.h"

namespace assay::internal {
namespace {

struct Type {
  int precision;
  int min_exponent;  // of a normal number
};
Type TypeOf(assay_dtype dtype) {
  return dtype == ASSAY_F64   ? Type{53, -1022}
         : dtype == ASSAY_F32 ? Type{24, -126}
         : dtype == ASSAY_F16 ? Type{11, -14}
                              : Type{8, -126};
}

std::uint64_t SignOf(assay_dtype dtype) { return std::uint64_t{1} << (8 * BytesOf(dtype) - 1); }
std::uint64_t InfinityOf(assay_dtype dtype) {
  const Type type = TypeOf(dtype);
  return static_cast<std::uint64_t>(2 - 2 * type.min_exponent + 1) << (type.precision - 1);
}
std::uint64_t NaNOf(assay_dtype dtype) { return InfinityOf(dtype) | 1; }

// n * 2^scale cut to the type; the largest finite number where it is beyond.
std::uint64_t Number(assay_dtype dtype, std::uint64_t n, int scale) {
  if (n == 0) return 0;
  const Type type = TypeOf(dtype);
  const int top = 63 - std::countl_zero(n);
  const int exponent = top + scale;
  if (exponent > 1 - type.min_exponent) return InfinityOf(dtype) - 1;
  const std::uint64_t digits = n << (63 - top) >> (64 - type.precision);  // its first bit is 1
  if (exponent < type.min_exponent) {
    const int shift = type.min_exponent - exponent;
    return shift >= type.precision ? 0 : digits >> shift;
  }
  // The first bit of the digits adds the 1 that the exponent field lacks.
  return (static_cast<std::uint64_t>(exponent - type.min_exponent) << (type.precision - 1)) + digits;
}

enum class Manner { kUsual, kClose, kTied, kTail, kWholeRange, kCount };

// A row of logits or upstream values.
std::vector<std::uint64_t> Numbers(assay_dtype dtype, std::size_t n, Manner manner, Stream& random) {
  std::vector<std::uint64_t> row(n);
  const int scale = static_cast<int>(random.Below(14)) - 6;  // |x| < 2^scale
  const std::uint64_t base = random.Bits() | (std::uint64_t{1} << 63);
  const Type type = TypeOf(dtype);
  for (std::uint64_t& x : row) {
    const std::uint64_t bits = random.Bits();
    const std::uint64_t sign = (bits & 1) != 0 ? SignOf(dtype) : 0;
    switch (manner) {
      case Manner::kUsual:
        x = Number(dtype, bits >> 1, scale - 63) | sign;
        break;
      case Manner::kClose:  // the last three digits differ
        x = Number(dtype, base ^ ((bits & 7) << (64 - type.precision)), std::max(scale, 0) - 64);
        break;
      case Manner::kTied:
        x = Number(dtype, bits & 3, scale - 2);
        break;
      case Manner::kTail:  // 0 with one chance in eight, else in [-20, -14]
        x = bits % 8 == 0 ? 0 : Number(dtype, (std::uint64_t{14} << 40) + 6 * (bits >> 24), -40) | SignOf(dtype);
        break;
      default: {
        const int span = 2 * (1 - type.min_exponent) + type.precision;
        x = Number(dtype, random.Bits() | (std::uint64_t{1} << 63),
                   static_cast<int>(bits % static_cast<std::uint64_t>(span)) - span + 1 - type.min_exponent - 63) |
            sign;
      }
    }
  }
  return row;
}

// In [0, 1), over many exponents.
std::uint64_t Share(assay_dtype dtype, Stream& random) {
  const std::uint64_t bits = random.Bits();
  return Number(dtype, bits >> 24, -40 - static_cast<int>(bits % 24));
}

std::size_t LengthOf(std::size_t index, Stream& random) {
  constexpr std::size_t kLong[] = {100, 255, 256, 1000, 2047, 4096, 6144, 6150, 20011};
  if (index % 32 == 31) return kLong[(index / 32) % std::size(kLong)];
  return 1 + (index < 70 ? index : random.Below(70));
}

double TemperatureOf(Stream& random) {
  constexpr double kSome[] = {1, 1, 1, 0.7, 0.1, 3, 0, 1e-310, std::numeric_limits<double>::infinity(), 0x1p-40, 1e3};
  return kSome[random.Below(std::size(kSome))];
}

}  // namespace

std::uint64_t Stream::Bits() {
  std::uint64_t z = (state_ += 0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

void FixedCase::Matrix::Put(std::size_t i, std::size_t j, std::uint64_t bits) {
  const std::ptrdiff_t at =
      first + static_cast<std::ptrdiff_t>(i) * row_stride + static_cast<std::ptrdiff_t>(j) * col_stride;
  for (std::size_t k = 0; k < element_bytes; ++k) {
    bytes[static_cast<std::size_t>(at) * element_bytes + k] = static_cast<std::uint8_t>(bits >> (8 * k));
  }
}

void FixedCase::LayOut(Matrix& matrix, std::size_t rows, std::size_t cols, std::size_t element_bytes,
                       std::uint8_t fill) {
  const auto r = static_cast<std::ptrdiff_t>(rows);
  const auto c = static_cast<std::ptrdiff_t>(cols);
  const auto gap = static_cast<std::ptrdiff_t>(random_.Below(3));
  switch (random_.Below(6)) {
    case 0:  // rows apart
      matrix.row_stride = c + gap;
      break;
    case 1:  // columns apart
      matrix.col_stride = 1 + gap;
      matrix.row_stride = c * (1 + gap) + gap;
      break;
    case 2:  // columns outermost
    case 3:
      matrix.row_stride = 1;
      matrix.col_stride = r + gap;
      break;
    case 4:  // backwards
      matrix.row_stride = c + gap;
      matrix.col_stride = -1;
      matrix.first = c - 1;
      break;
    default:
      matrix.row_stride = c;
  }
  matrix.element_bytes = element_bytes;
  const std::ptrdiff_t last =
      std::max<std::ptrdiff_t>({matrix.first, matrix.first + (r - 1) * matrix.row_stride,
                                matrix.first + (r - 1) * matrix.row_stride + (c - 1) * matrix.col_stride});
  matrix.bytes.assign(static_cast<std::size_t>(last + 1) * element_bytes, fill);
}

void FixedCase::Logits() {
  LayOut(logits_, args_.rows, args_.cols, BytesOf(dtype_), 0xFF);
  for (std::size_t i = 0; i < args_.rows; ++i) {
    const auto manner = static_cast<Manner>(random_.Below(static_cast<std::uint64_t>(Manner::kCount)));
    std::vector<std::uint64_t> row = Numbers(dtype_, args_.cols, manner, random_);
    if (random_.OneIn(4)) row[random_.Below(args_.cols)] = InfinityOf(dtype_) | SignOf(dtype_);
    if (random_.OneIn(16)) row[random_.Below(args_.cols)] = SignOf(dtype_);  // -0
    if (random_.OneIn(24)) row[random_.Below(args_.cols)] = random_.OneIn(2) ? InfinityOf(dtype_) : NaNOf(dtype_);
    for (std::size_t j = 0; j < args_.cols; ++j) logits_.Put(i, j, row[j]);
  }
  args_.logits = {logits_.Data(), logits_.row_stride, logits_.col_stride};
}

void FixedCase::Bias() {
  LayOut(bias_, args_.rows, args_.cols, BytesOf(dtype_), 0xFF);
  for (std::size_t i = 0; i < args_.rows; ++i) {
    const std::vector<std::uint64_t> row = Numbers(dtype_, args_.cols, Manner::kUsual, random_);
    for (std::size_t j = 0; j < args_.cols; ++j) {
      bias_.Put(i, j, random_.OneIn(16) ? InfinityOf(dtype_) | SignOf(dtype_) : row[j]);
    }
  }
  args_.bias = {bias_.Data(), bias_.row_stride, bias_.col_stride};
}

void FixedCase::Mask() {
  LayOut(mask_, args_.rows, args_.cols, 1, 0xFF);
  for (std::size_t i = 0; i < args_.rows; ++i) {
    const std::uint64_t hidden_one_in = random_.OneIn(8) ? 1 : 2 + random_.Below(8);  // 1: nothing is visible
    for (std::size_t j = 0; j < args_.cols; ++j) {
      mask_.Put(i, j, random_.OneIn(hidden_one_in) ? 0 : 1 + random_.Below(255));
    }
  }
  args_.mask = {mask_.Data(), mask_.row_stride, mask_.col_stride};
}

void FixedCase::Saved() {
  LayOut(saved_, args_.rows, args_.cols, BytesOf(dtype_), 0xFF);
  for (std::size_t i = 0; i < args_.rows; ++i) {
    for (std::size_t j = 0; j < args_.cols; ++j) {
      if (op_ == ASSAY_LOG_SOFTMAX_BACKWARD) {
        const std::uint64_t bits = random_.Bits();  // one draw a statement: the order of arguments is the compiler's
        const std::uint64_t negative = Number(dtype_, bits, -58 - static_cast<int>(random_.Below(8)));
        saved_.Put(i, j, (random_.OneIn(12) ? InfinityOf(dtype_) : negative) | SignOf(dtype_));
      } else {
        const std::uint64_t zero_one_in = op_ == ASSAY_SPARSEMAX_BACKWARD ? 2 : 12;
        saved_.Put(i, j, random_.OneIn(zero_one_in) ? 0 : Share(dtype_, random_));
      }
    }
  }
  args_.saved = {saved_.Data(), saved_.row_stride, saved_.col_stride};
}

void FixedCase::Upstream(std::size_t rows, std::size_t cols) {
  LayOut(upstream_, rows, cols, BytesOf(dtype_), 0xFF);
  for (std::size_t i = 0; i < rows; ++i) {
    const std::vector<std::uint64_t> row =
        Numbers(dtype_, cols, random_.OneIn(8) ? Manner::kWholeRange : Manner::kUsual, random_);
    for (std::size_t j = 0; j < cols; ++j) upstream_.Put(i, j, row[j]);
  }
  args_.upstream = {upstream_.Data(), upstream_.row_stride, upstream_.col_stride};
}

void FixedCase::LossOperands() {
  constexpr double kSmoothing[] = {0, 0, 0.1, 1};
  args_.label_smoothing = kSmoothing[random_.Below(std::size(kSmoothing))];
  args_.reduction = static_cast<assay_reduction>(random_.Below(3));
  if (random_.OneIn(2)) {
    args_.has_ignore_index = 1;
    args_.ignore_index = -100;
    LayOut(labels_, args_.rows, 1, sizeof(std::int64_t), 0xFF);
    for (std::size_t i = 0; i < args_.rows; ++i) {
      labels_.Put(i, 0, random_.OneIn(4) ? static_cast<std::uint64_t>(std::int64_t{-100}) : random_.Below(args_.cols));
    }
    args_.labels = {labels_.Data(), labels_.row_stride, labels_.col_stride};
  } else {
    LayOut(targets_, args_.rows, args_.cols, BytesOf(dtype_), 0xFF);
    for (std::size_t i = 0; i < args_.rows; ++i) {
      for (std::size_t j = 0; j < args_.cols; ++j) targets_.Put(i, j, random_.OneIn(2) ? 0 : Share(dtype_, random_));
    }
    args_.targets = {targets_.Data(), targets_.row_stride, targets_.col_stride};
  }
  if (op_ == ASSAY_CROSS_ENTROPY_BACKWARD && !random_.OneIn(3)) {
    Upstream(args_.reduction == ASSAY_REDUCTION_NONE ? args_.rows : 1, 1);
  }
}

std::vector<std::uint8_t> FixedCase::inputs() const {
  std::vector<std::uint8_t> all;
  for (const Matrix* m : {&logits_, &bias_, &mask_, &saved_, &upstream_, &targets_, &labels_}) {
    all.insert(all.end(), m->bytes.begin(), m->bytes.end());
  }
  return all;
}

FixedCase::FixedCase(assay_op op, assay_dtype dtype, std::size_t index)
    : op_(op),
      dtype_(dtype),
      random_((index << 16) + (static_cast<std::uint64_t>(op) << 8) + static_cast<std::uint64_t>(dtype)) {
  constexpr std::size_t kRows[] = {1, 2, 3, 5, 17};
  args_.struct_size = sizeof(args_);
  args_.dtype = dtype;
  args_.cols = LengthOf(index, random_);
  args_.rows = args_.cols > 100 ? 1 + random_.Below(2) : kRows[random_.Below(std::size(kRows))];
  args_.temperature = TemperatureOf(random_);
  args_.empty_row = static_cast<assay_empty_row>(random_.Below(3));
  if (IsActivationBackward(op)) {
    Saved();
    Upstream(args_.rows, args_.cols);
  } else {
    Logits();
    if (random_.OneIn(3)) Bias();
    if (op != ASSAY_SIGMOID && random_.OneIn(2)) Mask();
    if (IsLoss(op)) LossOperands();
  }
  const bool reduced = op == ASSAY_CROSS_ENTROPY && args_.reduction != ASSAY_REDUCTION_NONE;
  if (!HasOneColumn(op) && random_.OneIn(4)) {
    Matrix& over = IsActivationBackward(op) ? upstream_ : logits_;
    out_ = &over.bytes;
    args_.out = {over.Data(), over.row_stride, over.col_stride};
  } else {
    LayOut(own_out_, reduced ? 1 : args_.rows, HasOneColumn(op) ? 1 : args_.cols, BytesOf(dtype), 0xA5);
    out_ = &own_out_.bytes;
    args_.out = {own_out_.Data(), own_out_.row_stride, own_out_.col_stride};
  }
}

}  // namespace assay::internal
