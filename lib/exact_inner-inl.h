// SPDX-License-Identifier: Apache-2.0
//
// Rows that lie side by side, their columns apart, for the exact tier: a lane of doubles for each row, so that memory
// is read and written by whole vectors across the rows, each line of it once a pass. Compiled once per target.

#if defined(ASSAY_LIB_EXACT_INNER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_EXACT_INNER_INL_H_
#undef ASSAY_LIB_EXACT_INNER_INL_H_
#else
#define ASSAY_LIB_EXACT_INNER_INL_H_
#endif

#include <cstring>

#include "row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Rows of a group: 256 bytes of floats are read side by side.
inline constexpr size_t kInnerRows = 64;
// Columns of a block: one for each virtual lane of a LaneSum, and few enough that they stay in the first cache where
// they lie a page apart.
inline constexpr size_t kInnerColumns = kMaxLanes;
// Fewer rows are cheaper one by one: lanes without a row cost what the others do.
inline constexpr size_t kLeastInnerRows = 4;

HWY_INLINE bool AreSideBySide(std::ptrdiff_t row_stride, std::ptrdiff_t col_stride) {
  return row_stride == 1 && col_stride != 1;
}
// Whether a call's results, unless one a row, are those of rows side by side.
HWY_INLINE bool ResultsAreSideBySide(const internal::Request& request) {
  const assay_row_args& a = request.args;
  return a.rows >= kLeastInnerRows && a.cols > 1 &&
         (internal::HasOneColumn(request.op) || AreSideBySide(a.out.row_stride, a.out.col_stride));
}

// One operand of some rows of a call.
class InnerNumbers {
 public:
  HWY_INLINE InnerNumbers(const assay_const_matrix& m, int32_t dtype, size_t first, size_t rows)
      : bytes_(static_cast<std::ptrdiff_t>(internal::BytesOf(dtype))),
        dtype_(dtype),
        rows_(rows),
        row_stride_(m.row_stride),
        step_(m.col_stride * bytes_),
        data_(static_cast<const uint8_t*>(m.data)) {
    if (present()) data_ += static_cast<std::ptrdiff_t>(first) * row_stride_ * bytes_;
  }

  HWY_INLINE bool present() const { return data_ != nullptr; }

  // Entry j of the rows from row i of these on; lanes without a row read as 0.
  HWY_INLINE DoubleVec Load(size_t i, size_t j) const {
    const uint8_t* const from =
        data_ + static_cast<std::ptrdiff_t>(i) * row_stride_ * bytes_ + static_cast<std::ptrdiff_t>(j) * step_;
    if (HWY_LIKELY(row_stride_ == 1 && i + Lanes() <= rows_)) return LoadNumbers(dtype_, from);
    return LoadApart(from, HWY_MIN(Lanes(), rows_ - i));
  }

 private:
  HWY_NOINLINE DoubleVec LoadApart(const uint8_t* from, size_t count) const {
    HWY_ALIGN uint64_t numbers[kMaxLanes] = {};
    CopyNumbers(internal::BytesOf(dtype_), from, row_stride_, numbers, 1, count);
    return LoadNumbers(dtype_, numbers);
  }

  std::ptrdiff_t bytes_;  // of a number
  int32_t dtype_;
  size_t rows_;
  std::ptrdiff_t row_stride_;
  std::ptrdiff_t step_;  // from column to column, in bytes
  const uint8_t* data_;
};

// Where the results of some rows of a call go.
class InnerResults {
 public:
  HWY_INLINE InnerResults(const internal::Request& request, size_t first, size_t rows)
      : bytes_(static_cast<std::ptrdiff_t>(internal::BytesOf(request.args.dtype))),
        dtype_(request.args.dtype),
        rows_(rows),
        step_(request.args.out.col_stride * bytes_),
        data_(static_cast<uint8_t*>(request.args.out.data) + static_cast<std::ptrdiff_t>(first) * bytes_) {}

  // Numbers that the type holds: entry j of the rows from row i on.
  HWY_INLINE void Store(DoubleVec rounded, size_t i, size_t j) const {
    uint8_t* const to = data_ + static_cast<std::ptrdiff_t>(i) * bytes_ + static_cast<std::ptrdiff_t>(j) * step_;
    if (HWY_LIKELY(i + Lanes() <= rows_)) return StoreNumbers(dtype_, rounded, to);
    HWY_ALIGN uint64_t numbers[kMaxLanes];
    StoreNumbers(dtype_, rounded, numbers);
    std::memcpy(to, numbers, (rows_ - i) * static_cast<size_t>(bytes_));
  }

 private:
  std::ptrdiff_t bytes_;
  int32_t dtype_;
  size_t rows_;
  std::ptrdiff_t step_;
  uint8_t* data_;
};

// Logits, bias and mask of some rows of a call.
class InnerEntries {
 public:
  HWY_INLINE InnerEntries(const internal::Request& request, size_t first, size_t rows)
      : logits_(request.args.logits, request.args.dtype, first, rows),
        bias_(request.args.bias, request.args.dtype, first, rows),
        rows_(rows),
        mask_(request.args.mask) {
    if (mask_.data == nullptr) return;
    mask_.data = static_cast<const uint8_t*>(mask_.data) + static_cast<std::ptrdiff_t>(first) * mask_.row_stride;
  }

  HWY_INLINE bool has_bias() const { return bias_.present(); }
  // The logits as they are.
  HWY_INLINE DoubleVec Logits(size_t i, size_t j) const { return logits_.Load(i, j); }

  // As Row::Load: entry j of the rows from row i on; where invisible x = -inf and b = 0.
  HWY_INLINE void Load(size_t i, size_t j, DoubleVec& HWY_RESTRICT x, DoubleVec& HWY_RESTRICT b) const {
    const Doubles d;
    const DoubleVec minus_inf = hn::Set(d, -kInf);
    x = logits_.Load(i, j);
    b = hn::Zero(d);
    if (mask_.data != nullptr) x = hn::IfThenElse(Shown(i, j), x, minus_inf);
    if (!bias_.present()) return;
    b = bias_.Load(i, j);
    const auto hidden = hn::Or(hn::Eq(x, minus_inf), hn::Eq(b, minus_inf));
    x = hn::IfThenElse(hidden, minus_inf, x);
    b = hn::IfThenZeroElse(hidden, b);
  }

 private:
  HWY_INLINE DoubleMask Shown(size_t i, size_t j) const {
    const hn::RebindToUnsigned<Doubles> du;
    HWY_ALIGN uint8_t lanes[HWY_MAX_BYTES] = {};
    const auto* from = static_cast<const uint8_t*>(mask_.data) + static_cast<std::ptrdiff_t>(i) * mask_.row_stride +
                       static_cast<std::ptrdiff_t>(j) * mask_.col_stride;
    const size_t count = HWY_MIN(Lanes(), rows_ - i);
    auto bytes = hn::Zero(hn::Rebind<uint8_t, Doubles>());
    if (HWY_LIKELY(mask_.row_stride == 1 && count == Lanes())) {
      bytes = hn::LoadU(hn::Rebind<uint8_t, Doubles>(), from);
    } else {
      CopyNumbersOf<1>(from, mask_.row_stride, lanes, 1, count);
      bytes = hn::Load(hn::Rebind<uint8_t, Doubles>(), lanes);
    }
    const auto wide = hn::PromoteTo(du, hn::PromoteTo(Words(), bytes));
    return hn::Not(hn::RebindMask(Doubles(), hn::Eq(wide, hn::Zero(du))));
  }

  InnerNumbers logits_;
  InnerNumbers bias_;
  size_t rows_;
  assay_const_matrix mask_;
};

// A number for each row of a group: a pass loads those of a vector of rows for a block of columns.
struct InnerDoubles {
  HWY_INLINE explicit InnerDoubles(double value) {
    for (double& one : of) one = value;
  }
  HWY_INLINE DoubleVec At(size_t i) const { return hn::Load(Doubles(), of + i); }
  HWY_INLINE void Set(size_t i, DoubleVec v) { hn::Store(v, Doubles(), of + i); }

  HWY_ALIGN double of[kInnerRows];
};

// A set of rows of a group.
class InnerSet {
 public:
  HWY_INLINE InnerSet() : marks_(0) {}
  HWY_INLINE void Add(size_t row) { marks_.of[row] = 1; }
  // Lanes from row i on.
  HWY_INLINE void Add(size_t i, DoubleMask lanes) {
    marks_.Set(i, hn::IfThenElse(lanes, hn::Set(Doubles(), 1.0), marks_.At(i)));
  }
  HWY_INLINE bool Has(size_t row) const { return marks_.of[row] != 0; }
  HWY_INLINE DoubleMask At(size_t i) const { return hn::Gt(marks_.At(i), hn::Zero(Doubles())); }

 private:
  InnerDoubles marks_;
};

// fn(i, begin, end) for all columns [begin, end) of a group, in blocks, and the vectors of rows from row i on; `begin`
// is a multiple of kInnerColumns.
template <class Fn>
HWY_INLINE void ForInnerBlocks(size_t rows, size_t cols, const Fn& fn) {
  for (size_t begin = 0; begin < cols; begin += kInnerColumns) {
    const size_t end = HWY_MIN(begin + kInnerColumns, cols);
    for (size_t i = 0; i < rows; i += Lanes()) fn(i, begin, end);
  }
}

// fn(first, rows, left) for the groups of a call; rows of the set `left`, which fn fills, are done by `row`.
template <class Fn, class RowFn>
HWY_INLINE void ForInnerRows(const internal::Request& request, const Fn& fn, const RowFn& row) {
  for (size_t first = 0; first < request.args.rows; first += kInnerRows) {
    const size_t rows = HWY_MIN(kInnerRows, request.args.rows - first);
    InnerSet left;
    fn(first, rows, left);
    for (size_t i = 0; i < rows; ++i) {
      if (left.Has(i)) row(internal::PlacesOf(request, first + i));
    }
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
