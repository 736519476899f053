// SPDX-License-Identifier: Apache-2.0
//
// The fast tier's attention of single queries: lanes run along the dimensions, keys and values are read once and in
// order, in their own type. Compiled once per target.
//
// Method   keys in chunks of kDecodeChunk: four dot products at a time, large ones in double; shares against the
// query's
//          reference as in fast_attention-inl.h, values into two sets of f32 sums, chunks into double.
// Error    bounds::kFastAttention.

#if defined(ASSAY_LIB_FAST_DECODE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_DECODE_INL_H_
#undef ASSAY_LIB_FAST_DECODE_INL_H_
#else
#define ASSAY_LIB_FAST_DECODE_INL_H_
#endif

#include <cmath>

#include "fast_decode_products-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Whether the query sees a row of values that is beyond `limit` or not finite.
HWY_NOINLINE inline bool SeesLargeValue(const Decoder& s, size_t key, size_t keys, double limit) {
  const internal::Plane& v = s.head.v;
  const int32_t dtype = s.head.request.args.dtype;
  for (size_t j = 0; j < keys; ++j) {
    if (s.scores[j] == kNoScore) continue;
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
      s.rests[j] = 0;
    }
  }
}

// The largest size of a chunk's scores that are not hidden.
HWY_INLINE float LargestScore(const Decoder& s, size_t keys) {
  const Singles d;
  SingleVec most = hn::Zero(d);
  for (size_t j = 0; j < keys; j += hn::Lanes(d)) {
    const SingleVec x = hn::Load(d, s.scores + j);
    most = hn::Max(most, hn::IfThenZeroElse(hn::Eq(x, hn::Set(d, kNoScore)), hn::Abs(x)));
  }
  return hn::GetLane(hn::MaxOfLanes(d, most));
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
  const float sign = head.request.scale == 0 ? 0.0f : std::signbit(head.request.scale) ? -1.0f : 1.0f;
  for (size_t n = 0; n < Decoder::Padded(s.dim); ++n) s.q[n] = 0;
  for (size_t n = 0; n < s.dim; ++n) {
    const void* number = head.q.At(i, n, internal::BytesOf(a.dtype));
    s.q[Type::PlaceOf(n)] = sign * static_cast<float>(internal::LoadNumber(a.dtype, number, 0));
  }
  for (size_t n = 0; n < Decoder::Padded(s.dim); ++n) s.wide_q[n] = static_cast<double>(s.q[n]);
  for (size_t e = 0; e < s.padded_value_dim; ++e) s.far[e] = 0;

  const double log2e = 0x1.71547652b82fep0;
  const double unit = 1 / (s.scale.unit * log2e);
  // Of all shares; the rest is that of the key whose score it was, so that this key's share is exactly 2^60.
  float reference = kNoScore;
  float reference_rest = 0;
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
  const float wide_from = static_cast<float>(kMostNarrow * s.scale.unit);
  const ShareExp share(s.scale);
  double most = 0;
  for (size_t key = range.first; key < range.last; key += kDecodeChunk) {
    const size_t keys = HWY_MIN(kDecodeChunk, range.last - key);
    const auto dress = [&]() HWY_ATTR {
      if (s.dressed || head.mask.present()) DressDecoded(s, i, key, keys);
      for (size_t j = keys; j < Decoder::Padded(keys); ++j) {
        s.scores[j] = kNoScore;
        s.rests[j] = 0;
      }
    };
    bool has_rests = false;
    WithSteps(s.dim, [&](auto steps) HWY_ATTR {
      constexpr size_t kSteps = decltype(steps)::value;
      DecodeScores<Type, kSteps>(s, key, keys);
      dress();
      if constexpr (Type::kWide) {
        has_rests = !s.dressed && LargestScore(s, keys) > wide_from;
        if (!has_rests) return;
        DecodeWideScores<kSteps>(s, key, keys);
        dress();
      }
    });
    if (kCareful && SeesLargeValue(s, key, keys, limit)) return Decoded::kLeft;
    SingleVec tops = hn::Set(d, kNoScore);
    for (size_t j = 0; j < keys; j += lanes) tops = hn::Max(hn::Load(d, s.scores + j), tops);
    const float top = hn::GetLane(hn::MaxOfLanes(d, tops));
    if (!(top <= reference + above) && top != kNoScore) {
      if (!(std::fabs(top) < HUGE_VALF)) return Decoded::kLeft;
      float rest = 0;
      for (size_t j = 0; has_rests && j < keys; ++j) rest = s.scores[j] == top ? s.rests[j] : rest;
      if (reference != kNoScore) {
        const double down = (static_cast<double>(reference) - static_cast<double>(top)) +
                            (static_cast<double>(reference_rest) - static_cast<double>(rest));
        const double factor = std::exp(down * unit);
        total *= factor;
        for (size_t e = 0; e < s.padded_value_dim; ++e) s.far[e] *= factor;
      }
      reference = top;
      reference_rest = rest;
    }
    const SingleVec shift = hn::Set(d, reference == kNoScore ? 0 : reference);
    const SingleVec shift_rest = hn::Set(d, reference_rest);
    SingleVec sum = hn::Zero(d);
    for (size_t j = 0; j < keys; j += lanes) {
      const SingleVec rest = has_rests ? hn::Load(d, s.rests + j) : hn::Zero(d);
      const SingleVec p = share(hn::Add(hn::Sub(hn::Load(d, s.scores + j), shift), hn::Sub(rest, shift_rest)));
      sum = hn::Add(sum, p);
      hn::Store(p, d, s.scores + j);
    }
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum)));
    size_t e = 0;
    for (; e + 2 * Decoder::kPad <= s.value_dim; e += 2 * Decoder::kPad)
      most = HWY_MAX(most, (DecodeValues<Type, true, kCareful>(s, key, keys, e)));
    for (; e < s.value_dim; e += Decoder::kPad)
      most = HWY_MAX(most, (DecodeValues<Type, false, kCareful>(s, key, keys, e)));
    for (e = 0; e < s.padded_value_dim; ++e) s.far[e] += static_cast<double>(s.sums[e]);
  }
  double check = most < limit ? 0 : kInf;
  for (size_t e = 0; e < s.padded_value_dim; ++e) check += s.far[e] * 0;
  if (check != 0) return kCareful ? Decoded::kLeft : Decoded::kLargeValues;
  if (!(total > 0 && total < kInf)) return Decoded::kLeft;
  const size_t bytes = internal::BytesOf(a.dtype);
  for (size_t e = 0; e < s.value_dim; ++e)
    internal::StoreNumber(a.dtype, head.out.At(i, e, bytes), 0, s.far[Type::PlaceOf(e)] / total);
  if (head.lse.present()) {
    const double exact_reference = static_cast<double>(reference) + static_cast<double>(reference_rest);
    const double lse = exact_reference * unit + (std::log(total) - 60 * kLn2);
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
