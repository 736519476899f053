// SPDX-License-Identifier: Apache-2.0
//
// The exact tier's attention backward: in double, from the saved output and LSE, without a matrix of queries by keys.
// Two passes: lanes are queries for dq and dbias, keys for dk and dv, so that no sum crosses lanes and no call needs
// atomics. Compiled once per target.
//
// Error    bounds::kExactAttention.

#if defined(ASSAY_LIB_EXACT_ATTENTION_BACKWARD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_EXACT_ATTENTION_BACKWARD_INL_H_
#undef ASSAY_LIB_EXACT_ATTENTION_BACKWARD_INL_H_
#else
#define ASSAY_LIB_EXACT_ATTENTION_BACKWARD_INL_H_
#endif

#include <cmath>
#include <limits>

#include "attention_products-inl.h"
#include "attention_rows-inl.h"
#include "attention_scores-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kPairRows = 32;  // keys or queries that a strip of lanes meets at a time
inline constexpr size_t kMaxPairLanes = kVecs * kMaxLanes;

// What the backward reads beside the forward's operands.
struct BackwardHead {
  internal::AttentionHead head;
  internal::Plane saved_out, saved_lse, upstream;
  internal::OutPlane dq, dbias;

  BackwardHead(const internal::AttentionRequest& r, size_t batch, size_t index) : head(r, batch, index) {
    const assay_attention_args& a = r.args;
    const size_t bytes = internal::BytesOf(a.dtype);
    saved_out = internal::PlaneOf(a.saved_out, batch, index, bytes);
    saved_lse = internal::PlaneOf(a.saved_lse, batch, index, internal::BytesOf(a.lse_dtype));
    upstream = internal::PlaneOf(a.upstream, batch, index, bytes);
    dq = internal::PlaneOf(a.dq, batch, index, bytes);
    dbias = internal::PlaneOf(a.dbias, batch, index, bytes);
  }

  double Lse(size_t i) const {
    const int32_t dtype = head.request.args.lse_dtype;
    return internal::LoadNumber(dtype, saved_lse.At(i, 0, internal::BytesOf(dtype)), 0);
  }
  double Delta(size_t i) const {
    const assay_attention_args& a = head.request.args;
    double sum = 0;
    for (size_t e = 0; e < a.value_dim; ++e) {
      const size_t bytes = internal::BytesOf(a.dtype);
      sum += internal::LoadNumber(a.dtype, upstream.At(i, e, bytes), 0) *
             internal::LoadNumber(a.dtype, saved_out.At(i, e, bytes), 0);
    }
    return sum;
  }
};

// The scratch of both passes.
struct PairScratch {
  size_t width;      // lanes of a row
  double* left;      // [dim][width]: q or k across
  double* up;        // [value_dim][width]: upstream or v across
  double* first;     // [dim][width]: sums of dq or dk
  double* second;    // [value_dim][width]: sums of dv
  double* shares;    // [kPairRows][width]: scores, then shares
  double* slopes;    // [kPairRows][width]: 1 - tanh^2, then what multiplies the rows
  double* products;  // [kPairRows][width]: upstream v, then dbias
  double* room;      // [kPairRows][dim]
  double* up_room;   // [kPairRows][value_dim]

  static size_t Bytes(size_t dim, size_t value_dim) {
    return sizeof(double) * (kVecs * Lanes() * (2 * (dim + value_dim) + 3 * kPairRows) + kPairRows * (dim + value_dim));
  }
  PairScratch(size_t dim, size_t value_dim, void* scratch)
      : width(kVecs * Lanes()), left(static_cast<double*>(scratch)) {
    up = left + width * dim;
    first = up + width * value_dim;
    second = first + width * dim;
    shares = second + width * value_dim;
    slopes = shares + width * kPairRows;
    products = slopes + width * kPairRows;
    room = products + width * kPairRows;
    up_room = room + kPairRows * dim;
  }
};

HWY_INLINE void Clear(double* sums, size_t n) {
  const Doubles d;
  for (size_t i = 0; i < n; i += Lanes()) hn::Store(hn::Zero(d), d, sums + i);
}

// From q k in shares and upstream v in products: p, dbias = p (products - delta), and in slopes dbias times the slope.
// Those of invisible pairs, and where lse is -inf, are 0 whatever stands there. lse and delta: of lane i, or of row r.
HWY_NOINLINE inline void ToGradients(const PairBlock& block, PairScratch& s, const double* lse, const double* delta) {
  const Doubles d;
  ToScores(block, s.shares, s.slopes);
  const DoubleVec low = hn::Set(d, -kInf);
  for (size_t r = 0; r < block.rows; ++r) {
    for (size_t i = 0; i < block.lanes; i += Lanes()) {
      const size_t at = r * s.width + i;
      const DoubleVec z = hn::Load(d, s.shares + at);
      const DoubleVec l = block.lanes_are_queries ? hn::Load(d, lse + i) : hn::Set(d, lse[r]);
      const DoubleVec sum = block.lanes_are_queries ? hn::Load(d, delta + i) : hn::Set(d, delta[r]);
      const auto nothing = hn::Or(hn::Eq(z, low), hn::Eq(l, low));
      const DoubleVec p = hn::IfThenZeroElse(nothing, ExpOfPower(hn::Sub(z, l)));
      const DoubleVec g = hn::IfThenZeroElse(nothing, hn::Mul(p, hn::Sub(hn::Load(d, s.products + at), sum)));
      const DoubleVec f = hn::IfThenZeroElse(nothing, hn::Mul(g, hn::Load(d, s.slopes + at)));
      hn::Store(p, d, s.shares + at);
      hn::Store(g, d, s.products + at);
      hn::Store(f, d, s.slopes + at);
    }
  }
}

// dq and dbias of queries [first, first + count).
HWY_NOINLINE inline void QueryGradients(const BackwardHead& b, PairScratch& s, size_t first, size_t count) {
  const internal::AttentionHead& head = b.head;
  const assay_attention_args& a = head.request.args;
  const size_t bytes = internal::BytesOf(a.dtype);
  const size_t used = (count + Lanes() - 1) / Lanes();
  HWY_ALIGN double lse[kMaxPairLanes] = {};
  HWY_ALIGN double delta[kMaxPairLanes] = {};
  for (size_t i = 0; i < count; ++i) {
    lse[i] = b.Lse(first + i);
    delta[i] = b.Delta(first + i);
  }
  LoadAcross(head.q, a.dtype, first, count, a.head_dim, s.width, s.left);
  LoadAcross(b.upstream, a.dtype, first, count, a.value_dim, s.width, s.up);
  Clear(s.first, a.head_dim * s.width);
  size_t begin = head.ranges.Of(first).first, end = head.ranges.Of(first + count - 1).last;
  if (b.dbias.present()) begin = 0, end = a.seq_kv;  // each is written, invisible ones +0
  for (size_t key = begin; key < end; key += kPairRows) {
    const size_t rows = HWY_MIN(kPairRows, end - key);
    const Rows<double> k = RowsOf(head.k, a.dtype, key, rows, a.head_dim, s.room);
    const Rows<double> v = RowsOf(head.v, a.dtype, key, rows, a.value_dim, s.up_room);
    AllProducts<true, Sums::kReplaced>(used, s.width, s.left, k.data, k.step, 1, a.head_dim, rows, s.shares);
    AllProducts<true, Sums::kReplaced>(used, s.width, s.up, v.data, v.step, 1, a.value_dim, rows, s.products);
    ToGradients({head, true, first, count, key, rows, s.width}, s, lse, delta);
    AddVisible(used, s.width, s.slopes, k.data, k.step, rows, a.head_dim, s.first);
    for (size_t j = 0; j < rows && b.dbias.present(); ++j) {
      for (size_t i = 0; i < count; ++i) {
        internal::StoreNumber(a.dtype, b.dbias.At(first + i, key + j, bytes), 0, s.products[j * s.width + i]);
      }
    }
  }
  for (size_t i = 0; i < count && b.dq.present(); ++i) {
    for (size_t n = 0; n < a.head_dim; ++n) {
      internal::StoreNumber(a.dtype, b.dq.At(first + i, n, bytes), 0, head.request.scale * s.first[n * s.width + i]);
    }
  }
}

// dk and dv of keys [first, first + count) of a key head.
HWY_NOINLINE inline void KeyGradients(const internal::AttentionRequest& request, size_t batch, size_t kv_head,
                                      PairScratch& s, size_t first, size_t count) {
  const assay_attention_args& a = request.args;
  const size_t bytes = internal::BytesOf(a.dtype);
  const size_t used = (count + Lanes() - 1) / Lanes();
  const size_t group = a.num_heads / a.num_kv_heads;
  const internal::OutPlane dk = internal::PlaneOf(a.dk, batch, kv_head, bytes);
  const internal::OutPlane dv = internal::PlaneOf(a.dv, batch, kv_head, bytes);
  Clear(s.first, a.head_dim * s.width);
  Clear(s.second, a.value_dim * s.width);
  for (size_t index = kv_head * group; index < (kv_head + 1) * group; ++index) {
    const BackwardHead b(request, batch, index);
    LoadAcross(b.head.k, a.dtype, first, count, a.head_dim, s.width, s.left);
    LoadAcross(b.head.v, a.dtype, first, count, a.value_dim, s.width, s.up);
    for (size_t query = 0; query < a.seq_q; query += kPairRows) {
      const size_t rows = HWY_MIN(kPairRows, a.seq_q - query);
      if (b.head.ranges.Of(query + rows - 1).last <= first || b.head.ranges.Of(query).first >= first + count) continue;
      double lse[kPairRows], delta[kPairRows];
      for (size_t r = 0; r < rows; ++r) {
        lse[r] = b.Lse(query + r);
        delta[r] = b.Delta(query + r);
      }
      const Rows<double> q = RowsOf(b.head.q, a.dtype, query, rows, a.head_dim, s.room);
      const Rows<double> up = RowsOf(b.upstream, a.dtype, query, rows, a.value_dim, s.up_room);
      AllProducts<true, Sums::kReplaced>(used, s.width, s.left, q.data, q.step, 1, a.head_dim, rows, s.shares);
      AllProducts<true, Sums::kReplaced>(used, s.width, s.up, up.data, up.step, 1, a.value_dim, rows, s.products);
      ToGradients({b.head, false, first, count, query, rows, s.width}, s, lse, delta);
      AddVisible(used, s.width, s.slopes, q.data, q.step, rows, a.head_dim, s.first);
      AddVisible(used, s.width, s.shares, up.data, up.step, rows, a.value_dim, s.second);
    }
  }
  for (size_t j = 0; j < count; ++j) {
    for (size_t n = 0; n < a.head_dim && dk.present(); ++n) {
      internal::StoreNumber(a.dtype, dk.At(first + j, n, bytes), 0, request.scale * s.first[n * s.width + j]);
    }
    for (size_t e = 0; e < a.value_dim && dv.present(); ++e) {
      internal::StoreNumber(a.dtype, dv.At(first + j, e, bytes), 0, s.second[e * s.width + j]);
    }
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
