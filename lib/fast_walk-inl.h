// SPDX-License-Identifier: Apache-2.0
//
// The fast tier's walks: over the vectors of a row, over the rows of a call, and to the exact tier for what is not for
// f32 lanes. Compiled once per target.

#if defined(ASSAY_LIB_FAST_WALK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_WALK_INL_H_
#undef ASSAY_LIB_FAST_WALK_INL_H_
#else
#define ASSAY_LIB_FAST_WALK_INL_H_
#endif

#include "fast_rows-inl.h"
#include "hwy/cache_control.h"
#include "tile_copy-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Writes fn(v) for every vector v, One or Four, of n entries that lie side by side.
template <class Fn>
HWY_INLINE void WriteSpan(const float* from, float* to, size_t n, const Fn& fn) {
  const size_t lanes = hn::Lanes(Singles());
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) StoreAll(fn(LoadFour(from + i)), to + i, 4 * lanes);
  for (; i < n; i += lanes) StoreAll(fn(One{LoadSome(from + i, n - i)}), to + i, n - i);
}

// A row of so many floats, and its results, are beyond a cache of 32 MiB or nearly: written past it.
inline constexpr size_t kStreamedFloats = size_t{1} << 21;

// The same, past the caches. No result depends on where a vector begins.
template <class Fn>
HWY_INLINE void StreamSpan(const float* from, float* to, size_t n, const Fn& fn) {
  const Singles d;
  const size_t lanes = hn::Lanes(d);
  const size_t past = reinterpret_cast<uintptr_t>(to) / sizeof(float) % lanes;
  size_t i = past == 0 ? 0 : HWY_MIN(lanes - past, n);
  if (i != 0) StoreAll(fn(One{LoadSome(from, i)}), to, i);
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    const Four v = fn(LoadFour(from + i));
    hn::Stream(v.v0, d, to + i);
    hn::Stream(v.v1, d, to + i + lanes);
    hn::Stream(v.v2, d, to + i + 2 * lanes);
    hn::Stream(v.v3, d, to + i + 3 * lanes);
  }
  for (; i < n; i += lanes) StoreAll(fn(One{LoadSome(from + i, n - i)}), to + i, n - i);
  hwy::FlushStream();
}

// The same for a row, or for `keep` where that is not null.
template <class Fn>
HWY_INLINE void WriteRow(const FastRow& row, const FastOut& out, const float* keep, const Fn& fn) {
  HWY_ALIGN float in[kBlock];
  HWY_ALIGN float results[kBlock];
  for (size_t j = 0; j < row.size(); j += kBlock) {
    const size_t count = HWY_MIN(kBlock, row.size() - j);
    const float* from = keep != nullptr ? keep + j : row.Block(j, count, in);
    float* to = out.direct() != nullptr ? out.direct() + j : results;
    WriteSpan(from, to, count, fn);
    if (out.direct() == nullptr) out.Store(results, j, count);
  }
}
template <class Fn>
HWY_INLINE void WriteRow(const DirectRow& row, const DirectOut& out, const float* keep, const Fn& fn) {
  const float* from = keep != nullptr ? keep : row.data();
  float* to = out.direct();
  if (HWY_UNLIKELY(row.size() >= kStreamedFloats && from != to &&
                   reinterpret_cast<uintptr_t>(to) % sizeof(float) == 0)) {
    return StreamSpan(from, to, row.size(), fn);
  }
  WriteSpan(from, to, row.size(), fn);
}

// Leaves a request to the exact tier's kernel of this target.
HWY_INLINE void RunExact(const internal::Request& request) {
  const size_t index = internal::TableIndex(HWY_TARGET);
  const internal::KernelGroup& group =
      internal::IsLoss(request.op) ? *internal::ExactLossesAt(index) : *internal::ExactActivationsAt(index);
  group.rows.of[ASSAY_TIER_EXACT][request.op][request.args.dtype](request);
}

// The same for one row alone, of a loss that is not reduced.
inline HWY_NOINLINE void RunExactRow(const internal::Request& request, const FastRows& rows, size_t i) {
  const auto row = static_cast<std::ptrdiff_t>(rows.first + i);
  internal::Request one = request;
  assay_row_args& a = one.args;
  a.rows = 1;
  a.logits = {rows.LogitsAt(i), 0, rows.logits.stride};
  a.mask = {rows.MaskAt(i), 0, rows.mask.stride};
  a.out = {rows.OutAt(i), 0, rows.out.stride};
  if (a.labels.data != nullptr) a.labels.data = static_cast<const int64_t*>(a.labels.data) + row * a.labels.row_stride;
  if (a.upstream.data != nullptr) {
    a.upstream.data = static_cast<const uint8_t*>(a.upstream.data) +
                      row * a.upstream.row_stride * static_cast<std::ptrdiff_t>(internal::BytesOf(a.dtype));
  }
  RunExact(one);
}

// fn(const FastRows&) for all rows of a request, one by one where they are copied into a tile.
template <class Fn>
HWY_NOINLINE inline void ForEachTileRow(const internal::Request& request, const Fn& fn) {
  internal::ForEachRowInTiles(request, &CopyAcross,
                              [&](const internal::RowPlaces& places) HWY_ATTR { fn(OneRow(request, places)); });
}

template <class Fn>
HWY_INLINE void ForRows(const internal::Request& request, const Fn& fn) {
  if (internal::Tile::Wanted(request)) return ForEachTileRow(request, fn);
  fn(AllRows(request));
}

// fn(rows, first, count) for all rows of a request in groups, count <= kGroup.
template <class Fn>
HWY_INLINE void ForGroups(const internal::Request& request, const Fn& fn) {
  const size_t group = request.args.cols <= kMostShort ? kGroup : 1;
  ForRows(request, [&](const FastRows& rows) HWY_ATTR {
    for (size_t first = 0; first < rows.rows; first += group) fn(rows, first, HWY_MIN(group, rows.rows - first));
  });
}

// The same; fn returns the set of those rows of the group that are left to the exact tier.
template <class Fn>
HWY_INLINE void ForGroupsOrExact(const internal::Request& request, const Fn& fn) {
  ForGroups(request, [&](const FastRows& rows, size_t first, size_t count) HWY_ATTR {
    unsigned left = fn(rows, first, count);
    for (size_t i = first; left != 0; ++i, left >>= 1) {
      if ((left & 1) != 0) RunExactRow(request, rows, i);
    }
  });
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
