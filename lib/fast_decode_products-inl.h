// SPDX-License-Identifier: Apache-2.0
//
// The two products of attention for a single query, over a chunk of keys: lanes run along the dimensions, keys and
// values are read once and in order, in their own type. Compiled once per target.

#if defined(ASSAY_LIB_FAST_DECODE_PRODUCTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_DECODE_PRODUCTS_INL_H_
#undef ASSAY_LIB_FAST_DECODE_PRODUCTS_INL_H_
#else
#define ASSAY_LIB_FAST_DECODE_PRODUCTS_INL_H_
#endif

#include "fast_attention-inl.h"
#include "fast_decode_types-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kDecodeChunk = 96;
// Scores of f32 rows larger than so many powers of two, as exponents, are taken in double: their roundings, which grow
// with them, would be most of the error. Not those that softcap or a bias turns into an f32 anyway.
inline constexpr double kMostNarrow = 8;
inline constexpr size_t kDecodeQueries = 2;  // so many queries or fewer are decoded one by one

// One query's decoding; dimensions are padded with zeros to two whole vectors in `q` and
// the sums, and stand there in the order of the type.
struct Decoder {
  const internal::AttentionHead& head;
  const ExpScale& scale;
  bool dressed;
  size_t dim;
  size_t value_dim;
  size_t padded_value_dim;
  size_t slot_floats;
  double* far;     // [value_dim, padded]
  double* wide_q;  // [dim, padded]
  float* q;        // [dim, padded]
  float* sums;     // [value_dim, padded], of a chunk
  float* scores;   // [kDecodeChunk, padded]
  float* rests;    // likewise: what the scores were rounded by
  float* row;      // four slots for rows of numbers that do not lie side by side

  static constexpr size_t kPad = HWY_TARGET <= HWY_AVX3 ? 32 : 16;  // two vectors of f32
  static size_t Padded(size_t n) { return (n + kPad - 1) / kPad * kPad; }
  static size_t ScratchBytes(size_t dim, size_t value_dim) {
    const size_t padded = Padded(dim), padded_value = Padded(value_dim);
    return sizeof(double) * (padded_value + padded) +
           sizeof(float) * (padded + padded_value + 2 * kDecodeChunk + 4 * HWY_MAX(padded, padded_value));
  }
  Decoder(const internal::AttentionHead& h, const ExpScale& s, bool is_dressed, void* scratch)
      : head(h),
        scale(s),
        dressed(is_dressed),
        dim(h.request.args.head_dim),
        value_dim(h.request.args.value_dim),
        padded_value_dim(Padded(value_dim)),
        slot_floats(HWY_MAX(Padded(dim), padded_value_dim)) {
    far = static_cast<double*>(scratch);
    wide_q = far + padded_value_dim;
    q = reinterpret_cast<float*>(wide_q + Padded(dim));
    sums = q + Padded(dim);
    scores = sums + padded_value_dim;
    rests = scores + kDecodeChunk;
    row = rests + kDecodeChunk;
  }
};

// kPad numbers at entry i of a row of n: where they lie, or copied, with zeros behind the row's end, which is not read
// beyond.
template <class Number>
HWY_INLINE const Number* PartAt(const Number* from, size_t i, size_t n, Number (&part)[Decoder::kPad]) {
  if (HWY_LIKELY(i + Decoder::kPad <= n)) return from + i;
  for (size_t j = 0; j < Decoder::kPad; ++j) part[j] = i + j < n ? from[i + j] : Number{0};
  return part;
}

// Row j of k or v as numbers side by side: where it lies, or copied to the slot.
template <class Number>
HWY_INLINE const Number* RowAt(const Decoder& s, const internal::Plane& plane, size_t j, size_t n, size_t slot) {
  const auto* from = static_cast<const Number*>(plane.At(j, 0, sizeof(Number)));
  if (HWY_LIKELY(plane.col_stride == 1)) return from;
  auto* to = reinterpret_cast<Number*>(s.row + slot * s.slot_floats);
  for (size_t i = 0; i < n; ++i) to[i] = from[static_cast<ptrdiff_t>(i) * plane.col_stride];
  return to;
}

// The sum of the blocks of 128 bits of v.
template <class D>
HWY_INLINE auto SumOfBlocks(D d, hn::Vec<D> v) {
  if constexpr (sizeof(v) == 16) {
    return v;
  } else {
    const hn::Half<D> half;
    return SumOfBlocks(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}
// Lane r: the sum of the lanes of v_r.
HWY_INLINE hn::Vec<hn::FixedTag<double, 4>> SumsOfFour(WideVec v0, WideVec v1, WideVec v2, WideVec v3) {
  const WideDoubles d;
  const WideVec even = hn::Add(hn::InterleaveLower(d, v0, v1), hn::InterleaveUpper(d, v0, v1));
  const WideVec odd = hn::Add(hn::InterleaveLower(d, v2, v3), hn::InterleaveUpper(d, v2, v3));
  return hn::Combine(hn::FixedTag<double, 4>(), SumOfBlocks(d, odd), SumOfBlocks(d, even));
}

// fn(row) of four rows of keys from j on, the last of `keys` in place of those behind it.
template <class Number, class Fn>
HWY_INLINE auto OfFourRows(const Decoder& s, size_t key, size_t j, size_t keys, const Fn& fn) {
  const auto at = [&](size_t r)
                      HWY_ATTR { return RowAt<Number>(s, s.head.k, key + HWY_MIN(j + r, keys - 1), s.dim, r); };
  return fn(at(0), at(1), at(2), at(3));
}

// scores[j] = q k_j for keys [key, key + keys), in f32; NaN where that is not finite, as -inf means hidden. kSteps: dim
// is so many times kPad, and q stays in registers; or 0: any dim.
template <class Type, size_t kSteps>
HWY_INLINE void DecodeScores(const Decoder& s, size_t key, size_t keys) {
  using Number = typename Type::Number;
  const Singles d;
  const hn::FixedTag<float, 4> d4;
  const hn::RepartitionToWide<Singles> pairs;
  const size_t lanes = hn::Lanes(d);
  const size_t steps = kSteps != 0 ? kSteps : Decoder::Padded(s.dim) / Decoder::kPad;
  const ptrdiff_t chunk = static_cast<ptrdiff_t>(kDecodeChunk) * s.head.k.row_stride;
  SingleVec q[2 * kSteps + 1];
#pragma GCC unroll 8
  for (size_t n = 0; n < 2 * kSteps; ++n) q[n] = hn::Load(d, s.q + n * lanes);
  const auto dot = [&](const Number* row) ASSAY_LAMBDA {
    SingleVec a = hn::Zero(d), b = a;
#pragma GCC unroll 4
    for (size_t t = 0; t < steps; ++t) {
      const size_t i = t * Decoder::kPad;
      Number part[Decoder::kPad];
      const Two k = Type::Load(kSteps != 0 ? row + i : PartAt(row, i, s.dim, part));
      Type::Prefetch(row + i, chunk);
      a = hn::MulAdd(kSteps != 0 ? q[2 * t] : hn::Load(d, s.q + i), k.a, a);
      b = hn::MulAdd(kSteps != 0 ? q[2 * t + 1] : hn::Load(d, s.q + i + lanes), k.b, b);
    }
    return hn::Add(a, b);
  };
  for (size_t j = 0; j < keys; j += 4) {
    OfFourRows<Number>(s, key, j, keys, [&](auto k0, auto k1, auto k2, auto k3) ASSAY_LAMBDA {
      const SingleVec a0 = dot(k0), a1 = dot(k1), a2 = dot(k2), a3 = dot(k3);
      // In each block of four lanes: lane r the sum of the block of a_r.
      const auto b0 = hn::BitCast(pairs, hn::Add(hn::InterleaveLower(d, a0, a1), hn::InterleaveUpper(d, a0, a1)));
      const auto b1 = hn::BitCast(pairs, hn::Add(hn::InterleaveLower(d, a2, a3), hn::InterleaveUpper(d, a2, a3)));
      const SingleVec sum = hn::Add(hn::BitCast(d, hn::InterleaveLower(pairs, b0, b1)),
                                    hn::BitCast(d, hn::InterleaveUpper(pairs, b0, b1)));
      const auto total = SumOfBlocks(d, sum);
      hn::StoreU(hn::MulAdd(total, hn::Zero(d4), total), d4, s.scores + j);
    });
  }
}

// The same in double, where products are exact; each sum as an f32 and a rest. Large scores then cost no digits of the
// shares.
template <size_t kSteps>
HWY_INLINE void DecodeWideScores(const Decoder& s, size_t key, size_t keys) {
  const WideDoubles dw;
  const hn::Half<Singles> half;
  const hn::FixedTag<float, 4> d4;
  const hn::FixedTag<double, 4> wide4;
  const size_t lanes = hn::Lanes(dw);
  const size_t steps = kSteps != 0 ? kSteps : Decoder::Padded(s.dim) / Decoder::kPad;
  const ptrdiff_t chunk = static_cast<ptrdiff_t>(kDecodeChunk) * s.head.k.row_stride;
  WideVec q[4 * kSteps + 1];
#pragma GCC unroll 16
  for (size_t n = 0; n < 4 * kSteps; ++n) q[n] = hn::Load(dw, s.wide_q + n * lanes);
  const auto dot = [&](const float* row) ASSAY_LAMBDA {
    WideVec a = hn::Zero(dw), b = a;
#pragma GCC unroll 4
    for (size_t t = 0; t < steps; ++t) {
      const size_t i = t * Decoder::kPad;
      float part[Decoder::kPad];
      const float* from = kSteps != 0 ? row + i : PartAt(row, i, s.dim, part);
      OfFloats::Prefetch(row + i, chunk);
      const auto k = [&](size_t n) ASSAY_LAMBDA { return hn::PromoteTo(dw, hn::LoadU(half, from + n * lanes)); };
      const auto x = [&](size_t n)
                         ASSAY_LAMBDA { return kSteps != 0 ? q[4 * t + n] : hn::Load(dw, s.wide_q + i + n * lanes); };
      a = hn::MulAdd(x(2), k(2), hn::MulAdd(x(0), k(0), a));
      b = hn::MulAdd(x(3), k(3), hn::MulAdd(x(1), k(1), b));
    }
    return hn::Add(a, b);
  };
  for (size_t j = 0; j < keys; j += 4) {
    OfFourRows<float>(s, key, j, keys, [&](auto k0, auto k1, auto k2, auto k3) ASSAY_LAMBDA {
      const auto sum = SumsOfFour(dot(k0), dot(k1), dot(k2), dot(k3));
      const auto score = hn::DemoteTo(d4, sum);
      hn::StoreU(hn::MulAdd(score, hn::Zero(d4), score), d4, s.scores + j);
      hn::StoreU(hn::DemoteTo(d4, hn::Sub(sum, hn::PromoteTo(wide4, score))), d4, s.rests + j);
    });
  }
}

// fn(kSteps) for the usual dimensions.
template <class Fn>
HWY_INLINE void WithSteps(size_t n, const Fn& fn) {
  if (n == 2 * Decoder::kPad) return fn(std::integral_constant<size_t, 2>());
  if (n == 4 * Decoder::kPad) return fn(std::integral_constant<size_t, 4>());
  fn(std::integral_constant<size_t, 0>());
}

// Four vectors of sums; named, as g++ 12 keeps an array in memory.
struct FourSums {
  SingleVec v0, v1, v2, v3;

  HWY_INLINE FourSums() : v0(hn::Zero(Singles())), v1(v0), v2(v0), v3(v0) {}

  HWY_INLINE void Add(SingleVec p, const Two& x) {
    v0 = hn::MulAdd(p, x.a, v0);
    v1 = hn::MulAdd(p, x.b, v1);
  }
  HWY_INLINE void Add(SingleVec p, const Two& x, const Two& y) {
    Add(p, x);
    v2 = hn::MulAdd(p, y.a, v2);
    v3 = hn::MulAdd(p, y.b, v3);
  }
};

// sums[e] = sum_j share_j v_je for 2 kPad values from `begin`, or kPad or fewer if not kTwo; returns the largest one's
// size. kCareful: rows without a share are not read.
template <class Type, bool kTwo, bool kCareful>
HWY_INLINE double DecodeValues(const Decoder& s, size_t key, size_t keys, size_t begin) {
  using Number = typename Type::Number;
  const Singles d;
  const size_t lanes = hn::Lanes(d);
  const ptrdiff_t chunk = static_cast<ptrdiff_t>(kDecodeChunk) * s.head.v.row_stride;
  FourSums even, odd;
  typename Type::Most most = Type::None();
  const auto add = [&](size_t j, size_t slot, FourSums& sums) ASSAY_LAMBDA {
    if (kCareful && s.scores[j] == 0) return;  // adding 0 times a number would change nothing
    const Number* v = RowAt<Number>(s, s.head.v, key + j, s.value_dim, slot) + begin;
    const SingleVec p = hn::Set(d, s.scores[j]);
    Type::Prefetch(v, chunk);
    if constexpr (kTwo) {
      Type::Prefetch(v + Decoder::kPad, chunk);
      const Two x = Type::Load(v), y = Type::Load(v + Decoder::kPad);
      most = Type::Larger(Type::Larger(most, v, x), v + Decoder::kPad, y);
      sums.Add(p, x, y);
    } else {
      Number part[Decoder::kPad];
      const Number* from = PartAt(v, 0, s.value_dim - begin, part);
      const Two x = Type::Load(from);
      most = Type::Larger(most, from, x);
      sums.Add(p, x);
    }
  };
  size_t j = 0;
  for (; j + 2 <= keys; j += 2) {
    add(j, 0, even);
    add(j + 1, 1, odd);
  }
  if (j < keys) add(j, 0, even);
  float* to = s.sums + begin;
  hn::Store(hn::Add(even.v0, odd.v0), d, to);
  hn::Store(hn::Add(even.v1, odd.v1), d, to + lanes);
  if constexpr (kTwo) {
    hn::Store(hn::Add(even.v2, odd.v2), d, to + 2 * lanes);
    hn::Store(hn::Add(even.v3, odd.v3), d, to + 3 * lanes);
  }
  return Type::SizeOf(most);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
