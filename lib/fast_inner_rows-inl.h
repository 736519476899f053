// SPDX-License-Identifier: Apache-2.0
//
// Rows that lie side by side as the fast tier's f32 lanes see them, a lane for each row: columns of whole groups of
// visible floats where they lie, those of other groups through a small buffer. Compiled once per target.

#if defined(ASSAY_LIB_FAST_INNER_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_INNER_ROWS_INL_H_
#undef ASSAY_LIB_FAST_INNER_ROWS_INL_H_
#else
#define ASSAY_LIB_FAST_INNER_ROWS_INL_H_
#endif

#include <cstring>
#include <type_traits>

#include "fast_walk-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kMostInner = HWY_LANES(float);  // lanes of Singles: rows of a group
// Groups that are served at once, so that 256 bytes are read side by side: with columns a page apart that is thrice as
// fast as 64.
inline constexpr size_t kInnerGroups = 64 / kMostInner;

// Fewer rows are cheaper one by one: lanes without a row cost what the others do.
inline constexpr size_t kLeastInner = 4;

HWY_INLINE bool AreInner(size_t rows, size_t cols, std::ptrdiff_t row_stride, std::ptrdiff_t col_stride) {
  return rows >= kLeastInner && cols > 1 && row_stride == 1 && col_stride != 1;
}
// Whether neighbouring logits, and results, are those of neighbouring rows.
HWY_INLINE bool IsInner(const assay_row_args& a, bool one_column) {
  return AreInner(a.rows, a.cols, a.logits.row_stride, a.logits.col_stride) &&
         (one_column || (a.out.row_stride == 1 && a.out.col_stride != 1));
}

// Columns of a group of rows as floats: where they lie, or in a buffer.
class InnerColumns {
 public:
  HWY_INLINE InnerColumns(const float* x, std::ptrdiff_t stride) : x_(x), stride_(stride) {}
  HWY_INLINE SingleVec Load(size_t j) const {
    return hn::LoadU(Singles(), x_ + static_cast<std::ptrdiff_t>(j) * stride_);
  }

 private:
  const float* x_;
  std::ptrdiff_t stride_;
};

// Logits of whole groups of visible floats: what is fast.
class InnerFloats {
 public:
  static constexpr size_t kMostColumns = 16 * kMostInner;  // of Columns

  HWY_INLINE InnerFloats(const FastRows& rows, size_t first)
      : x_(static_cast<const float*>(rows.LogitsAt(first))), stride_(rows.logits.stride) {}
  // The columns [j, j + count) of group g.
  HWY_INLINE InnerColumns Columns(size_t g, size_t j, size_t /*count*/) {
    return {x_ + g * kMostInner + static_cast<std::ptrdiff_t>(j) * stride_, stride_};
  }

 private:
  const float* x_;
  std::ptrdiff_t stride_;
};

// Logits of one group, of any type, with a mask or with fewer rows; lanes without a row read as 0.
class InnerLogits {
 public:
  static constexpr size_t kMostColumns = 4 * kMostInner;

  HWY_INLINE InnerLogits(const FastRows& rows, size_t first)
      : count_(HWY_MIN(kMostInner, rows.rows - first)),
        dtype_(rows.dtype),
        x_(static_cast<const uint8_t*>(rows.LogitsAt(first))),
        stride_(rows.logits.stride * static_cast<std::ptrdiff_t>(internal::BytesOf(rows.dtype))),
        mask_(static_cast<const uint8_t*>(rows.MaskAt(first))),
        mask_stride_(rows.mask.stride),
        mask_row_stride_(rows.mask_row_stride) {}

  HWY_NOINLINE InnerColumns Columns(size_t /*g*/, size_t j, size_t count) {
    const Singles d;
    const auto part = hn::FirstN(d, count_);
    HWY_ALIGN uint16_t halves[kMostInner] = {};
    for (size_t i = 0; i < count; ++i) {
      const void* from = x_ + static_cast<std::ptrdiff_t>(j + i) * stride_;
      SingleVec x = hn::Zero(d);
      if (dtype_ == ASSAY_F32) {
        x = hn::MaskedLoad(part, d, static_cast<const float*>(from));
      } else {
        std::memcpy(halves, from, count_ * sizeof(uint16_t));
        x = FloatsOf(dtype_, hn::Load(Sixteens(), halves));
      }
      if (mask_ != nullptr) x = hn::IfThenElse(HiddenAt(j + i), hn::Set(d, kMinusInf), x);
      hn::Store(x, d, buffer_ + i * kMostInner);
    }
    return {buffer_, kMostInner};
  }

 private:
  HWY_INLINE SingleMask HiddenAt(size_t j) const {
    const SingleWords du;
    HWY_ALIGN uint8_t shown[HWY_MAX_BYTES] = {};
    const uint8_t* mask = mask_ + static_cast<std::ptrdiff_t>(j) * mask_stride_;
    if (mask_row_stride_ == 1) {
      std::memcpy(shown, mask, count_);
    } else {
      for (size_t i = 0; i < count_; ++i) shown[i] = mask[static_cast<std::ptrdiff_t>(i) * mask_row_stride_];
    }
    const auto bytes = hn::PromoteTo(du, hn::Load(hn::Rebind<uint8_t, Singles>(), shown));
    return hn::RebindMask(Singles(), hn::Eq(bytes, hn::Zero(du)));
  }

  size_t count_;
  int32_t dtype_;
  const uint8_t* x_;
  std::ptrdiff_t stride_;  // in bytes
  const uint8_t* mask_;
  std::ptrdiff_t mask_stride_;
  std::ptrdiff_t mask_row_stride_;
  HWY_ALIGN float buffer_[kMostColumns * kMostInner];
};

// Where the results of whole groups of floats go.
class InnerFloatsOut {
 public:
  HWY_INLINE InnerFloatsOut(const FastRows& rows, size_t first)
      : out_(static_cast<float*>(rows.OutAt(first))),
        stride_(rows.out.stride),
        streamed_(rows.rows * rows.cols >= kStreamedFloats && !rows.in_place && IsWhole(out_) &&
                  IsWhole(out_ + stride_)) {}
  // Whether results are better written past the caches: they are large, and every vector is a line of a cache.
  HWY_INLINE bool IsStreamed() const { return streamed_; }
  HWY_INLINE float* At(size_t g, size_t j) const {
    return out_ + g * kMostInner + static_cast<std::ptrdiff_t>(j) * stride_;
  }

 private:
  static HWY_INLINE bool IsWhole(const float* vector) { return reinterpret_cast<uintptr_t>(vector) % 64 == 0; }

  float* out_;
  std::ptrdiff_t stride_;
  bool streamed_;
};

// Where the results of one group go; rows of the set `left` are not written.
class InnerOut {
 public:
  HWY_INLINE InnerOut(const FastRows& rows, size_t first, unsigned left)
      : count_(HWY_MIN(kMostInner, rows.rows - first)),
        dtype_(rows.dtype),
        out_(static_cast<uint8_t*>(rows.OutAt(first))),
        stride_(rows.out.stride * static_cast<std::ptrdiff_t>(internal::BytesOf(rows.dtype))),
        left_(left) {}

  // The results of columns [j, j + count).
  HWY_NOINLINE void Store(const float* HWY_RESTRICT results, size_t j, size_t count) const {
    const Singles d;
    HWY_ALIGN float flags[kMostInner];
    for (size_t i = 0; i < kMostInner; ++i) flags[i] = i < count_ && (left_ >> i & 1) == 0 ? 1.0f : 0.0f;
    const auto written = hn::Gt(hn::Load(d, flags), hn::Zero(d));
    for (size_t i = 0; i < count; ++i) {
      uint8_t* to = out_ + static_cast<std::ptrdiff_t>(j + i) * stride_;
      const SingleVec v = hn::Load(d, results + i * kMostInner);
      if (dtype_ == ASSAY_F32) {
        hn::BlendedStore(v, written, d, reinterpret_cast<float*>(to));
        continue;
      }
      HWY_ALIGN uint16_t halves[kMostInner];
      hn::Store(SixteensOf(dtype_, v), Sixteens(), halves);
      if (HWY_LIKELY(left_ == 0)) {
        std::memcpy(to, halves, count_ * sizeof(uint16_t));
        continue;
      }
      for (size_t r = 0; r < count_; ++r) {
        if ((left_ >> r & 1) == 0) std::memcpy(to + r * sizeof(uint16_t), halves + r, sizeof(uint16_t));
      }
    }
  }

 private:
  size_t count_;
  int32_t dtype_;
  uint8_t* out_;
  std::ptrdiff_t stride_;  // in bytes
  unsigned left_;
};

template <class In>
inline constexpr bool kIsDirect = std::is_same_v<In, InnerFloats>;

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
