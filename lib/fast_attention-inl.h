// SPDX-License-Identifier: Apache-2.0
//
// The fast tier's attention in f32 lanes. Lanes are queries: a tile of queries is transposed, keys and values are read
// where they lie, maxima and sums are vertical, and of the score matrix only a strip of kKeys keys exists at a time.
// Compiled once per target.
//
// Method   online softmax (Milakov & Gimelshein 2018); a query's reference is the largest score of its first strip and
//          moves only where a score exceeds it by kMostAbove powers of two. Sums in f32 over kKeys keys and kFold
//          strips of them, then in double, so that seq_kv does not enter the error.
// Exact    whatever is not finite or out of range is left to the exact tier, query by query.
// Error    bounds::kFastAttention.

#if defined(ASSAY_LIB_FAST_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_ATTENTION_INL_H_
#undef ASSAY_LIB_FAST_ATTENTION_INL_H_
#else
#define ASSAY_LIB_FAST_ATTENTION_INL_H_
#endif

#include <cmath>
#include <limits>

#include "fast_attention_scores-inl.h"
#include "fast_log-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// ---- Shares ------------------------------------------------------------------------------------------------------

// Moves the references of a vector of queries to `top` where `moves` says so, and what was summed with them.
HWY_NOINLINE inline void Move(FastTile& tile, size_t vec, SingleVec top, hn::Mask<Singles> moves) {
  const Singles d;
  const size_t lane = vec * hn::Lanes(d);
  const SingleVec old = hn::Load(d, tile.reference + lane);
  const SingleVec moved = hn::IfThenElse(moves, top, old);
  hn::Store(moved, d, tile.reference + lane);
  // exp(half the way), twice: a share of up to 2^-kMostBelow that was summed stays a number.
  const SingleVec half =
      hn::Mul(hn::Set(d, 0.5f), hn::IfThenElse(hn::Eq(old, hn::Set(d, kNoScore)), hn::Zero(d), hn::Sub(old, moved)));
  const FloatExp exp(tile.scale, 0, 0);
  const SingleVec factor = exp.Power<false, Sides::kBelow>(One{half}).v;
  const SingleVec f = hn::IfThenElse(moves, factor, hn::Set(d, 1.0f));
  const auto scale = [&](float* at) HWY_ATTR { hn::Store(hn::Mul(hn::Mul(hn::Load(d, at), f), f), d, at); };
  scale(tile.sum + lane);
  for (size_t e = 0; e < tile.value_dim; ++e) scale(tile.out + e * kTileQueries + lane);
  if (!tile.folded) return;
  HWY_ALIGN float factors[kTileQueries];
  hn::Store(f, d, factors);
  for (size_t i = 0; i < hn::Lanes(d); ++i) {
    const double wide = static_cast<double>(factors[i]) * static_cast<double>(factors[i]);
    tile.far_sum[lane + i] *= wide;
    for (size_t e = 0; e < tile.value_dim; ++e) tile.far[e * kTileQueries + lane + i] *= wide;
  }
}

HWY_NOINLINE inline void Shares(FastTile& tile, const Strip& strip) {
  const Singles d;
  const size_t lanes = hn::Lanes(d);
  const ShareExp share(tile.scale);
  const SingleVec above = hn::Set(d, static_cast<float>(kMostAbove * tile.scale.unit));
  for (size_t vec = strip.first_vec; vec < strip.last_vec; ++vec) {
    float* row = tile.shares + vec * lanes;
    SingleVec top0 = hn::Set(d, kNoScore), top1 = top0;
    size_t j = 0;
    for (; j + 2 <= strip.keys; j += 2) {
      top0 = hn::Max(hn::Load(d, row + j * kTileQueries), top0);
      top1 = hn::Max(hn::Load(d, row + (j + 1) * kTileQueries), top1);
    }
    if (j < strip.keys) top0 = hn::Max(hn::Load(d, row + j * kTileQueries), top0);
    const SingleVec top = hn::Max(top0, top1);
    SingleVec reference = hn::Load(d, tile.reference + vec * lanes);
    const auto moves = hn::Gt(top, hn::Add(reference, above));  // of -inf too, but only to more
    if (HWY_UNLIKELY(!hn::AllFalse(d, moves))) {
      Move(tile, vec, top, moves);
      reference = hn::Load(d, tile.reference + vec * lanes);
    }
    reference = hn::IfThenElse(hn::Eq(reference, hn::Set(d, kNoScore)), hn::Zero(d), reference);
    SingleVec sum0 = hn::Zero(d), sum1 = sum0;
    for (j = 0; j + 2 <= strip.keys; j += 2) {
      float* at0 = row + j * kTileQueries;
      float* at1 = at0 + kTileQueries;
      const SingleVec p0 = share(hn::Sub(hn::Load(d, at0), reference));
      const SingleVec p1 = share(hn::Sub(hn::Load(d, at1), reference));
      sum0 = hn::Add(sum0, p0);
      sum1 = hn::Add(sum1, p1);
      hn::Store(p0, d, at0);
      hn::Store(p1, d, at1);
    }
    if (j < strip.keys) {
      float* at = row + j * kTileQueries;
      const SingleVec p = share(hn::Sub(hn::Load(d, at), reference));
      sum0 = hn::Add(sum0, p);
      hn::Store(p, d, at);
    }
    float* sum = tile.sum + vec * lanes;
    hn::Store(hn::Add(hn::Load(d, sum), hn::Add(sum0, sum1)), d, sum);
  }
}

// ---- A tile ------------------------------------------------------------------------------------------------------

// Adds what was summed in f32 to the sums in double.
HWY_NOINLINE inline void Fold(FastTile& tile) {
  const Doubles d;
  const Floats df;
  const auto fold = [&](float* from, double* to) HWY_ATTR {
    for (size_t i = 0; i < kTileQueries; i += Lanes()) {
      const DoubleVec x = hn::PromoteTo(d, hn::Load(df, from + i));
      hn::Store(tile.folded ? hn::Add(hn::Load(d, to + i), x) : x, d, to + i);
      hn::Store(hn::Zero(df), df, from + i);
    }
  };
  fold(tile.sum, tile.far_sum);
  for (size_t e = 0; e < tile.value_dim; ++e) fold(tile.out + e * kTileQueries, tile.far + e * kTileQueries);
  tile.folded = true;
}

// Divides by the sums. The set of queries whose sum or result is not finite, or whose sum is 0.
HWY_NOINLINE inline uint64_t Divide(FastTile& tile) {
  const Singles d;
  const Doubles dd;
  const Floats df;
  const size_t lanes = hn::Lanes(d);
  if (tile.folded) {
    Fold(tile);
    for (size_t i = 0; i < kTileQueries; i += Lanes()) {
      const DoubleVec inverse = hn::Div(hn::Set(dd, 1.0), hn::Load(dd, tile.far_sum + i));
      for (size_t e = 0; e < tile.value_dim; ++e) {
        const size_t at = e * kTileQueries + i;
        hn::Store(Narrow(hn::Mul(hn::Load(dd, tile.far + at), inverse)), df, tile.out + at);
      }
    }
  } else {
    for (size_t i = 0; i < kTileQueries; ++i) tile.far_sum[i] = static_cast<double>(tile.sum[i]);
  }
  uint64_t left = tile.left;
  const SingleVec infinity = hn::Set(d, -kNoScore);
  for (size_t lane = 0; lane < tile.count; lane += lanes) {
    const SingleVec sum = hn::Load(d, tile.sum + lane);
    const SingleVec inverse = tile.folded ? hn::Set(d, 1.0f) : hn::Div(hn::Set(d, 1.0f), sum);
    auto good = hn::Lt(hn::Abs(inverse), infinity);
    for (size_t e = 0; e < tile.value_dim; ++e) {
      float* at = tile.out + e * kTileQueries + lane;
      const SingleVec x = hn::Add(hn::Mul(hn::Load(d, at), inverse), hn::Zero(d));
      good = hn::And(good, hn::Lt(hn::Abs(x), infinity));
      hn::Store(x, d, at);
    }
    uint8_t bits[8] = {};
    hn::StoreMaskBits(d, good, bits);
    const uint64_t mask = lanes == 16 ? static_cast<uint64_t>(bits[0] | bits[1] << 8) : bits[0];
    left |= (~mask & ((uint64_t{1} << lanes) - 1)) << lane;
  }
  for (size_t i = 0; i < tile.count; ++i) {
    if (!(tile.far_sum[i] > 0 && tile.far_sum[i] < kInf)) left |= uint64_t{1} << i;
  }
  return tile.count == 64 ? left : left & ((uint64_t{1} << tile.count) - 1);
}

// The queries of a tile but those of `without`.
HWY_NOINLINE inline void WriteOut(const FastTile& tile, uint64_t without) {
  const internal::AttentionHead& head = tile.head;
  const int32_t dtype = head.request.args.dtype;
  const size_t bytes = internal::BytesOf(dtype);
  size_t i = 0;
  if (dtype == ASSAY_F32 && head.out.col_stride == 1 && without == 0) {
    for (; i + 4 <= tile.count; i += 4) {
      float* to = static_cast<float*>(head.out.At(tile.first + i, 0, bytes));
      size_t e = 0;
      for (; e + 4 <= tile.value_dim; e += 4) {
        Transpose4(tile.out + e * kTileQueries + i, static_cast<ptrdiff_t>(kTileQueries), to + e, head.out.row_stride);
      }
      for (; e < tile.value_dim; ++e) {
        for (size_t r = 0; r < 4; ++r) {
          to[static_cast<ptrdiff_t>(r) * head.out.row_stride + static_cast<ptrdiff_t>(e)] =
              tile.out[e * kTileQueries + i + r];
        }
      }
    }
  }
  for (; i < tile.count; ++i) {
    if ((without >> i & 1) != 0) continue;
    for (size_t e = 0; e < tile.value_dim; ++e) {
      internal::StoreNumber(dtype, head.out.At(tile.first + i, e, bytes), 0,
                            static_cast<double>(tile.out[e * kTileQueries + i]));
    }
  }
}

HWY_NOINLINE inline void WriteLse(const FastTile& tile, uint64_t without) {
  const Doubles d;
  const int32_t dtype = tile.head.request.args.lse_dtype;
  HWY_ALIGN double lse[kTileQueries];
  for (size_t i = 0; i < kTileQueries; i += Lanes()) {
    // A sum of 0 or NaN is the exact tier's: any number will do.
    const DoubleVec sum = hn::Load(d, tile.far_sum + i);
    const DoubleVec log = Log(hn::Max(hn::Set(d, 0x1p-1000), sum));
    const DoubleVec reference = hn::PromoteTo(d, hn::Load(Floats(), tile.reference + i));
    const DoubleVec shift = hn::MulAdd(reference, hn::Set(d, kLn2 / tile.scale.unit), hn::Set(d, -kShareOffset * kLn2));
    hn::Store(hn::Add(shift, log), d, lse + i);
  }
  for (size_t i = 0; i < tile.count; ++i) {
    if ((without >> i & 1) != 0) continue;
    internal::StoreNumber(dtype, tile.head.lse.At(tile.first + i, 0, internal::BytesOf(dtype)), 0, lse[i]);
  }
}

// Where the strip that begins at `key` ends, and who sees it.
HWY_INLINE Strip NextStrip(const FastTile& tile, size_t key, size_t end) {
  const size_t lanes = hn::Lanes(Singles());
  const size_t vecs = (tile.count + lanes - 1) / lanes;
  const auto at = static_cast<int32_t>(key);
  Strip strip = {key, HWY_MIN(kKeys, end - key), 0, vecs, false};
  const auto last_lane = [&](size_t vec) HWY_ATTR { return HWY_MIN((vec + 1) * lanes, tile.count) - 1; };
  while (strip.first_vec < vecs && tile.last_key[last_lane(strip.first_vec)] <= at) ++strip.first_vec;
  while (strip.last_vec > strip.first_vec &&
         tile.first_key[(strip.last_vec - 1) * lanes] >= at + static_cast<int32_t>(strip.keys))
    --strip.last_vec;
  if (strip.first_vec == strip.last_vec) return strip;
  // Not so far that a vector of queries would work on keys that none of them sees.
  const int32_t reach = tile.last_key[last_lane(strip.first_vec)];
  if (reach < at + static_cast<int32_t>(strip.keys) && strip.first_vec + 1 < strip.last_vec)
    strip.keys = static_cast<size_t>(reach - at);
  const int32_t behind = at + static_cast<int32_t>(strip.keys);
  strip.edge = tile.last_key[strip.first_vec * lanes] < behind || tile.first_key[last_lane(strip.last_vec - 1)] > at;
  return strip;
}

// Sums for queries [first, first + count) of the head, not yet written; the set of those that are the exact tier's.
HWY_NOINLINE inline uint64_t RunTile(FastTile& tile, size_t first, size_t count) {
  const internal::AttentionHead& head = tile.head;
  const Singles d;
  tile.first = first;
  tile.count = count;
  tile.folded = false;
  tile.left = 0;
  float start_reference = kNoScore, start_sum = 0;
  if (head.sink.present()) {
    const double sink = internal::LoadNumber(head.request.args.dtype, head.sink.data, 0);
    if (sink > -kInf) {
      start_reference = static_cast<float>(sink * tile.scale.unit * 0x1.71547652b82fep0);
      const double rest = sink - static_cast<double>(start_reference) / (tile.scale.unit * 0x1.71547652b82fep0);
      start_sum = static_cast<float>(0x1p60 * std::exp(rest));
    }
  }
  for (size_t i = 0; i < kTileQueries; ++i) {
    const internal::KeyRange range = head.ranges.Of(first + HWY_MIN(i, count - 1));
    tile.first_key[i] = static_cast<int32_t>(range.first);
    tile.last_key[i] = static_cast<int32_t>(range.last);
    tile.reference[i] = start_reference;
    tile.sum[i] = start_sum;
    tile.far_sum[i] = 0;
  }
  LoadAcross(head.q, head.request.args.dtype, first, count, tile.dim, kTileQueries, tile.q);
  if (tile.negative || head.request.scale == 0) {
    const SingleVec sign = hn::Set(d, head.request.scale == 0 ? 0.0f : -1.0f);
    for (size_t i = 0; i < tile.dim * kTileQueries; i += hn::Lanes(d)) {
      hn::Store(hn::Mul(hn::Load(d, tile.q + i), sign), d, tile.q + i);
    }
  }
  for (size_t i = 0; i < tile.value_dim * kTileQueries; i += hn::Lanes(d)) hn::Store(hn::Zero(d), d, tile.out + i);

  const auto end = static_cast<size_t>(tile.last_key[count - 1]);
  size_t strips = 0;
  for (size_t key = static_cast<size_t>(tile.first_key[0]); key < end;) {
    const Strip strip = NextStrip(tile, key, end);
    key += strip.keys;
    if (strip.first_vec == strip.last_vec) continue;
    Scores(tile, strip);
    if (tile.dressed || head.mask.present()) Dress(tile, strip);
    if (strip.edge) HideEdge(tile, strip);
    if (HWY_UNLIKELY(tile.large_values)) HideLargeValues(tile, strip);
    Shares(tile, strip);
    AddValues(tile, strip);
    if (++strips % kFold == 0 && key < end) Fold(tile);
  }
  return Divide(tile);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
