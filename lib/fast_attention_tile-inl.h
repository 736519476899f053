// SPDX-License-Identifier: Apache-2.0
//
// A tile of queries of the fast tier's attention: what stands in its scratch, and the two products. Compiled once per
// target.

#if defined(ASSAY_LIB_FAST_ATTENTION_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_ATTENTION_TILE_INL_H_
#undef ASSAY_LIB_FAST_ATTENTION_TILE_INL_H_
#else
#define ASSAY_LIB_FAST_ATTENTION_TILE_INL_H_
#endif

#include <cmath>
#include <limits>

#include "attention_products-inl.h"
#include "attention_rows-inl.h"
#include "fast_attention_exp-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kKeys = 48;  // of a strip
inline constexpr size_t kFold = 16;  // strips between two foldings into double
inline constexpr size_t kTileQueries = kVecs * (HWY_TARGET <= HWY_AVX3 ? 16 : 8);
inline constexpr float kNoScore = -std::numeric_limits<float>::infinity();
static_assert(kTileQueries <= 64);

// Shares of less than 2^-185 are left out, and sums must not overflow: queries that see values from this limit on are
// the exact tier's.
HWY_INLINE double ValueLimit(size_t seq_kv) { return 0x1p35 / static_cast<double>(seq_kv); }

// Keys [key, key + keys), for vectors [first_vec, last_vec) of queries: the others see none of them.
struct Strip {
  size_t key;
  size_t keys;
  size_t first_vec;
  size_t last_vec;
  bool edge;  // some of these queries do not see all of the keys
};

// One tile of queries of a head, and what has been summed of it.
struct FastTile {
  const internal::AttentionHead& head;
  size_t dim;
  size_t value_dim;
  bool negative;  // the scale is: queries are taken with the other sign
  bool dressed;   // scores need softcap or bias: they are then natural ones
  ExpScale scale;
  size_t first = 0;  // query
  size_t count = 0;
  bool folded = false;
  bool large_values = false;  // some value of the head is not below ValueLimit
  uint64_t left = 0;          // queries that see one
  // In the scratch:
  double* far;        // [value_dim][kTileQueries], what was folded
  float* q;           // [dim][kTileQueries]
  float* out;         // [value_dim][kTileQueries]
  float* shares;      // [kKeys][kTileQueries]: scores, then shares
  float* key_room;    // [kKeys][dim]
  float* value_room;  // [kKeys][value_dim]
  HWY_ALIGN float reference[kTileQueries];
  HWY_ALIGN float sum[kTileQueries];
  HWY_ALIGN float inverse[kTileQueries];  // what results are multiplied by in the end
  HWY_ALIGN double far_sum[kTileQueries];
  HWY_ALIGN int32_t first_key[kTileQueries];
  HWY_ALIGN int32_t last_key[kTileQueries];

  static size_t ScratchBytes(size_t dim, size_t value_dim) {
    return sizeof(double) * kTileQueries * value_dim +
           sizeof(float) * (kTileQueries * (dim + value_dim + kKeys) + kKeys * (dim + value_dim));
  }

  static double UnitOf(const internal::AttentionHead& head, bool dressed) {
    return dressed || head.request.scale == 0 ? 1 : std::fabs(head.request.scale);
  }

  FastTile(const internal::AttentionHead& h, void* scratch)
      : head(h),
        dim(h.request.args.head_dim),
        value_dim(h.request.args.value_dim),
        negative(std::signbit(h.request.scale)),
        dressed(h.request.args.softcap != 0 || h.bias.present()),
        scale(1 / UnitOf(h, dressed)),
        far(static_cast<double*>(scratch)),
        q(reinterpret_cast<float*>(far + kTileQueries * value_dim)),
        out(q + kTileQueries * dim),
        shares(out + kTileQueries * value_dim),
        key_room(shares + kTileQueries * kKeys),
        value_room(key_room + kKeys * dim) {}
};

// Numbers of a chain of products before it is added to the sum of the chains before: the error of a sum of n products
// grows with kChainOfScore + n / kChainOfScore instead of n, and so many entries of all queries and keys stay in L1.
inline constexpr size_t kChainOfScore = 16;
// The same for the keys of a strip. Shorter chains cost time: 24 keys 2 %, 16 keys 4 % of this product.
inline constexpr size_t kChainOfValue = 24;

// The rows that are taken kChains at a time, of `count`: 2 rows left over cost more than 8.
HWY_INLINE size_t WholeChains(size_t count) {
  const size_t whole = count / kChains * kChains;
  return count - whole == 2 && whole != 0 ? whole - kChains : whole;
}

// Rows [0, count) of sums (kSums) by chains of `length` products.
template <Sums kSums, size_t kUsed, bool kFinish = false>
HWY_INLINE void ProductsOf(const float* left, const float* right, ptrdiff_t row_step, ptrdiff_t step, size_t length,
                           size_t count, float* sums) {
  const Singles d;
  size_t r = 0;
  const auto add = [&](auto rows, size_t end) HWY_ATTR {
    constexpr size_t kRows = decltype(rows)::value;
    for (; r + kRows <= end; r += kRows) {
      AddProducts<true, kSums, kRows, kUsed, kFinish>(d, left, kTileQueries,
                                                      right + static_cast<ptrdiff_t>(r) * row_step, row_step, step,
                                                      length, sums + r * kTileQueries);
    }
  };
  add(std::integral_constant<size_t, kChains>(), WholeChains(count));
  add(std::integral_constant<size_t, 4>(), count);
  add(std::integral_constant<size_t, 1>(), count);
}

// Scores of the first kUsed vectors of `left`, for all keys.
template <size_t kUsed>
HWY_INLINE void ScoresOf(const FastTile& tile, const float* left, const Rows<float>& keys, size_t count,
                         float* scores) {
  if (tile.dim <= kChainOfScore) {
    return ProductsOf<Sums::kReplaced, kUsed, true>(left, keys.data, keys.step, 1, tile.dim, count, scores);
  }
  ProductsOf<Sums::kReplaced, kUsed>(left, keys.data, keys.step, 1, kChainOfScore, count, scores);
  size_t n = kChainOfScore;
  for (; n + kChainOfScore < tile.dim; n += kChainOfScore) {
    ProductsOf<Sums::kAdded, kUsed>(left + n * kTileQueries, keys.data + n, keys.step, 1, kChainOfScore, count, scores);
  }
  ProductsOf<Sums::kAdded, kUsed, true>(left + n * kTileQueries, keys.data + n, keys.step, 1, tile.dim - n, count,
                                        scores);
}

// Adds shares times values to the first kUsed vectors of `out`, or puts them there.
template <size_t kUsed>
HWY_INLINE void ValuesOf(const FastTile& tile, const float* shares, const Rows<float>& values, size_t count, Sums sums,
                         float* out) {
  size_t chains = (count + kChainOfValue - 1) / kChainOfValue;
  for (size_t j = 0; j < count; --chains) {
    const size_t length = (count - j + chains - 1) / chains;
    const float* left = shares + j * kTileQueries;
    const float* right = values.data + static_cast<ptrdiff_t>(j) * values.step;
    if (sums == Sums::kReplaced && j == 0) {
      ProductsOf<Sums::kReplaced, kUsed>(left, right, 1, values.step, length, tile.value_dim, out);
    } else {
      ProductsOf<Sums::kAdded, kUsed>(left, right, 1, values.step, length, tile.value_dim, out);
    }
    j += length;
  }
}

HWY_NOINLINE inline void Scores(FastTile& tile, const Strip& strip) {
  const size_t lane = strip.first_vec * hn::Lanes(Singles());
  const Rows<float> keys =
      RowsOf(tile.head.k, tile.head.request.args.dtype, strip.key, strip.keys, tile.dim, tile.key_room);
  WithVecs(strip.last_vec - strip.first_vec, [&](auto used) HWY_ATTR {
    ScoresOf<decltype(used)::value>(tile, tile.q + lane, keys, strip.keys, tile.shares + lane);
  });
}

// Where the head has large values: those of the strip, copied, with rows of 0 for the rows that hold one. Queries that
// see such a row, by their scores, join tile.left.
HWY_NOINLINE inline void HideLargeValues(FastTile& tile, const Strip& strip) {
  const int32_t dtype = tile.head.request.args.dtype;
  const double limit = ValueLimit(tile.head.request.args.seq_kv);
  for (size_t j = 0; j < strip.keys; ++j) {
    float* row = tile.value_room + j * tile.value_dim;
    CopyRow(tile.head.v, dtype, strip.key + j, tile.value_dim, row);
    bool large = false;
    for (size_t e = 0; e < tile.value_dim; ++e) large = large || !(static_cast<double>(std::fabs(row[e])) < limit);
    if (!large) continue;
    for (size_t e = 0; e < tile.value_dim; ++e) row[e] = 0;
    for (size_t i = strip.first_vec * hn::Lanes(Singles());
         i < HWY_MIN(strip.last_vec * hn::Lanes(Singles()), tile.count); ++i) {
      if (tile.shares[j * kTileQueries + i] != kNoScore) tile.left |= uint64_t{1} << i;
    }
  }
}

HWY_NOINLINE inline void AddValues(FastTile& tile, const Strip& strip, Sums sums) {
  const size_t lane = strip.first_vec * hn::Lanes(Singles());
  const int32_t dtype = tile.head.request.args.dtype;
  const Rows<float> values = tile.large_values
                                 ? Rows<float>{tile.value_room, static_cast<ptrdiff_t>(tile.value_dim)}
                                 : RowsOf(tile.head.v, dtype, strip.key, strip.keys, tile.value_dim, tile.value_room);
  WithVecs(strip.last_vec - strip.first_vec, [&](auto used) HWY_ATTR {
    ValuesOf<decltype(used)::value>(tile, tile.shares + lane, values, strip.keys, sums, tile.out + lane);
  });
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
