// SPDX-License-Identifier: Apache-2.0
//
// From products to the scores of the fast tier's attention: softcap, bias, and -inf where a key is invisible. Compiled
// once per target.

#if defined(ASSAY_LIB_FAST_ATTENTION_SCORES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_ATTENTION_SCORES_INL_H_
#undef ASSAY_LIB_FAST_ATTENTION_SCORES_INL_H_
#else
#define ASSAY_LIB_FAST_ATTENTION_SCORES_INL_H_
#endif

#include <cmath>

#include "fast_attention_tile-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// -inf where length, causality or window hide a key.
HWY_NOINLINE inline void HideEdge(FastTile& tile, const Strip& strip) {
  const Singles d;
  const hn::RebindToSigned<Singles> di;
  const size_t lanes = hn::Lanes(d);
  for (size_t vec = strip.first_vec; vec < strip.last_vec; ++vec) {
    const auto from = hn::Load(di, tile.first_key + vec * lanes);
    const auto to = hn::Load(di, tile.last_key + vec * lanes);
    for (size_t j = 0; j < strip.keys; ++j) {
      float* at = tile.shares + j * kTileQueries + vec * lanes;
      const auto key = hn::Set(di, static_cast<int32_t>(strip.key + j));
      const auto seen = hn::And(hn::Not(hn::Lt(key, from)), hn::Lt(key, to));
      hn::Store(hn::IfThenElse(hn::RebindMask(d, seen), hn::Load(d, at), hn::Set(d, kNoScore)), d, at);
    }
  }
}

// softcap * tanh(y) for y = score / softcap: an odd polynomial near 0 (Taylor's, the first term left out below 2^-32 of
// the value), by exp(-2 |y|) elsewhere.
class Softcap {
 public:
  explicit HWY_INLINE Softcap(double softcap)
      : cap_(hn::Set(Singles(), static_cast<float>(softcap))), exp_(ExpScale(1), 0, 0) {}
  HWY_INLINE SingleVec operator()(SingleVec y) const {
    const Singles d;
    const SingleVec size = hn::Min(hn::Abs(y), hn::Set(d, 16.0f));
    const SingleVec y2 = hn::Mul(size, size);
    SingleVec near = hn::Set(d, -1382.0f / 155925);
    near = hn::MulAdd(near, y2, hn::Set(d, 62.0f / 2835));
    near = hn::MulAdd(near, y2, hn::Set(d, -17.0f / 315));
    near = hn::MulAdd(near, y2, hn::Set(d, 2.0f / 15));
    near = hn::MulAdd(near, y2, hn::Set(d, -1.0f / 3));
    near = hn::MulAdd(hn::Mul(near, y2), size, size);
    const One e = exp_.Power<false, Sides::kNone>(One{hn::Mul(size, hn::Set(d, -2.0f))});
    const SingleVec one = hn::Set(d, 1.0f);
    const SingleVec far = hn::Div(hn::Sub(one, e.v), hn::Add(one, e.v));
    const SingleVec t = hn::IfThenElse(hn::Lt(size, hn::Set(d, 0.25f)), near, far);
    const SingleVec result = hn::Mul(cap_, hn::CopySign(t, y));
    return hn::IfThenElse(hn::Eq(y, y), result, y);
  }

 private:
  SingleVec cap_;
  FloatExp exp_;
};

// From scores to natural z with softcap and bias, and -inf where the mask hides a key.
HWY_NOINLINE inline void Dress(FastTile& tile, const Strip& strip) {
  const Singles d;
  const size_t lanes = hn::Lanes(d);
  const internal::AttentionRequest& request = tile.head.request;
  const double cap = request.args.softcap;
  const Softcap softcap(cap);
  const SingleVec factor = hn::Set(d, static_cast<float>(std::fabs(request.scale) / (cap == 0 ? 1 : cap)));
  HWY_ALIGN float bias[kTileQueries] = {};
  const size_t last = HWY_MIN(strip.last_vec * lanes, tile.count);
  for (size_t j = 0; j < strip.keys; ++j) {
    float* row = tile.shares + j * kTileQueries;
    if (tile.head.bias.present()) {
      for (size_t i = strip.first_vec * lanes; i < last; ++i) {
        bias[i] = static_cast<float>(internal::LoadNumber(
            request.args.dtype, tile.head.bias.At(tile.first + i, strip.key + j, internal::BytesOf(request.args.dtype)),
            0));
      }
    }
    for (size_t lane = strip.first_vec * lanes; tile.dressed && lane < strip.last_vec * lanes; lane += lanes) {
      SingleVec x = hn::Mul(hn::Load(d, row + lane), factor);
      if (cap != 0) x = softcap(x);
      const SingleVec b = hn::Load(d, bias + lane);
      const SingleVec hidden = hn::Set(d, kNoScore);  // whatever the score, NaN included
      hn::Store(hn::IfThenElse(hn::Eq(b, hidden), hidden, hn::Add(x, b)), d, row + lane);
    }
    if (!tile.head.mask.present()) continue;
    for (size_t i = strip.first_vec * lanes; i < last; ++i) {
      if (*static_cast<const uint8_t*>(tile.head.mask.At(tile.first + i, strip.key + j, 1)) == 0) row[i] = kNoScore;
    }
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
