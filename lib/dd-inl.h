// SPDX-License-Identifier: Apache-2.0
//
// Double-double lanes: an unevaluated sum hi + lo with |lo| <= ulp(hi) / 2. Only +, - and * of doubles, FMA only for an
// exact product's error, so that the bits are the same on every target; needs -ffp-contract=off and round-to-nearest.
// Results go out by reference: SVE has no structs of vectors. Compiled once per target.

#if defined(ASSAY_LIB_DD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_DD_INL_H_
#undef ASSAY_LIB_DD_INL_H_
#else
#define ASSAY_LIB_DD_INL_H_
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// a + b exactly (Knuth 1969, 4.2.2).
template <class V>
HWY_INLINE void TwoSum(V a, V b, V& HWY_RESTRICT sum, V& HWY_RESTRICT error) {
  sum = hn::Add(a, b);
  const V b_part = hn::Sub(sum, a);
  const V a_part = hn::Sub(sum, b_part);
  error = hn::Add(hn::Sub(a, a_part), hn::Sub(b, b_part));
}

// a + b exactly where |a| >= |b| or a = 0 (Dekker 1971).
template <class V>
HWY_INLINE void FastTwoSum(V a, V b, V& HWY_RESTRICT sum, V& HWY_RESTRICT error) {
  sum = hn::Add(a, b);
  error = hn::Sub(b, hn::Sub(sum, a));
}

// a * b exactly for |a|, |b| < 2^995 and a product above 2^-968 (Veltkamp's split, Dekker 1971; one fused operation
// where the target has it gives the same bits).
template <class D, class V = hn::Vec<D>>
HWY_INLINE void TwoProduct(D d, V a, V b, V& HWY_RESTRICT product, V& HWY_RESTRICT error) {
  product = hn::Mul(a, b);
#if HWY_NATIVE_FMA
  (void)d;
  error = hn::MulSub(a, b, product);
#else
  const V splitter = hn::Set(d, 0x1p27 + 1);
  const V a_big = hn::Mul(a, splitter);
  const V a_hi = hn::Sub(a_big, hn::Sub(a_big, a));
  const V a_lo = hn::Sub(a, a_hi);
  const V b_big = hn::Mul(b, splitter);
  const V b_hi = hn::Sub(b_big, hn::Sub(b_big, b));
  const V b_lo = hn::Sub(b, b_hi);
  error = hn::Sub(hn::Mul(a_hi, b_hi), product);
  error = hn::Add(error, hn::Mul(a_hi, b_lo));
  error = hn::Add(error, hn::Mul(a_lo, b_hi));
  error = hn::Add(error, hn::Mul(a_lo, b_lo));
#endif
}

// a + b, relative error below 2^-101 (Joldes, Muller & Popescu 2017: AccurateDWPlusDW).
template <class V>
HWY_INLINE void AddPairs(V a_hi, V a_lo, V b_hi, V b_lo, V& HWY_RESTRICT hi, V& HWY_RESTRICT lo) {
  V high, high_lo, low, low_lo, first, first_lo;
  TwoSum(a_hi, b_hi, high, high_lo);
  TwoSum(a_lo, b_lo, low, low_lo);
  FastTwoSum(high, hn::Add(high_lo, low), first, first_lo);
  FastTwoSum(first, hn::Add(low_lo, first_lo), hi, lo);
}

// a * b, relative error below 2^-101 (the same: DWTimesDW1, with an exact product).
template <class D, class V = hn::Vec<D>>
HWY_INLINE void MultiplyPairs(D d, V a_hi, V a_lo, V b_hi, V b_lo, V& HWY_RESTRICT hi, V& HWY_RESTRICT lo) {
  V product, error;
  TwoProduct(d, a_hi, b_hi, product, error);
  const V cross = hn::Add(hn::Mul(a_hi, b_lo), hn::Mul(a_lo, b_hi));
  FastTwoSum(product, hn::Add(error, cross), hi, lo);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
