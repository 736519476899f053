// SPDX-License-Identifier: Apache-2.0
//
// From products q k to the scores z of attention, in double and without a fused operation: scale, softcap, bias, and
// -inf where a pair is invisible. Lanes are queries and rows keys, or the other way round. Compiled once per target.

#if defined(ASSAY_LIB_ATTENTION_SCORES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_ATTENTION_SCORES_INL_H_
#undef ASSAY_LIB_ATTENTION_SCORES_INL_H_
#else
#define ASSAY_LIB_ATTENTION_SCORES_INL_H_
#endif

#include <cmath>
#include <limits>

#include "attention_request.h"
#include "exp-inl.h"
#include "lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// exp of less than this, and for the backward's z - lse of more, is taken there: no result of 32 bits can tell, and no
// product of such numbers overflows a double.
inline constexpr double kLeastPower = -700;
inline constexpr double kMostPower = 400;

HWY_INLINE DoubleVec ExpOfPower(DoubleVec z) {
  const Doubles d;
  return ExpUnfused(d, hn::Min(hn::Max(z, hn::Set(d, kLeastPower)), hn::Set(d, kMostPower)));
}

// tanh(y), NaN for NaN: its Taylor polynomial near 0, by exp(-2 |y|) elsewhere. Error: bounds::kTanhRelative.
HWY_INLINE DoubleVec Tanh(DoubleVec y) {
  const Doubles d;
  const DoubleVec size = hn::Abs(y);
  const DoubleVec y2 = hn::Mul(size, size);
  // Of y^3, y^5 ...: 2^2n (2^2n - 1) B_2n / (2n)!, B_2n the Bernoulli numbers.
  constexpr double kSeries[] = {-1.0 / 3,
                                2.0 / 15,
                                -17.0 / 315,
                                62.0 / 2835,
                                -1382.0 / 155925,
                                21844.0 / 6081075,
                                -929569.0 / 638512875,
                                6404582.0 / 10854718875.0,
                                -443861162.0 / 1856156927625.0};
  DoubleVec series = hn::Set(d, kSeries[8]);
  for (int i = 7; i >= 0; --i) series = hn::Add(hn::Mul(series, y2), hn::Set(d, kSeries[i]));
  const DoubleVec near = hn::Add(size, hn::Mul(hn::Mul(size, y2), series));
  const DoubleVec one = hn::Set(d, 1.0);
  const DoubleVec e = ExpOfPower(hn::Mul(size, hn::Set(d, -2.0)));
  const DoubleVec far = hn::Div(hn::Sub(one, e), hn::Add(one, e));
  const DoubleVec t = hn::CopySign(hn::IfThenElse(hn::Lt(size, hn::Set(d, 0.125)), near, far), y);
  return hn::IfThenElse(hn::Eq(y, y), t, y);
}

// Rows of lanes whose pairs these are.
struct PairBlock {
  const internal::AttentionHead& head;
  bool lanes_are_queries;
  size_t first_lane;  // query or key
  size_t lanes;
  size_t first_row;  // key or query
  size_t rows;
  size_t width;  // from a row to the next

  size_t Query(size_t row, size_t lane) const { return lanes_are_queries ? first_lane + lane : first_row + row; }
  size_t Key(size_t row, size_t lane) const { return lanes_are_queries ? first_row + row : first_lane + lane; }
};

// In `scores`: q k, then z, -inf where invisible. `slopes`, if not null, has room for as many: dz / d(scale q k).
HWY_NOINLINE inline void ToScores(const PairBlock& block, double* HWY_RESTRICT scores, double* HWY_RESTRICT slopes) {
  const Doubles d;
  const internal::AttentionHead& head = block.head;
  const assay_attention_args& a = head.request.args;
  const DoubleVec scale = hn::Set(d, head.request.scale), cap = hn::Set(d, a.softcap), high = hn::Set(d, kInf);
  const DoubleVec one = hn::Set(d, 1.0);
  const bool huge = std::fabs(head.request.scale) > 0x1p500;
  for (size_t r = 0; r < block.rows; ++r) {
    for (size_t at = r * block.width; at < r * block.width + block.lanes; at += Lanes()) {
      const DoubleVec s = hn::Load(d, scores + at);
      DoubleVec z = hn::Mul(s, scale);
      if (huge) {  // a finite score stays finite: no bound tells such scores apart
        const auto overflows = hn::And(hn::Eq(hn::Abs(z), high), hn::Lt(hn::Abs(s), high));
        z = hn::IfThenElse(overflows, hn::CopySign(hn::Set(d, std::numeric_limits<double>::max() / 4), z), z);
      }
      DoubleVec slope = one;
      if (a.softcap != 0) {
        const DoubleVec t = Tanh(hn::Div(z, cap));
        slope = hn::Mul(hn::Sub(one, t), hn::Add(one, t));
        z = hn::Mul(cap, t);
      }
      hn::Store(z, d, scores + at);
      if (slopes != nullptr) hn::Store(slope, d, slopes + at);
    }
  }
  const size_t bytes = internal::BytesOf(a.dtype);
  if (head.bias.present() || head.mask.present()) {
    for (size_t r = 0; r < block.rows; ++r) {
      for (size_t lane = 0; lane < block.lanes; ++lane) {
        double& z = scores[r * block.width + lane];
        const size_t query = block.Query(r, lane), key = block.Key(r, lane);
        if (head.bias.present()) {
          const double bias = internal::LoadNumber(a.dtype, head.bias.At(query, key, bytes), 0);
          z = bias == -kInf ? -kInf : z + bias;
        }
        if (head.mask.present() && *static_cast<const uint8_t*>(head.mask.At(query, key, 1)) == 0) z = -kInf;
      }
    }
  }
  const size_t queries = block.lanes_are_queries ? block.lanes : block.rows;
  const size_t keys = block.lanes_are_queries ? block.rows : block.lanes;
  const size_t first_query = block.Query(0, 0), first_key = block.Key(0, 0);
  for (size_t i = 0; i < queries; ++i) {
    const internal::KeyRange range = head.ranges.Of(first_query + i);
    if (range.first <= first_key && first_key + keys <= range.last) continue;
    for (size_t j = 0; j < keys; ++j) {
      if (first_key + j >= range.first && first_key + j < range.last) continue;
      scores[block.lanes_are_queries ? j * block.width + i : i * block.width + j] = -kInf;
    }
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
