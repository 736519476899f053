// SPDX-License-Identifier: Apache-2.0
//
// The two products of attention, where lanes are queries: scores of a tile of queries with a few keys, and what their
// shares add to the tile's results. One operand is transposed (a lane for each query), of the other single numbers are
// broadcast from where they lie. Each result is a chain of its own, in the order of its index, whatever the target.
// Compiled once per target.

#if defined(ASSAY_LIB_ATTENTION_PRODUCTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_ATTENTION_PRODUCTS_INL_H_
#undef ASSAY_LIB_ATTENTION_PRODUCTS_INL_H_
#else
#define ASSAY_LIB_ATTENTION_PRODUCTS_INL_H_
#endif

#include <cstddef>
#include <type_traits>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Registers: kVecs vectors of queries by kChains rows, their operands beside them.
#undef ASSAY_SIZELESS
#if HWY_TARGET == HWY_SVE || HWY_TARGET == HWY_SVE2 || HWY_TARGET == HWY_SVE_256 || HWY_TARGET == HWY_SVE2_128
#define ASSAY_SIZELESS 1  // vectors that cannot stand in an array
#else
#define ASSAY_SIZELESS 0
#endif
#if ASSAY_SIZELESS || HWY_TARGET == HWY_SCALAR
inline constexpr size_t kVecs = 1;
inline constexpr size_t kChains = 1;
#elif HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
inline constexpr size_t kVecs = 4;
inline constexpr size_t kChains = 6;
#else
inline constexpr size_t kVecs = 2;
inline constexpr size_t kChains = 6;
#endif

// fn(std::integral_constant<size_t, used>).
template <class Fn>
HWY_INLINE void WithVecs(size_t used, const Fn& fn) {
  if constexpr (kVecs == 4) {
    if (used == 4) return fn(std::integral_constant<size_t, 4>());
    if (used == 3) return fn(std::integral_constant<size_t, 3>());
  }
  if constexpr (kVecs >= 2) {
    if (used == 2) return fn(std::integral_constant<size_t, 2>());
  }
  fn(std::integral_constant<size_t, 1>());
}

// What becomes of the sums that stand there: replaced; where each chain starts; or what each chain is added to.
enum class Sums { kReplaced, kContinued, kAdded };

// How a product is added. kFused: rounded once; only where the product is exact may the bits be compared across
// targets.
template <bool kFused, class V>
HWY_INLINE V AddProduct(V x, V y, V sum) {
  if constexpr (kFused) return hn::MulAdd(x, y, sum);
  return hn::Add(hn::Mul(x, y), sum);
}

// kFinish: sums that are not finite become NaN, so that -inf says that a key is hidden and nothing else.
// Rows [0, kRows) of sums[r][lane] by sum_n left[n][lane] * right[r][n], n < count. left: `width` lanes a row;
// right[r][n] lies at right + r * row_step + n * step; sums: `width` lanes a row. Lanes [0, kUsed * Lanes(d)).
template <bool kFused, Sums kSums, size_t kRows, size_t kUsed, bool kFinish = false, class D, class T = hn::TFromD<D>>
HWY_INLINE void AddProducts(D d, const T* HWY_RESTRICT left, size_t width, const T* HWY_RESTRICT right,
                            ptrdiff_t row_step, ptrdiff_t step, size_t count, T* HWY_RESTRICT sums) {
#if ASSAY_SIZELESS
  static_assert(kRows == 1 && kUsed == 1 && !kFinish);
  (void)row_step;
  auto chain = kSums != Sums::kContinued ? hn::Zero(d) : hn::Load(d, sums);
  for (size_t n = 0; n < count; ++n) {
    const auto factor = hn::Set(d, right[static_cast<ptrdiff_t>(n) * step]);
    chain = AddProduct<kFused>(hn::Load(d, left + n * width), factor, chain);
  }
  if (kSums == Sums::kAdded) chain = hn::Add(hn::Load(d, sums), chain);
  hn::Store(chain, d, sums);
#else
  const size_t lanes = hn::Lanes(d);
  hn::Vec<D> chain[kRows][kUsed];
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (size_t i = 0; i < kUsed; ++i) {
      chain[r][i] = kSums != Sums::kContinued ? hn::Zero(d) : hn::Load(d, sums + r * width + i * lanes);
    }
  }
  for (size_t n = 0; n < count; ++n) {
    hn::Vec<D> x[kUsed];
#pragma GCC unroll 4
    for (size_t i = 0; i < kUsed; ++i) x[i] = hn::Load(d, left + n * width + i * lanes);
    const T* HWY_RESTRICT y = right + static_cast<ptrdiff_t>(n) * step;
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) {
      const hn::Vec<D> factor = hn::Set(d, y[static_cast<ptrdiff_t>(r) * row_step]);
#pragma GCC unroll 4
      for (size_t i = 0; i < kUsed; ++i) chain[r][i] = AddProduct<kFused>(x[i], factor, chain[r][i]);
    }
  }
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (size_t i = 0; i < kUsed; ++i) {
      T* HWY_RESTRICT to = sums + r * width + i * lanes;
      hn::Vec<D> sum = kSums == Sums::kAdded ? hn::Add(hn::Load(d, to), chain[r][i]) : chain[r][i];
      if constexpr (kFinish) sum = hn::MulAdd(sum, hn::Zero(d), sum);
      hn::Store(sum, d, to);
    }
  }
#endif
}

// AddProducts for any number of rows, with the first `used` vectors.
template <bool kFused, Sums kSums>
HWY_INLINE void AllProducts(size_t used, size_t width, const double* left, const double* right, ptrdiff_t row_step,
                            ptrdiff_t step, size_t count, size_t rows, double* sums) {
  const hn::CappedTag<double, 8> d;
  WithVecs(used, [&](auto vecs) HWY_ATTR {
    constexpr size_t kUsed = decltype(vecs)::value;
    size_t r = 0;
    for (; r + kChains <= rows; r += kChains) {
      AddProducts<kFused, kSums, kChains, kUsed>(d, left, width, right + static_cast<ptrdiff_t>(r) * row_step, row_step,
                                                 step, count, sums + r * width);
    }
    for (; r < rows; ++r) {
      AddProducts<kFused, kSums, 1, kUsed>(d, left, width, right + static_cast<ptrdiff_t>(r) * row_step, row_step, step,
                                           count, sums + r * width);
    }
  });
}

// sums[c][lane] += sum_r left[r][lane] * right[r * step + c] for c < cols, r < rows, unfused; a factor of 0 on the left
// hides what stands on the right, NaN included.
HWY_NOINLINE inline void AddVisible(size_t used, size_t width, const double* HWY_RESTRICT left,
                                    const double* HWY_RESTRICT right, ptrdiff_t step, size_t rows, size_t cols,
                                    double* HWY_RESTRICT sums) {
  const hn::CappedTag<double, 8> d;
  double not_finite = 0;  // NaN where something is not
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < cols; ++c)
      not_finite += right[static_cast<ptrdiff_t>(r) * step + static_cast<ptrdiff_t>(c)] * 0;
  }
  if (HWY_LIKELY(not_finite == 0))
    return AllProducts<false, Sums::kContinued>(used, width, left, right, 1, step, rows, cols, sums);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < cols; ++c) {
      const auto factor = hn::Set(d, right[static_cast<ptrdiff_t>(r) * step + static_cast<ptrdiff_t>(c)]);
      for (size_t i = 0; i < used * hn::Lanes(d); i += hn::Lanes(d)) {
        const auto x = hn::Load(d, left + r * width + i);
        const auto sum = hn::Load(d, sums + c * width + i);
        hn::Store(hn::IfThenElse(hn::Eq(x, hn::Zero(d)), sum, hn::Add(sum, hn::Mul(x, factor))), d,
                  sums + c * width + i);
      }
    }
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
