// SPDX-License-Identifier: Apache-2.0
//
// From rows in memory to what the products of attention read, and back: a tile of rows transposed, a lane for each;
// rows of numbers side by side, where they lie or copied. T is the lanes' type, float or double. Compiled once per
// target.

#if defined(ASSAY_LIB_ATTENTION_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_ATTENTION_ROWS_INL_H_
#undef ASSAY_LIB_ATTENTION_ROWS_INL_H_
#else
#define ASSAY_LIB_ATTENTION_ROWS_INL_H_
#endif

#include "attention_request.h"
#include "lanes-inl.h"
#include "number.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Entries [0, n) of row i as T, to `to`.
template <class T>
HWY_INLINE void CopyRow(const internal::Plane& plane, int32_t dtype, size_t i, size_t n, T* HWY_RESTRICT to) {
  const void* from = plane.At(i, 0, internal::BytesOf(dtype));
  size_t j = 0;
  if (plane.col_stride == 1) {
    const Doubles d;
    const Floats df;
    const size_t bytes = internal::BytesOf(dtype);
    for (; j + Lanes() <= n; j += Lanes()) {
      const DoubleVec x = LoadNumbers(dtype, static_cast<const uint8_t*>(from) + j * bytes);
      if constexpr (sizeof(T) == sizeof(double)) {
        hn::StoreU(x, d, to + j);
      } else {
        hn::StoreU(Narrow(x), df, to + j);
      }
    }
  }
  for (; j < n; ++j) {
    to[j] = static_cast<T>(internal::LoadNumber(dtype, from, static_cast<ptrdiff_t>(j) * plane.col_stride));
  }
}

// to[j][lane] = entry j of row first + lane, for lane < count; 0 for the lanes up to `width` behind them.
template <class T>
HWY_NOINLINE inline void LoadAcross(const internal::Plane& plane, int32_t dtype, size_t first, size_t count, size_t n,
                                    size_t width, T* HWY_RESTRICT to) {
  for (size_t lane = 0; lane < count; ++lane) {
    const void* from = plane.At(first + lane, 0, internal::BytesOf(dtype));
    for (size_t j = 0; j < n; ++j) {
      to[j * width + lane] =
          static_cast<T>(internal::LoadNumber(dtype, from, static_cast<ptrdiff_t>(j) * plane.col_stride));
    }
  }
  for (size_t j = 0; j < n && count < width; ++j) {
    for (size_t behind = count; behind < width; ++behind) to[j * width + behind] = 0;
  }
}

// Rows [first, first + count) for broadcasts: where they lie, if they are T's and side by side, else copied to `room`.
template <class T>
struct Rows {
  const T* data;
  ptrdiff_t step;  // between rows
};
template <class T>
HWY_INLINE Rows<T> RowsOf(const internal::Plane& plane, int32_t dtype, size_t first, size_t count, size_t n,
                          T* HWY_RESTRICT room) {
  if (sizeof(T) == sizeof(float) && dtype == ASSAY_F32 && plane.col_stride == 1) {
    return {static_cast<const T*>(plane.At(first, 0, sizeof(T))), plane.row_stride};
  }
  for (size_t r = 0; r < count; ++r) CopyRow(plane, dtype, first + r, n, room + r * n);
  return {room, static_cast<ptrdiff_t>(n)};
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
