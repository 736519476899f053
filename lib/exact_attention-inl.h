// SPDX-License-Identifier: Apache-2.0
//
// The exact tier's attention: everything in double, one rounding at the end, the same bits on every target. Lanes are
// queries; a query's bits depend on nothing but its own scores and values, so that decoding gives the row of the
// prefill. Compiled once per target.
//
// Method   keys in chunks of kChunk, counted from key 0: scores, their maximum m, p = exp(z - m), sums of p and of p v
// in the
//          order of the keys; chunks are merged in order. The product of two numbers of up to 32 bits is exact in
//          double, so that scores may be fused or not; nothing else is.
// Error    bounds::kExactAttention.

#if defined(ASSAY_LIB_EXACT_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_EXACT_ATTENTION_INL_H_
#undef ASSAY_LIB_EXACT_ATTENTION_INL_H_
#else
#define ASSAY_LIB_EXACT_ATTENTION_INL_H_
#endif

#include <limits>

#include "attention_products-inl.h"
#include "attention_rows-inl.h"
#include "attention_scores-inl.h"
#include "exact_log.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kChunk = 256;
inline constexpr size_t kRoom = 32;  // rows of keys or values that are widened at a time
inline constexpr size_t kMaxExactQueries = kVecs * kMaxLanes;

// One tile of queries of a head in double; all arrays are in the scratch.
struct ExactTile {
  const internal::AttentionHead& head;
  size_t width;  // lanes of a row: kVecs vectors
  size_t dim;
  size_t value_dim;
  size_t first = 0;  // query
  size_t count = 0;
  size_t used = 0;  // vectors
  double* q;        // [dim][width]
  double* out;      // [value_dim][width]
  double* part;     // [value_dim][width]: of the chunk
  double* shares;   // [kChunk][width]: scores, then shares
  double* room;     // [kRoom][dim or value_dim]
  HWY_ALIGN double top[kMaxExactQueries];
  HWY_ALIGN double sum[kMaxExactQueries];
  HWY_ALIGN uint8_t has_nan[kMaxExactQueries];
  HWY_ALIGN uint8_t has_infinity[kMaxExactQueries];

  static size_t Width() { return kVecs * Lanes(); }
  static size_t ScratchBytes(size_t dim, size_t value_dim) {
    return sizeof(double) * (Width() * (dim + 2 * value_dim + kChunk) + kRoom * HWY_MAX(dim, value_dim));
  }

  ExactTile(const internal::AttentionHead& h, void* scratch)
      : head(h),
        width(Width()),
        dim(h.request.args.head_dim),
        value_dim(h.request.args.value_dim),
        q(static_cast<double*>(scratch)),
        out(q + width * dim),
        part(out + width * value_dim),
        shares(part + width * value_dim),
        room(shares + width * kChunk) {}
};

// The scores z of keys [key, key + keys), -inf where a key is invisible.
HWY_NOINLINE inline void ExactScores(ExactTile& tile, size_t key, size_t keys) {
  const internal::AttentionHead& head = tile.head;
  const assay_attention_args& a = head.request.args;
  for (size_t j = 0; j < keys; j += kRoom) {
    const size_t rows = HWY_MIN(kRoom, keys - j);
    const Rows<double> k = RowsOf(head.k, a.dtype, key + j, rows, tile.dim, tile.room);
    AllProducts<true, Sums::kReplaced>(tile.used, tile.width, tile.q, k.data, k.step, 1, tile.dim, rows,
                                       tile.shares + j * tile.width);
  }
  ToScores({head, true, tile.first, tile.count, key, keys, tile.width}, tile.shares, nullptr);
}

// From scores to shares relative to the chunk's maxima, and their sums.
HWY_NOINLINE inline void ExactShares(ExactTile& tile, size_t keys, double* HWY_RESTRICT top, double* HWY_RESTRICT sum) {
  const Doubles d;
  const DoubleVec low = hn::Set(d, -kInf), high = hn::Set(d, kInf);
  for (size_t i = 0; i < tile.used * Lanes(); i += Lanes()) {
    double* row = tile.shares + i;
    DoubleVec m = low;
    auto ordinary = hn::Eq(m, m);
    for (size_t j = 0; j < keys; ++j) {
      const DoubleVec z = hn::Load(d, row + j * tile.width);
      ordinary = hn::And(ordinary, hn::Lt(z, high));
      m = hn::IfThenElse(hn::Gt(z, m), z, m);
    }
    if (!hn::AllTrue(d, ordinary)) {
      for (size_t j = 0; j < keys; ++j) {
        for (size_t lane = 0; lane < Lanes(); ++lane) {
          const double z = row[j * tile.width + lane];
          if (z != z) tile.has_nan[i + lane] = 1;
          if (z == kInf) tile.has_infinity[i + lane] = 1;
        }
      }
    }
    hn::Store(m, d, top + i);
    m = hn::IfThenZeroElse(hn::Eq(m, low), m);
    DoubleVec total = hn::Zero(d);
    for (size_t j = 0; j < keys; ++j) {
      const DoubleVec z = hn::Load(d, row + j * tile.width);
      const DoubleVec p = hn::IfThenZeroElse(hn::Eq(z, low), ExpOfPower(hn::Sub(z, m)));
      total = hn::Add(total, p);
      hn::Store(p, d, row + j * tile.width);
    }
    hn::Store(total, d, sum + i);
  }
}

// part += shares times values, for keys [key, key + keys); a share of 0 is that of an invisible key.
HWY_NOINLINE inline void ExactValues(ExactTile& tile, size_t key, size_t keys) {
  const assay_attention_args& a = tile.head.request.args;
  for (size_t j = 0; j < keys; j += kRoom) {
    const size_t rows = HWY_MIN(kRoom, keys - j);
    const Rows<double> v = RowsOf(tile.head.v, a.dtype, key + j, rows, tile.value_dim, tile.room);
    AddVisible(tile.used, tile.width, tile.shares + j * tile.width, v.data, v.step, rows, tile.value_dim, tile.part);
  }
}

// Queries [first, first + count), count <= ExactTile::Width().
HWY_NOINLINE inline void RunExactTile(ExactTile& tile, size_t first, size_t count) {
  const Doubles d;
  const internal::AttentionHead& head = tile.head;
  const assay_attention_args& a = head.request.args;
  tile.first = first;
  tile.count = count;
  tile.used = (count + Lanes() - 1) / Lanes();
  const size_t lanes = tile.used * Lanes();
  LoadAcross(head.q, a.dtype, first, count, tile.dim, tile.width, tile.q);
  const double sink = head.sink.present() ? internal::LoadNumber(a.dtype, head.sink.data, 0) : -kInf;
  for (size_t i = 0; i < tile.width; ++i) {
    tile.top[i] = sink;
    tile.sum[i] = sink == -kInf ? 0 : 1;
    tile.has_nan[i] = sink != sink ? 1 : 0;
    tile.has_infinity[i] = sink == kInf ? 1 : 0;
  }
  for (size_t e = 0; e < tile.value_dim; ++e) {
    for (size_t i = 0; i < lanes; i += Lanes()) hn::Store(hn::Zero(d), d, tile.out + e * tile.width + i);
  }
  const size_t begin = head.ranges.Of(first).first;
  const size_t end = head.ranges.Of(first + count - 1).last;
  HWY_ALIGN double top[kMaxExactQueries];
  HWY_ALIGN double sum[kMaxExactQueries];
  HWY_ALIGN double old_factor[kMaxExactQueries];
  HWY_ALIGN double new_factor[kMaxExactQueries];
  for (size_t chunk = begin / kChunk * kChunk; chunk < end; chunk += kChunk) {
    const size_t key = HWY_MAX(begin, chunk);
    const size_t keys = HWY_MIN(end, chunk + kChunk) - key;
    ExactScores(tile, key, keys);
    ExactShares(tile, keys, top, sum);
    for (size_t e = 0; e < tile.value_dim; ++e) {
      for (size_t i = 0; i < lanes; i += Lanes()) hn::Store(hn::Zero(d), d, tile.part + e * tile.width + i);
    }
    ExactValues(tile, key, keys);
    for (size_t i = 0; i < lanes; i += Lanes()) {
      const DoubleVec before = hn::Load(d, tile.top + i), here = hn::Load(d, top + i), low = hn::Set(d, -kInf);
      const DoubleVec m = hn::IfThenElse(hn::Gt(here, before), here, before);
      const auto factor = [&](DoubleVec from)
                              HWY_ATTR { return hn::IfThenZeroElse(hn::Eq(from, low), ExpOfPower(hn::Sub(from, m))); };
      const DoubleVec f = factor(before), g = factor(here);
      hn::Store(m, d, tile.top + i);
      hn::Store(f, d, old_factor + i);
      hn::Store(g, d, new_factor + i);
      hn::Store(hn::Add(hn::Mul(hn::Load(d, tile.sum + i), f), hn::Mul(hn::Load(d, sum + i), g)), d, tile.sum + i);
    }
    for (size_t e = 0; e < tile.value_dim; ++e) {
      for (size_t i = 0; i < lanes; i += Lanes()) {
        double* to = tile.out + e * tile.width + i;
        // What is 0 times a factor of 0 may be infinite: the factor is that of a part without a visible key.
        const DoubleVec f = hn::Load(d, old_factor + i), g = hn::Load(d, new_factor + i);
        const DoubleVec old = hn::Mul(hn::Load(d, to), f),
                        added = hn::Mul(hn::Load(d, tile.part + e * tile.width + i), g);
        hn::Store(hn::Add(old, added), d, to);
      }
    }
  }
  for (size_t i = 0; i < count; ++i) {
    const bool special = tile.has_nan[i] != 0 || tile.has_infinity[i] != 0;
    const double total = tile.sum[i];
    for (size_t e = 0; e < tile.value_dim; ++e) {
      const double x = special      ? std::numeric_limits<double>::quiet_NaN()
                       : total == 0 ? 0
                                    : tile.out[e * tile.width + i] / total;
      internal::StoreNumber(a.dtype, head.out.At(first + i, e, internal::BytesOf(a.dtype)), 0, x);
    }
    if (!head.lse.present()) continue;
    const double lse = tile.has_nan[i] != 0        ? std::numeric_limits<double>::quiet_NaN()
                       : tile.has_infinity[i] != 0 ? kInf
                       : total == 0                ? -kInf
                                                   : tile.top[i] + internal::LogOnePlus(total - 1);
    internal::StoreNumber(a.lse_dtype, head.lse.At(first + i, 0, internal::BytesOf(a.lse_dtype)), 0, lse);
  }
}

inline void RunExactHead(const internal::AttentionHead& head, void* scratch) {
  ExactTile tile(head, scratch);
  const size_t seq_q = head.request.args.seq_q;
  for (size_t first = 0; first < seq_q; first += tile.width)
    RunExactTile(tile, first, HWY_MIN(tile.width, seq_q - first));
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
