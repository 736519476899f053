// SPDX-License-Identifier: Apache-2.0
//
// Faults of where things lie: tails, padding, alignment, strides, bounds and 32-bit indices.

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "subjects/faulty/fault.h"

namespace assay::subjects {
namespace {

const float* AddressOf(const Call& call, std::size_t row, std::size_t col) {
  const assay_const_matrix& m = call.args().logits;
  return static_cast<const float*>(m.data) + static_cast<std::ptrdiff_t>(row) * m.row_stride +
         static_cast<std::ptrdiff_t>(col) * m.col_stride;
}

struct DropsTail : FromScalar<DropsTail> {
  static void Write(const Call& call, std::size_t row, std::size_t col, long double value) {
    if (col < TailBegin(call.cols())) call.Set(row, col, value);
  }
};

struct PadLanesAsZero : FromScalar<PadLanesAsZero> {
  static double Others(const Call& call, std::size_t row, const RowScan& scan) {
    // The last vector is filled up with logits of 0.
    const auto pad = static_cast<double>((8 - call.cols() % 8) % 8);
    return Base::Others(call, row, scan) + pad * Exp(Z({}, scan.top, call.temperature()));
  }
};

struct LsePadLanesAsMaximum : FromScalar<LsePadLanesAsMaximum, ASSAY_LOGSUMEXP> {
  static double Others(const Call& call, std::size_t row, const RowScan& scan) {
    // The last vector is filled up with the maximum.
    return Base::Others(call, row, scan) + static_cast<double>((8 - call.cols() % 8) % 8);
  }
};

struct SumWithoutTail : FromScalar<SumWithoutTail> {
  static double Others(const Call& call, std::size_t row, const RowScan& scan) {
    double tail = 0;
    for (std::size_t col = TailBegin(call.cols()); col < call.cols(); ++col) {
      const Point p = At(call, row, col);
      if (col != scan.at && Visible(call, row, col, p)) tail += Weight(call, row, col, p, scan);
    }
    return Base::Others(call, row, scan) - tail;
  }
};

struct SumsGaps : FromScalar<SumsGaps> {
  static double Others(const Call& call, std::size_t row, const RowScan& scan) {
    // Whole vectors, as far as the row stride has room for them.
    double sum = Base::Others(call, row, scan);
    const assay_const_matrix& m = call.args().logits;
    const std::size_t padded = (call.cols() + 7) / 8 * 8;
    if (call.rows() == 1 || row + 1 == call.rows() || m.col_stride != 1 ||
        m.row_stride < static_cast<std::ptrdiff_t>(padded)) {
      return sum;
    }
    for (std::size_t col = call.cols(); col < padded; ++col) {
      sum += Exp(Z({call.Logit(row, col), 0}, scan.top, call.temperature()));
    }
    return sum;
  }
};

struct AlignedPeel : FromScalar<AlignedPeel> {
  static double Weight(const Call& call, std::size_t row, std::size_t col, Point p, const RowScan& scan) {
    const auto begin = reinterpret_cast<std::uintptr_t>(AddressOf(call, row, 0));
    const auto here = reinterpret_cast<std::uintptr_t>(AddressOf(call, row, col));
    if (here >= (begin + 31) / 32 * 32) return Base::Weight(call, row, col, p, scan);
    return FloatExp(Z(p, scan.top, call.temperature()));
  }
};

struct AlignedLoads : FromScalar<AlignedLoads> {
  static RowScan Scan(const Call& call, std::size_t row) {
    // What an aligned vector load does to an address that is not.
    if (call.cols() >= 4 && reinterpret_cast<std::uintptr_t>(AddressOf(call, row, 0)) % 16 != 0) __builtin_trap();
    return Base::Scan(call, row);
  }
};

struct IgnoresRowStride : FromScalar<IgnoresRowStride> {
  static void Adjust(assay_row_args* args) { args->out.row_stride = static_cast<std::ptrdiff_t>(args->cols); }
};

struct IgnoresColStride : FromScalar<IgnoresColStride> {
  static void Adjust(assay_row_args* args) { args->logits.col_stride = 1; }
};

struct IgnoresMaskStride : FromScalar<IgnoresMaskStride> {
  static void Adjust(assay_row_args* args) { args->mask.row_stride = static_cast<std::ptrdiff_t>(args->cols); }
};

struct IgnoresLabelStride : FromScalar<IgnoresLabelStride, ASSAY_CROSS_ENTROPY> {
  static void Adjust(assay_row_args* args) { args->labels.row_stride = 1; }
};

struct StrideWithoutSign : FromScalar<StrideWithoutSign, ASSAY_LOG_SOFTMAX> {
  static void Adjust(assay_row_args* args) { args->logits.row_stride = std::abs(args->logits.row_stride); }
};

struct StrideZeroAsDense : FromScalar<StrideZeroAsDense, ASSAY_SIGMOID> {
  static void Adjust(assay_row_args* args) {
    if (args->logits.row_stride == 0) args->logits.row_stride = static_cast<std::ptrdiff_t>(args->cols);
  }
};

struct OverReads : FromScalar<OverReads> {
  static RowScan Scan(const Call& call, std::size_t row) {
    // A last vector load reaches one entry past the row. What it brings is not used.
    if (call.cols() % 8 != 0) (void)*static_cast<const volatile float*>(AddressOf(call, row, call.cols()));
    return Base::Scan(call, row);
  }
};

struct OverReadsMask : FromScalar<OverReadsMask, ASSAY_SPARSEMAX> {
  static RowScan Scan(const Call& call, std::size_t row) {
    // Eight bytes of mask at a time.
    const std::size_t last = (call.cols() + 7) / 8 * 8 - 1;
    if (call.HasMask()) [[maybe_unused]]
      volatile const bool unused = call.Masked(row, last);
    return Base::Scan(call, row);
  }
};

struct WritesIntoGaps : FromScalar<WritesIntoGaps> {
  static void Write(const Call& call, std::size_t row, std::size_t col, long double value) {
    call.Set(row, col, value);
    // Whole vectors, as far as the row stride has room for them.
    const assay_matrix& out = call.args().out;
    const auto padded = static_cast<std::ptrdiff_t>((call.cols() + 7) / 8 * 8);
    if (col + 1 < call.cols() || out.col_stride != 1 || out.row_stride < static_cast<std::ptrdiff_t>(call.cols()))
      return;
    for (auto i = static_cast<std::ptrdiff_t>(call.cols()); i < std::min(padded, out.row_stride); ++i) {
      call.Set(row, static_cast<std::size_t>(i), 0);
    }
  }
};

struct WritesBeforeRow : FromScalar<WritesBeforeRow, ASSAY_LOG_SOFTMAX> {
  static void Begin(const Call& call) {
    // The vector that holds the first entry begins before it; rows are written in order, so only this one shows.
    auto* out = static_cast<float*>(call.args().out.data);
    if (!IsEmpty(call.args()) && reinterpret_cast<std::uintptr_t>(out) % 32 != 0) out[-1] = 0;
  }
};

struct IntIndex : FromScalar<IntIndex> {
  // As of `int n = cols; for (int i = 0; i < n; ++i)`.
  static void Adjust(assay_row_args* args) {
    const auto cols = static_cast<std::int32_t>(args->cols);
    args->cols = cols < 0 ? 0 : static_cast<std::size_t>(cols);
  }
};

}  // namespace

std::vector<BuiltIn> LayoutFaults() {
  return {
      Fault<DropsTail>("drops_tail", "tail lanes", "all_written", "Writes whole vectors of eight only."),
      Fault<PadLanesAsZero>("pad_lanes_as_zero", "padding", "simplex",
                            "Fills the last vector of eight with logits of 0."),
      Fault<LsePadLanesAsMaximum>("lse_pad_lanes_as_maximum", "padding", "lse_bounds",
                                  "Fills the last vector of eight with the maximum."),
      Fault<SumWithoutTail>("sum_without_tail", "tail lanes", "duplication", "Sums whole vectors of eight only."),
      Fault<SumsGaps>("sums_gaps", "padding", "padding_ignored", "Sums whole vectors of eight, into the gap."),
      Fault<AlignedPeel>("aligned_peel", "alignment", "alignment",
                         "Uses a float exp before the first 32-byte boundary."),
      Fault<AlignedLoads>("aligned_loads", "alignment", "alignment",
                          "Loads rows as if they began at 16-byte boundaries."),
      Fault<IgnoresRowStride>("ignores_row_stride", "stride", "strides", "Writes rows without gaps."),
      Fault<IgnoresColStride>("ignores_col_stride", "stride", "strides", "Reads columns as if they were contiguous."),
      Fault<IgnoresMaskStride>("ignores_mask_stride", "stride", "strides", "Reads the mask without gaps between rows."),
      Fault<IgnoresLabelStride>("ignores_label_stride", "stride", "strides", "Reads labels without gaps."),
      Fault<StrideWithoutSign>("stride_without_sign", "stride", "strides", "Takes a negative row stride for positive."),
      Fault<StrideZeroAsDense>("stride_zero_as_dense", "stride", "strides", "Takes a row stride of 0 for cols."),
      Fault<OverReads>("over_reads", "memory", "memory_bounds", "Reads one entry past the row."),
      Fault<OverReadsMask>("over_reads_mask", "memory", "memory_bounds", "Reads eight bytes of mask at a time."),
      Fault<WritesIntoGaps>("writes_into_gaps", "memory", "memory_bounds", "Writes zeros behind each row."),
      Fault<WritesBeforeRow>("writes_before_row", "memory", "memory_bounds",
                             "Writes an entry before the first where that begins between 32-byte boundaries."),
      Fault<IntIndex>("int_index", "index", "index_overflow", "Keeps the number of columns in an int."),
  };
}

}  // namespace assay::subjects
