// SPDX-License-Identifier: Apache-2.0
//
// Rows as the fast tier's f32 lanes see them: blocks of at most 64 floats, read where they lie or, for other types,
// strides and masks, copied into a small buffer, with -inf where an entry is invisible. Compiled once per target.

#if defined(ASSAY_LIB_FAST_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_ROWS_INL_H_
#undef ASSAY_LIB_FAST_ROWS_INL_H_
#else
#define ASSAY_LIB_FAST_ROWS_INL_H_
#endif

#include <cstring>

#include "fast_exp-inl.h"
#include "kernels.h"
#include "number.h"
#include "places.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kBlock = 64;
inline constexpr size_t kGroup = 8;         // short rows are served together, so that their latencies overlap
inline constexpr size_t kMostShort = 1024;  // entries of a short row
inline constexpr float kMinusInf = -std::numeric_limits<float>::infinity();

// The vector at `from` of which `count` lanes are part of the row; the others read as -inf.
HWY_INLINE SingleVec LoadSome(const float* from, size_t count) {
  const Singles d;
  if (HWY_LIKELY(count >= hn::Lanes(d))) return hn::LoadU(d, from);
  const auto part = hn::FirstN(d, count);
  return hn::IfThenElse(part, hn::MaskedLoad(part, d, from), hn::Set(d, kMinusInf));
}

// These targets' masked stores leave other lanes' memory alone.
HWY_INLINE void StoreSome(SingleVec v, float* to, size_t count) {
  const Singles d;
  if (HWY_LIKELY(count >= hn::Lanes(d))) return hn::StoreU(v, d, to);
  hn::BlendedStore(v, hn::FirstN(d, count), d, to);
}

HWY_INLINE Four LoadFour(const float* from) {
  const Singles d;
  const size_t lanes = hn::Lanes(d);
  return {hn::LoadU(d, from), hn::LoadU(d, from + lanes), hn::LoadU(d, from + 2 * lanes),
          hn::LoadU(d, from + 3 * lanes)};
}

HWY_INLINE void StoreAll(const Four& v, float* to, size_t /*count*/) {
  const Singles d;
  const size_t lanes = hn::Lanes(d);
  hn::StoreU(v.v0, d, to);
  hn::StoreU(v.v1, d, to + lanes);
  hn::StoreU(v.v2, d, to + 2 * lanes);
  hn::StoreU(v.v3, d, to + 3 * lanes);
}
HWY_INLINE void StoreAll(const One& v, float* to, size_t count) { StoreSome(v.v, to, count); }

using Sixteens = hn::Rebind<uint16_t, Singles>;

// The numbers of a 16-bit type.
HWY_INLINE SingleVec FloatsOf(int32_t dtype, hn::Vec<Sixteens> bits) {
  const Singles d;
  return dtype == ASSAY_BF16 ? hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(SingleWords(), bits)))
                             : hn::PromoteTo(d, hn::BitCast(hn::Rebind<hwy::float16_t, Singles>(), bits));
}

// Rounded to such a type; v is finite or -inf. No -0.
HWY_INLINE hn::Vec<Sixteens> SixteensOf(int32_t dtype, SingleVec v) {
  const SingleWords d32;
  const Sixteens d16;
  auto rounded = hn::Zero(d16);
  if (dtype == ASSAY_F16) {
    rounded = hn::BitCast(d16, hn::DemoteTo(hn::Rebind<hwy::float16_t, Singles>(), v));
  } else {
    const auto bits = hn::BitCast(d32, v);
    const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(d32, 1));
    const auto wide = hn::ShiftRight<16>(hn::Add(hn::Add(bits, hn::Set(d32, 0x7FFF)), odd));
    rounded = hn::TruncateTo(d16, wide);
  }
  const auto minus_zero = hn::Eq(rounded, hn::Set(d16, uint16_t{0x8000}));
  return hn::IfThenZeroElse(minus_zero, rounded);
}

// Several rows of one call, or one of a tile: where they lie.
struct FastRows {
  size_t first;  // of the call's rows
  int32_t dtype;
  size_t rows;
  size_t cols;
  internal::ConstPlace logits;
  internal::ConstPlace mask;
  internal::Place out;
  std::ptrdiff_t logits_row_stride;
  std::ptrdiff_t mask_row_stride;
  std::ptrdiff_t out_row_stride;
  bool in_place;

  HWY_INLINE const void* LogitsAt(size_t i) const {
    return At(logits.data, logits_row_stride, i, internal::BytesOf(dtype));
  }
  HWY_INLINE const void* MaskAt(size_t i) const {
    return mask.data == nullptr ? nullptr : At(mask.data, mask_row_stride, i, 1);
  }
  HWY_INLINE void* OutAt(size_t i) const {
    return const_cast<uint8_t*>(At(out.data, out_row_stride, i, internal::BytesOf(dtype)));
  }

 private:
  static HWY_INLINE const uint8_t* At(const void* data, std::ptrdiff_t row_stride, size_t i, size_t bytes) {
    return static_cast<const uint8_t*>(data) +
           static_cast<std::ptrdiff_t>(i) * row_stride * static_cast<std::ptrdiff_t>(bytes);
  }
};

HWY_INLINE FastRows AllRows(const internal::Request& request) {
  const assay_row_args& a = request.args;
  const bool in_place = a.logits.data == a.out.data;
  return {0,
          a.dtype,
          a.rows,
          a.cols,
          {a.logits.data, a.cols > 1 ? a.logits.col_stride : 1},
          {a.mask.data, a.cols > 1 ? a.mask.col_stride : 1},
          {a.out.data, a.cols > 1 ? a.out.col_stride : 1},
          a.logits.row_stride,
          a.mask.row_stride,
          a.out.row_stride,
          in_place};
}

HWY_INLINE FastRows OneRow(const internal::Request& request, const internal::RowPlaces& places) {
  return {places.row, request.args.dtype, 1, request.args.cols, places.logits, places.mask, places.out, 0, 0,
          0,          places.in_place};
}

// One row's logits.
class FastRow {
 public:
  HWY_INLINE FastRow(const FastRows& rows, size_t i)
      : dtype_(rows.dtype),
        size_(rows.cols),
        stride_(rows.logits.stride),
        mask_stride_(rows.mask.stride),
        x_(static_cast<const uint8_t*>(rows.LogitsAt(i))),
        mask_(static_cast<const uint8_t*>(rows.MaskAt(i))),
        direct_(dtype_ == ASSAY_F32 && stride_ == 1 && mask_ == nullptr) {}

  HWY_INLINE size_t size() const { return size_; }

  // The count <= kBlock entries from j on; in `buffer` where they are not floats side by side already.
  HWY_INLINE const float* Block(size_t j, size_t count, float* buffer) const {
    if (HWY_LIKELY(direct_)) return reinterpret_cast<const float*>(x_) + j;
    Copy(j, count, buffer);
    return buffer;
  }

 private:
  HWY_NOINLINE void Copy(size_t j, size_t count, float* HWY_RESTRICT buffer) const {
    const Singles d;
    const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(j) * stride_;
    if (dtype_ == ASSAY_F32) {
      const auto* from = reinterpret_cast<const float*>(x_) + first;
      if (stride_ == 1) {
        std::memcpy(buffer, from, count * sizeof(float));
      } else {
        for (size_t i = 0; i < count; ++i) buffer[i] = from[static_cast<std::ptrdiff_t>(i) * stride_];
      }
    } else {
      const auto* from = reinterpret_cast<const uint16_t*>(x_) + first;
      HWY_ALIGN uint16_t halves[kBlock] = {};
      if (stride_ == 1) {
        std::memcpy(halves, from, count * sizeof(uint16_t));
      } else {
        for (size_t i = 0; i < count; ++i) halves[i] = from[static_cast<std::ptrdiff_t>(i) * stride_];
      }
      for (size_t i = 0; i < count; i += hn::Lanes(d)) {
        hn::Store(FloatsOf(dtype_, hn::Load(Sixteens(), halves + i)), d, buffer + i);
      }
    }
    if (mask_ == nullptr) return;
    const uint8_t* shown = mask_ + static_cast<std::ptrdiff_t>(j) * mask_stride_;
    for (size_t i = 0; i < count; ++i) {
      buffer[i] = shown[static_cast<std::ptrdiff_t>(i) * mask_stride_] != 0 ? buffer[i] : kMinusInf;
    }
  }

  int32_t dtype_;
  size_t size_;
  std::ptrdiff_t stride_;
  std::ptrdiff_t mask_stride_;
  const uint8_t* x_;
  const uint8_t* mask_;
  bool direct_;
};

// Where one row's results go.
class FastOut {
 public:
  HWY_INLINE FastOut(const FastRows& rows, size_t i)
      : dtype_(rows.dtype), stride_(rows.out.stride), out_(static_cast<uint8_t*>(rows.OutAt(i))) {}

  HWY_INLINE internal::Place place() const { return {out_, stride_}; }

  // The row itself where it consists of floats side by side, otherwise null.
  HWY_INLINE float* direct() const {
    return dtype_ == ASSAY_F32 && stride_ == 1 ? reinterpret_cast<float*>(out_) : nullptr;
  }

  // Rounds the block at j, finite or -inf and aligned, to the type, for a row that is not direct.
  HWY_NOINLINE void Store(const float* HWY_RESTRICT block, size_t j, size_t count) const {
    const Singles d;
    const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(j) * stride_;
    if (dtype_ == ASSAY_F32) {
      auto* to = reinterpret_cast<float*>(out_) + first;
      for (size_t i = 0; i < count; ++i) to[static_cast<std::ptrdiff_t>(i) * stride_] = block[i];
      return;
    }
    HWY_ALIGN uint16_t halves[kBlock];
    for (size_t i = 0; i < count; i += hn::Lanes(d)) {
      hn::Store(SixteensOf(dtype_, hn::Load(d, block + i)), Sixteens(), halves + i);
    }
    auto* to = reinterpret_cast<uint16_t*>(out_) + first;
    if (stride_ == 1) {
      std::memcpy(to, halves, count * sizeof(uint16_t));
    } else {
      for (size_t i = 0; i < count; ++i) to[static_cast<std::ptrdiff_t>(i) * stride_] = halves[i];
    }
  }

 private:
  int32_t dtype_;
  std::ptrdiff_t stride_;
  uint8_t* out_;
};

// A row of visible floats side by side, and where such results go: what is fast. Nothing here calls a function, so that
// a kernel's constants stay in registers.
class DirectRow {
 public:
  HWY_INLINE DirectRow(const FastRows& rows, size_t i)
      : x_(static_cast<const float*>(rows.LogitsAt(i))), size_(rows.cols) {}
  HWY_INLINE size_t size() const { return size_; }
  HWY_INLINE const float* Block(size_t j, size_t, float*) const { return x_ + j; }
  HWY_INLINE const float* data() const { return x_; }

 private:
  const float* x_;
  size_t size_;
};

class DirectOut {
 public:
  HWY_INLINE DirectOut(const FastRows& rows, size_t i) : out_(static_cast<float*>(rows.OutAt(i))) {}
  HWY_INLINE float* direct() const { return out_; }

 private:
  float* out_;
};

HWY_INLINE bool AreDirect(const FastRows& rows) {
  return rows.dtype == ASSAY_F32 && rows.logits.stride == 1 && rows.out.stride == 1 && rows.mask.data == nullptr;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
