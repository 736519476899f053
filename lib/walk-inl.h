// SPDX-License-Identifier: Apache-2.0
//
// The walk of a kernel over the rows of a call. Compiled once per target.

#if defined(ASSAY_LIB_WALK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_WALK_INL_H_
#undef ASSAY_LIB_WALK_INL_H_
#else
#define ASSAY_LIB_WALK_INL_H_
#endif

#include "hwy/highway.h"
#include "places.h"
#include "tile_copy-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// fn(const internal::RowPlaces&) for every row. The scratch of the tile is on the stack only where it is wanted.
template <class Fn>
HWY_NOINLINE inline void ForEachRowInTiles(const internal::Request& request, const Fn& fn) {
  internal::ForEachRowInTiles(request, &CopyAcross, fn);
}

template <class Fn>
HWY_INLINE void ForEachRow(const internal::Request& request, const Fn& fn) {
  if (internal::Tile::Wanted(request)) return ForEachRowInTiles(request, fn);
  for (size_t row = 0; row < request.args.rows; ++row) fn(internal::PlacesOf(request, row));
}

// fn(const internal::Request&) for the rows of a call for which a tile is wanted, a tile at a time; not for losses.
template <class Fn>
HWY_NOINLINE inline void ForEachTile(const internal::Request& request, const Fn& fn) {
  internal::Tile tile(request, &CopyAcross);
  for (size_t first = 0; first < request.args.rows; first += tile.count()) {
    tile.Read(first);
    fn(tile.Rows());
    tile.Write();
  }
}

// A kernel that serves one row after the other; rows of sigmoid are those of memory.
template <void (*kRow)(const internal::Request&, const internal::RowPlaces&)>
void EachRow(const internal::Request& request) {
  const internal::Request rows = request.op == ASSAY_SIGMOID ? internal::AlongMemory(request) : request;
  ForEachRow(rows, [&](const internal::RowPlaces& places) HWY_ATTR { kRow(rows, places); });
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
