// SPDX-License-Identifier: Apache-2.0
//
// Double-double lanes: an unevaluated sum hi + lo with |lo| <= ulp(hi) / 2. Only +, - and * of doubles, no FMA, so
// that it is right on every target; needs -ffp-contract=off and round-to-nearest. Compiled once per target.

#if defined(ASSAY_LIB_OLD_DD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_OLD_DD_INL_H_
#undef ASSAY_LIB_OLD_DD_INL_H_
#else
#define ASSAY_LIB_OLD_DD_INL_H_
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class V>
struct Pair {
  V hi;
  V lo;
};

// a + b exactly (Knuth 1969, 4.2.2).
template <class V>
HWY_INLINE Pair<V> TwoSum(V a, V b) {
  const V sum = hn::Add(a, b);
  const V b_part = hn::Sub(sum, a);
  const V a_part = hn::Sub(sum, b_part);
  return {sum, hn::Add(hn::Sub(a, a_part), hn::Sub(b, b_part))};
}

// a + b exactly where |a| >= |b| or a = 0 (Dekker 1971).
template <class V>
HWY_INLINE Pair<V> FastTwoSum(V a, V b) {
  const V sum = hn::Add(a, b);
  return {sum, hn::Sub(b, hn::Sub(sum, a))};
}

// a * b exactly for |a|, |b| < 2^995 and a product above 2^-968 (Veltkamp's split, Dekker 1971).
template <class D, class V = hn::Vec<D>>
HWY_INLINE Pair<V> TwoProduct(D d, V a, V b) {
  const V splitter = hn::Set(d, 0x1p27 + 1);
  const V a_big = hn::Mul(a, splitter);
  const V a_hi = hn::Sub(a_big, hn::Sub(a_big, a));
  const V a_lo = hn::Sub(a, a_hi);
  const V b_big = hn::Mul(b, splitter);
  const V b_hi = hn::Sub(b_big, hn::Sub(b_big, b));
  const V b_lo = hn::Sub(b, b_hi);
  const V product = hn::Mul(a, b);
  V error = hn::Sub(hn::Mul(a_hi, b_hi), product);
  error = hn::Add(error, hn::Mul(a_hi, b_lo));
  error = hn::Add(error, hn::Mul(a_lo, b_hi));
  return {product, hn::Add(error, hn::Mul(a_lo, b_lo))};
}

// Relative error below 2^-101 (Joldes, Muller & Popescu 2017: AccurateDWPlusDW).
template <class V>
HWY_INLINE Pair<V> AddPairs(Pair<V> a, Pair<V> b) {
  const Pair<V> high = TwoSum(a.hi, b.hi);
  const Pair<V> low = TwoSum(a.lo, b.lo);
  const Pair<V> first = FastTwoSum(high.hi, hn::Add(high.lo, low.hi));
  return FastTwoSum(first.hi, hn::Add(low.lo, first.lo));
}

// Relative error below 2^-101 (the same: DWTimesDW1, with an exact product).
template <class D, class V = hn::Vec<D>>
HWY_INLINE Pair<V> MultiplyPairs(D d, Pair<V> a, Pair<V> b) {
  const Pair<V> product = TwoProduct(d, a.hi, b.hi);
  const V cross = hn::Add(hn::Mul(a.hi, b.lo), hn::Mul(a.lo, b.hi));
  return FastTwoSum(product.hi, hn::Add(product.lo, cross));
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
