// SPDX-License-Identifier: Apache-2.0
//
// The fast tier's attention of single queries: lanes run along the dimensions, keys and values are read once and in
// order, in their own type. Compiled once per target.
//
// Method   keys in chunks of kDecodeChunk: four dot products at a time, shares against the query's reference as in
//          fast_attention-inl.h, values into two sets of f32 sums, chunks into double.
// Error    bounds::kFastAttention.

#if defined(ASSAY_LIB_FAST_DECODE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_DECODE_INL_H_
#undef ASSAY_LIB_FAST_DECODE_INL_H_
#else
#define ASSAY_LIB_FAST_DECODE_INL_H_
#endif

#include <cmath>

#include "fast_attention-inl.h"
#include "hwy/cache_control.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kDecodeChunk = 96;
inline constexpr size_t kDecodeQueries = 2;   // so many queries or fewer are decoded one by one
inline constexpr size_t kDecodeAhead = 1024;  // bytes to prefetch

// A vector of numbers of a type, as floats.
struct OfFloats {
  using Number = float;
  static HWY_INLINE SingleVec Load(const float* from) { return hn::LoadU(Singles(), from); }
};
struct OfBrainFloats {
  using Number = uint16_t;
  static HWY_INLINE SingleVec Load(const uint16_t* from) {
    const hn::Rebind<uint16_t, Singles> d16;
    return hn::BitCast(Singles(), hn::ShiftLeft<16>(hn::PromoteTo(SingleWords(), hn::LoadU(d16, from))));
  }
};
struct OfHalves {
  using Number = uint16_t;
  static HWY_INLINE SingleVec Load(const uint16_t* from) {
    const hn::Rebind<uint16_t, Singles> d16;
    const hn::Rebind<hwy::float16_t, Singles> half;
    return hn::PromoteTo(Singles(), hn::BitCast(half, hn::LoadU(d16, from)));
  }
};

// One query's decoding; dimensions are padded with zeros to whole vectors in `q` and the sums.
struct Decoder {
  const internal::AttentionHead& head;
  const ExpScale& scale;
  bool dressed;
  size_t dim;
  size_t value_dim;
  size_t padded_value_dim;
  size_t slot_floats;
  float* q;       // [dim, padded]
  float* sums;    // [value_dim, padded], of a chunk
  double* far;    // [value_dim, padded]
  float* scores;  // [kDecodeChunk, padded]
  float* row;     // four slots for rows of numbers that do not lie side by side

  static constexpr size_t kPad = HWY_TARGET <= HWY_AVX3 ? 16 : 8;
  static size_t Padded(size_t n) { return (n + kPad - 1) / kPad * kPad; }
  static size_t ScratchBytes(size_t dim, size_t value_dim) {
    const size_t padded = Padded(dim), padded_value = Padded(value_dim);
    return sizeof(double) * padded_value +
           sizeof(float) * (padded + padded_value + kDecodeChunk + 4 * HWY_MAX(padded, padded_value));
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
    q = reinterpret_cast<float*>(far + padded_value_dim);
    sums = q + Padded(dim);
    scores = sums + padded_value_dim;
    row = scores + kDecodeChunk;
  }
};

// The vector at entry i of a row of n numbers; zeros behind the row's end, which is not read beyond.
template <class Type>
HWY_INLINE SingleVec LoadPart(const typename Type::Number* from, size_t i, size_t n) {
  const size_t lanes = hn::Lanes(Singles());
  if (HWY_LIKELY(i + lanes <= n)) return Type::Load(from + i);
  HWY_ALIGN typename Type::Number part[Decoder::kPad] = {};
  for (size_t j = i; j < n; ++j) part[j - i] = from[j];
  return Type::Load(part);
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

// scores[j] = q k_j for keys [key, key + keys).
template <class Type>
HWY_INLINE void DecodeScores(const Decoder& s, size_t key, size_t keys) {
  using Number = typename Type::Number;
  const Singles d;
  const hn::FixedTag<float, 4> d4;
  const hn::RepartitionToWide<Singles> pairs;
  const size_t lanes = hn::Lanes(d);
  const internal::Plane& k = s.head.k;
  for (size_t j = 0; j < keys; j += 4) {
    const auto at = [&](size_t r) HWY_ATTR { return RowAt<Number>(s, k, key + HWY_MIN(j + r, keys - 1), s.dim, r); };
    const Number *k0 = at(0), *k1 = at(1), *k2 = at(2), *k3 = at(3);
    SingleVec a0 = hn::Zero(d), a1 = a0, a2 = a0, a3 = a0;
    for (size_t i = 0; i < s.dim; i += lanes) {
      const SingleVec q = hn::Load(d, s.q + i);
      hwy::Prefetch(reinterpret_cast<const uint8_t*>(k0 + i) + kDecodeAhead);
      hwy::Prefetch(reinterpret_cast<const uint8_t*>(k1 + i) + kDecodeAhead);
      hwy::Prefetch(reinterpret_cast<const uint8_t*>(k2 + i) + kDecodeAhead);
      hwy::Prefetch(reinterpret_cast<const uint8_t*>(k3 + i) + kDecodeAhead);
      a0 = hn::MulAdd(q, LoadPart<Type>(k0, i, s.dim), a0);
      a1 = hn::MulAdd(q, LoadPart<Type>(k1, i, s.dim), a1);
      a2 = hn::MulAdd(q, LoadPart<Type>(k2, i, s.dim), a2);
      a3 = hn::MulAdd(q, LoadPart<Type>(k3, i, s.dim), a3);
    }
    // In each block of four lanes: lane r the sum of the block of a_r.
    const auto b0 = hn::BitCast(pairs, hn::Add(hn::InterleaveLower(d, a0, a1), hn::InterleaveUpper(d, a0, a1)));
    const auto b1 = hn::BitCast(pairs, hn::Add(hn::InterleaveLower(d, a2, a3), hn::InterleaveUpper(d, a2, a3)));
    const SingleVec sum =
        hn::Add(hn::BitCast(d, hn::InterleaveLower(pairs, b0, b1)), hn::BitCast(d, hn::InterleaveUpper(pairs, b0, b1)));
    HWY_ALIGN float blocks[Decoder::kPad];
    hn::Store(sum, d, blocks);
    auto total = hn::Add(hn::Load(d4, blocks), hn::Load(d4, blocks + 4));
    if (lanes == 16) total = hn::Add(total, hn::Add(hn::Load(d4, blocks + 8), hn::Load(d4, blocks + 12)));
    hn::StoreU(total, d4, s.scores + j);
  }
}

// sums[e] = sum_j share_j v_je for e in kCount vectors from `begin`; returns the largest |v|. kCareful: rows without a
// share are not read.
template <class Type, size_t kCount, bool kCareful>
HWY_INLINE SingleVec DecodeValues(const Decoder& s, size_t key, size_t keys, size_t begin) {
  using Number = typename Type::Number;
  const Singles d;
  const size_t lanes = hn::Lanes(d);
  SingleVec even[kCount], odd[kCount];
  SingleVec most = hn::Zero(d);
  for (size_t i = 0; i < kCount; ++i) even[i] = odd[i] = hn::Zero(d);
  const auto add = [&](size_t j, size_t slot, SingleVec(&sums)[kCount]) HWY_ATTR {
    if (kCareful && s.scores[j] == 0) return;  // adding 0 times a number would change nothing
    const Number* v = RowAt<Number>(s, s.head.v, key + j, s.value_dim, slot);
    const SingleVec p = hn::Set(d, s.scores[j]);
#pragma GCC unroll 4
    for (size_t i = 0; i < kCount; ++i) {
      const size_t e = begin + i * lanes;
      hwy::Prefetch(reinterpret_cast<const uint8_t*>(v + e) + kDecodeAhead);
      const SingleVec x = LoadPart<Type>(v, e, s.value_dim);
      sums[i] = hn::MulAdd(p, x, sums[i]);
      most = hn::Max(most, hn::Abs(x));
    }
  };
  size_t j = 0;
  for (; j + 2 <= keys; j += 2) {
    add(j, 0, even);
    add(j + 1, 1, odd);
  }
  if (j < keys) add(j, 0, even);
  for (size_t i = 0; i < kCount; ++i) hn::Store(hn::Add(even[i], odd[i]), d, s.sums + begin + i * lanes);
  return most;
}

// Whether query i sees a row of values that is beyond `limit` or not finite.
HWY_NOINLINE inline bool SeesLargeValue(const Decoder& s, size_t i, size_t key, size_t keys, double limit) {
  const internal::Plane& v = s.head.v;
  const int32_t dtype = s.head.request.args.dtype;
  for (size_t j = 0; j < keys; ++j) {
    if (s.scores[j] == kNoScore && !Overflows(s.head, i, key + j)) continue;
    for (size_t e = 0; e < s.value_dim; ++e) {
      const double x = internal::LoadNumber(dtype, v.At(key + j, e, internal::BytesOf(dtype)), 0);
      if (!(std::fabs(x) < limit)) return true;
    }
  }
  return false;
}

// Scores of query i as natural z or as they are, -inf where the mask hides a key; `keys` of them.
HWY_NOINLINE inline void DressDecoded(const Decoder& s, size_t i, size_t key, size_t keys) {
  const Singles d;
  const internal::AttentionRequest& request = s.head.request;
  const int32_t dtype = request.args.dtype;
  const double cap = request.args.softcap;
  const Softcap softcap(cap);
  const SingleVec factor = hn::Set(d, static_cast<float>(std::fabs(request.scale) / (cap == 0 ? 1 : cap)));
  for (size_t j = 0; s.dressed && j < keys; j += hn::Lanes(d)) {
    SingleVec x = hn::Mul(hn::Load(d, s.scores + j), factor);
    if (cap != 0) x = softcap(x);
    hn::Store(x, d, s.scores + j);
  }
  for (size_t j = 0; j < keys; ++j) {
    if (s.head.bias.present()) {
      const auto bias =
          static_cast<float>(internal::LoadNumber(dtype, s.head.bias.At(i, key + j, internal::BytesOf(dtype)), 0));
      s.scores[j] = bias == kNoScore ? kNoScore : s.scores[j] + bias;  // whatever the score, NaN included
    }
    if (s.head.mask.present() && *static_cast<const uint8_t*>(s.head.mask.At(i, key + j, 1)) == 0) {
      s.scores[j] = kNoScore;
    }
  }
}

enum class Decoded { kDone, kLargeValues, kLeft };

// Query i, written only where it is done; kLargeValues: some value is out of range, maybe an invisible one, which the
// careful way, of the same bits, finds out; kLeft: it is the exact tier's.
template <class Type, bool kCareful>
HWY_NOINLINE inline Decoded Decode(const Decoder& s, size_t i) {
  const Singles d;
  const size_t lanes = hn::Lanes(d);
  const internal::AttentionHead& head = s.head;
  const assay_attention_args& a = head.request.args;
  const internal::KeyRange range = head.ranges.Of(i);
  if (range.first >= range.last) return Decoded::kLeft;
  CopyRow(head.q, a.dtype, i, s.dim, s.q);
  const float sign = head.request.scale == 0 ? 0.0f : std::signbit(head.request.scale) ? -1.0f : 1.0f;
  for (size_t n = 0; n < s.dim; ++n) s.q[n] *= sign;
  for (size_t n = s.dim; n < Decoder::Padded(s.dim); ++n) s.q[n] = 0;
  for (size_t e = 0; e < s.padded_value_dim; ++e) s.far[e] = 0;

  const double log2e = 0x1.71547652b82fep0;
  const double unit = 1 / (s.scale.unit * log2e);
  float reference = kNoScore;
  double total = 0;
  if (head.sink.present()) {
    const double sink = internal::LoadNumber(a.dtype, head.sink.data, 0);
    if (sink > -kInf) {
      reference = static_cast<float>(sink / unit);
      total = 0x1p60 * std::exp(sink - static_cast<double>(reference) * unit);
    }
  }
  const double limit = ValueLimit(a.seq_kv);
  const float above = static_cast<float>(kMostAbove * s.scale.unit);
  const ShareExp share(s.scale);
  SingleVec most = hn::Zero(d);
  for (size_t key = range.first; key < range.last; key += kDecodeChunk) {
    const size_t keys = HWY_MIN(kDecodeChunk, range.last - key);
    DecodeScores<Type>(s, key, keys);
    if (s.dressed || head.mask.present()) DressDecoded(s, i, key, keys);
    for (size_t j = keys; j < Decoder::Padded(keys); ++j) s.scores[j] = kNoScore;
    if (kCareful && SeesLargeValue(s, i, key, keys, limit)) return Decoded::kLeft;
    SingleVec tops = hn::Set(d, kNoScore);
    for (size_t j = 0; j < keys; j += lanes) tops = hn::Max(hn::Load(d, s.scores + j), tops);
    const float top = hn::GetLane(hn::MaxOfLanes(d, tops));
    if (!(top <= reference + above) && top != kNoScore) {
      if (!(std::fabs(top) < HUGE_VALF)) return Decoded::kLeft;
      if (reference != kNoScore) {
        const double factor = std::exp((static_cast<double>(reference) - static_cast<double>(top)) * unit);
        total *= factor;
        for (size_t e = 0; e < s.value_dim; ++e) s.far[e] *= factor;
      }
      reference = top;
    }
    const SingleVec shift = hn::Set(d, reference == kNoScore ? 0 : reference);
    SingleVec sum = hn::Zero(d);
    for (size_t j = 0; j < keys; j += lanes) {
      const SingleVec p = share(hn::Sub(hn::Load(d, s.scores + j), shift));
      sum = hn::Add(sum, p);
      hn::Store(p, d, s.scores + j);
    }
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum)));
    size_t e = 0;
    for (; e + 4 * lanes <= s.padded_value_dim; e += 4 * lanes)
      most = hn::Max(most, DecodeValues<Type, 4, kCareful>(s, key, keys, e));
    for (; e < s.padded_value_dim; e += lanes) most = hn::Max(most, DecodeValues<Type, 1, kCareful>(s, key, keys, e));
    for (e = 0; e < s.value_dim; ++e) s.far[e] += static_cast<double>(s.sums[e]);
  }
  double check = static_cast<double>(hn::GetLane(hn::MaxOfLanes(d, most))) < limit ? 0 : kInf;
  for (size_t e = 0; e < s.value_dim; ++e) check += s.far[e] * 0;
  if (check != 0) return kCareful ? Decoded::kLeft : Decoded::kLargeValues;
  if (!(total > 0 && total < kInf)) return Decoded::kLeft;
  const size_t bytes = internal::BytesOf(a.dtype);
  for (size_t e = 0; e < s.value_dim; ++e)
    internal::StoreNumber(a.dtype, head.out.At(i, e, bytes), 0, s.far[e] / total);
  if (head.lse.present()) {
    const double lse = static_cast<double>(reference) * unit + (std::log(total) - 60 * kLn2);
    internal::StoreNumber(a.lse_dtype, head.lse.At(i, 0, internal::BytesOf(a.lse_dtype)), 0, lse);
  }
  return Decoded::kDone;
}

// False where the query is the exact tier's.
template <class Type>
HWY_INLINE bool DecodeAs(const Decoder& s, size_t i) {
  const Decoded quick = Decode<Type, false>(s, i);
  if (HWY_LIKELY(quick != Decoded::kLargeValues)) return quick == Decoded::kDone;
  return Decode<Type, true>(s, i) == Decoded::kDone;
}

HWY_INLINE bool DecodeAny(const Decoder& s, size_t i) {
  switch (s.head.request.args.dtype) {
    case ASSAY_F32:
      return DecodeAs<OfFloats>(s, i);
    case ASSAY_BF16:
      return DecodeAs<OfBrainFloats>(s, i);
    default:
      return DecodeAs<OfHalves>(s, i);
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
