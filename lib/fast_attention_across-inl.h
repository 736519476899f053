// SPDX-License-Identifier: Apache-2.0
//
// Between rows in memory and a tile of the fast tier's attention, where lanes are queries: queries in, results out.
// Compiled once per target.

#if defined(ASSAY_LIB_FAST_ATTENTION_ACROSS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_ATTENTION_ACROSS_INL_H_
#undef ASSAY_LIB_FAST_ATTENTION_ACROSS_INL_H_
#else
#define ASSAY_LIB_FAST_ATTENTION_ACROSS_INL_H_
#endif

#include "fast_attention_tile-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kMostLanes = hn::MaxLanes(Singles());

// A block is four numbers, 128 bits of a vector. Block b of the vector is what at[4 * b] points to, plus n; and back.
template <class D>
HWY_INLINE hn::Vec<D> LoadBlocks(D d, const float* const* at, size_t n) {
  if constexpr (hn::MaxLanes(D()) == 4) {
    return hn::LoadU(d, *at + n);
  } else {
    const hn::Half<D> half;
    return hn::Combine(d, LoadBlocks(half, at + hn::MaxLanes(D()) / 2, n), LoadBlocks(half, at, n));
  }
}
template <class D>
HWY_INLINE void StoreBlocks(D d, hn::Vec<D> v, float* const* at, size_t n) {
  if constexpr (hn::MaxLanes(D()) == 4) {
    hn::StoreU(v, d, *at + n);
  } else {
    const hn::Half<D> half;
    StoreBlocks(half, hn::LowerHalf(half, v), at, n);
    StoreBlocks(half, hn::UpperHalf(half, v), at + hn::MaxLanes(D()) / 2, n);
  }
}

// Number i of block b of vector r becomes number r of block b of vector i.
HWY_INLINE Four TransposeInBlocks(const Four& v) {
  const Singles d;
  const hn::Repartition<double, Singles> pairs;
  const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, v.v0, v.v1));
  const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, v.v2, v.v3));
  const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, v.v0, v.v1));
  const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, v.v2, v.v3));
  return {hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23)),
          hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23)),
          hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23)),
          hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23))};
}

// The tile's queries; the lanes behind its count are its last once more, or 0.
HWY_NOINLINE inline void LoadQueries(FastTile& tile) {
  const internal::Plane& plane = tile.head.q;
  const int32_t dtype = tile.head.request.args.dtype;
  if (dtype != ASSAY_F32 || plane.col_stride != 1 || tile.dim % 4 != 0) {
    return LoadAcross(plane, dtype, tile.first, tile.count, tile.dim, kTileQueries, tile.q);
  }
  const Singles d;
  const size_t lanes = hn::Lanes(d);
  for (size_t lane = 0; lane < tile.count; lane += lanes) {
    const float* rows[kMostLanes];
    for (size_t i = 0; i < lanes; ++i) {
      const size_t query = tile.first + HWY_MIN(lane + i, tile.count - 1);
      rows[i] = static_cast<const float*>(plane.At(query, 0, sizeof(float)));
    }
    for (size_t n = 0; n < tile.dim; n += 4) {
      const auto load = [&](size_t r) ASSAY_LAMBDA { return LoadBlocks(d, rows + r, n); };
      const Four across = TransposeInBlocks({load(0), load(1), load(2), load(3)});
      float* to = tile.q + n * kTileQueries + lane;
      hn::Store(across.v0, d, to);
      hn::Store(across.v1, d, to + kTileQueries);
      hn::Store(across.v2, d, to + 2 * kTileQueries);
      hn::Store(across.v3, d, to + 3 * kTileQueries);
    }
  }
}

// The results of a tile's queries but those of `without`.
HWY_NOINLINE inline void WriteOut(const FastTile& tile, uint64_t without) {
  const internal::OutPlane& plane = tile.head.out;
  const int32_t dtype = tile.head.request.args.dtype;
  const size_t bytes = internal::BytesOf(dtype);
  const Singles d;
  const size_t lanes = hn::Lanes(d);
  const bool is_direct = dtype == ASSAY_F32 && plane.col_stride == 1 && tile.value_dim % 4 == 0 && without == 0;
  const size_t whole = is_direct ? tile.count / lanes * lanes : 0;
  for (size_t lane = 0; lane < whole; lane += lanes) {
    float* rows[kMostLanes];
    for (size_t i = 0; i < lanes; ++i) rows[i] = static_cast<float*>(plane.At(tile.first + lane + i, 0, sizeof(float)));
    const SingleVec inverse = hn::Load(d, tile.inverse + lane);
    for (size_t e = 0; e < tile.value_dim; e += 4) {
      const float* from = tile.out + e * kTileQueries + lane;
      const auto load = [&](size_t n) ASSAY_LAMBDA {
        return hn::Add(hn::Mul(hn::Load(d, from + n * kTileQueries), inverse), hn::Zero(d));  // no -0
      };
      const Four across = TransposeInBlocks({load(0), load(1), load(2), load(3)});
      StoreBlocks(d, across.v0, rows, e);
      StoreBlocks(d, across.v1, rows + 1, e);
      StoreBlocks(d, across.v2, rows + 2, e);
      StoreBlocks(d, across.v3, rows + 3, e);
    }
  }
  for (size_t i = whole; i < tile.count; ++i) {
    if ((without >> i & 1) != 0) continue;
    for (size_t e = 0; e < tile.value_dim; ++e) {
      const float x = tile.out[e * kTileQueries + i] * tile.inverse[i] + 0.0f;
      internal::StoreNumber(dtype, plane.At(tile.first + i, e, bytes), 0, static_cast<double>(x));
    }
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
