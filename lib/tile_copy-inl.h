// SPDX-License-Identifier: Apache-2.0
//
// Blocks of entries copied from columns side by side to rows side by side, or back: transposed in registers, four by
// four, as one of the two is always contiguous where it matters. Compiled once per target.

#if defined(ASSAY_LIB_TILE_COPY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_TILE_COPY_INL_H_
#undef ASSAY_LIB_TILE_COPY_INL_H_
#else
#define ASSAY_LIB_TILE_COPY_INL_H_
#endif

#include "hwy/highway.h"
#include "places.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR

using FourWords = hn::FixedTag<uint32_t, 4>;

// Four numbers as words, and back.
template <class T>
HWY_INLINE hn::Vec<FourWords> LoadFourWords(const T* from) {
  const FourWords d;
  if constexpr (sizeof(T) == 4) {
    return hn::LoadU(d, from);
  } else {
    return hn::PromoteTo(d, hn::LoadU(hn::Rebind<T, FourWords>(), from));
  }
}
template <class T>
HWY_INLINE void StoreFourWords(hn::Vec<FourWords> v, T* to) {
  if constexpr (sizeof(T) == 4) {
    hn::StoreU(v, FourWords(), to);
  } else {
    const hn::Rebind<T, FourWords> d;
    hn::StoreU(hn::TruncateTo(d, v), d, to);
  }
}

// to[b + a * to_stride] = from[a + b * from_stride] for a, b < kBlock.
template <class T>
struct Transposed {
  static constexpr size_t kBlock = 4;
  static HWY_INLINE void Do(const T* from, std::ptrdiff_t from_stride, T* to, std::ptrdiff_t to_stride) {
    const FourWords d;
    const hn::RepartitionToWide<FourWords> d64;
    const auto v0 = LoadFourWords(from);
    const auto v1 = LoadFourWords(from + from_stride);
    const auto v2 = LoadFourWords(from + 2 * from_stride);
    const auto v3 = LoadFourWords(from + 3 * from_stride);
    const auto low01 = hn::BitCast(d64, hn::InterleaveLower(d, v0, v1));
    const auto low23 = hn::BitCast(d64, hn::InterleaveLower(d, v2, v3));
    const auto high01 = hn::BitCast(d64, hn::InterleaveUpper(d, v0, v1));
    const auto high23 = hn::BitCast(d64, hn::InterleaveUpper(d, v2, v3));
    StoreFourWords(hn::BitCast(d, hn::InterleaveLower(d64, low01, low23)), to);
    StoreFourWords(hn::BitCast(d, hn::InterleaveUpper(d64, low01, low23)), to + to_stride);
    StoreFourWords(hn::BitCast(d, hn::InterleaveLower(d64, high01, high23)), to + 2 * to_stride);
    StoreFourWords(hn::BitCast(d, hn::InterleaveUpper(d64, high01, high23)), to + 3 * to_stride);
  }
};
template <>
struct Transposed<uint64_t> {
  static constexpr size_t kBlock = 2;
  static HWY_INLINE void Do(const uint64_t* from, std::ptrdiff_t from_stride, uint64_t* to, std::ptrdiff_t to_stride) {
    const hn::FixedTag<uint64_t, 2> d;
    const auto v0 = hn::LoadU(d, from);
    const auto v1 = hn::LoadU(d, from + from_stride);
    hn::StoreU(hn::InterleaveLower(d, v0, v1), d, to);
    hn::StoreU(hn::InterleaveUpper(d, v0, v1), d, to + to_stride);
  }
};

// to[b + a * to_stride] = from[a + b * from_stride] for a < na, b < nb.
template <class T>
void Transpose(const T* from, std::ptrdiff_t from_stride, T* to, std::ptrdiff_t to_stride, size_t na, size_t nb) {
  constexpr size_t kBlock = Transposed<T>::kBlock;
  const auto from_at = [&](size_t a, size_t b) { return from + a + static_cast<std::ptrdiff_t>(b) * from_stride; };
  const auto to_at = [&](size_t a, size_t b) { return to + b + static_cast<std::ptrdiff_t>(a) * to_stride; };
  const size_t whole_a = na / kBlock * kBlock;
  const size_t whole_b = nb / kBlock * kBlock;
  for (size_t b = 0; b < whole_b; b += kBlock) {
    for (size_t a = 0; a < whole_a; a += kBlock) Transposed<T>::Do(from_at(a, b), from_stride, to_at(a, b), to_stride);
  }
  for (size_t b = 0; b < nb; ++b) {
    for (size_t a = b < whole_b ? whole_a : 0; a < na; ++a) *to_at(a, b) = *from_at(a, b);
  }
}

template <class T>
void CopyAcrossOf(const internal::BlockCopy& copy) {
  const auto* from = static_cast<const T*>(copy.from);
  auto* to = static_cast<T*>(copy.to);
  if (copy.from_i == 1 && copy.to_j == 1) return Transpose(from, copy.from_j, to, copy.to_i, copy.rows, copy.cols);
  if (copy.from_j == 1 && copy.to_i == 1) return Transpose(from, copy.from_i, to, copy.to_j, copy.cols, copy.rows);
  internal::CopyBlock(copy);
}

#endif  // HWY_TARGET != HWY_SCALAR

// CopyBlock, by vectors where the strides allow it.
inline void CopyAcross(const internal::BlockCopy& copy) {
#if HWY_TARGET != HWY_SCALAR
  if (copy.bytes == 1) return CopyAcrossOf<uint8_t>(copy);
  if (copy.bytes == 2) return CopyAcrossOf<uint16_t>(copy);
  if (copy.bytes == 4) return CopyAcrossOf<uint32_t>(copy);
  return CopyAcrossOf<uint64_t>(copy);
#else
  internal::CopyBlock(copy);
#endif
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
