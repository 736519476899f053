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

#include "fast_attention_across-inl.h"
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
  const auto fresh = hn::Eq(old, hn::Set(d, kNoScore));  // nothing was summed yet
  if (hn::AllTrue(d, hn::Or(fresh, hn::Not(moves)))) return;
  // exp(half the way), twice: a share of up to 2^-kMostBelow that was summed stays a number.
  const SingleVec half = hn::Mul(hn::Set(d, 0.5f), hn::IfThenElse(fresh, hn::Zero(d), hn::Sub(old, moved)));
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

// What the sums are divided by. The set of queries whose sum is not finite, or 0: results are finite where it is, for
// values are below ValueLimit.
HWY_NOINLINE inline uint64_t Divide(FastTile& tile) {
  const Singles d;
  const Doubles dd;
  const Floats df;
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
  const SingleVec one = hn::Set(d, 1.0f);
  for (size_t i = 0; i < kTileQueries; i += hn::Lanes(d)) {
    hn::Store(tile.folded ? one : hn::Div(one, hn::Load(d, tile.sum + i)), d, tile.inverse + i);
  }
  uint64_t left = tile.left;
  for (size_t i = 0; i < tile.count; ++i) {
    if (!(tile.far_sum[i] > 0 && tile.far_sum[i] < kInf)) left |= uint64_t{1} << i;
  }
  return tile.count == 64 ? left : left & ((uint64_t{1} << tile.count) - 1);
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
  LoadQueries(tile);
  if (tile.negative || head.request.scale == 0) {
    const SingleVec sign = hn::Set(d, head.request.scale == 0 ? 0.0f : -1.0f);
    for (size_t i = 0; i < tile.dim * kTileQueries; i += hn::Lanes(d)) {
      hn::Store(hn::Mul(hn::Load(d, tile.q + i), sign), d, tile.q + i);
    }
  }

  const auto end = static_cast<size_t>(tile.last_key[count - 1]);
  const auto clear = [&tile]() HWY_ATTR {
    const Singles d;
    for (size_t i = 0; i < tile.value_dim * kTileQueries; i += hn::Lanes(d)) hn::Store(hn::Zero(d), d, tile.out + i);
  };
  Sums sums = Sums::kReplaced;
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
    if (sums == Sums::kReplaced && strip.last_vec - strip.first_vec != kVecs) {
      clear();
      sums = Sums::kAdded;
    }
    AddValues(tile, strip, sums);
    sums = Sums::kAdded;
    if (++strips % kFold == 0 && key < end) Fold(tile);
  }
  if (sums == Sums::kReplaced) clear();
  return Divide(tile);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
