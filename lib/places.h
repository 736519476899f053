// SPDX-License-Identifier: Apache-2.0
//
// Where the entries of one row lie, and the walk over the rows of a call. Rows whose columns are apart are copied into
// contiguous scratch, up to sixteen rows at a time so that memory is read along the rows' dimension where that is the
// inner one, and results are copied back; a kernel sees strides other than 1 only in rows too long for the scratch, or
// where it has a lane for each row (exact_inner-inl.h, fast_inner-inl.h).

#pragma once

#include <cstddef>
#include <cstdint>

#include "request.h"

namespace assay::internal {

struct ConstPlace {
  const void* data = nullptr;  // the first entry; null: absent
  std::ptrdiff_t stride = 1;   // between entries
};

struct Place {
  void* data = nullptr;
  std::ptrdiff_t stride = 1;
};

// The operands of one row. Those of one entry a row (labels, upstream of a loss) are found in the request by `row`.
struct RowPlaces {
  std::size_t row = 0;
  ConstPlace logits;
  ConstPlace bias;
  ConstPlace mask;
  ConstPlace saved;
  ConstPlace upstream;  // of activations' backward
  ConstPlace targets;
  Place out;              // [rows, cols] results, or the one entry of logsumexp; for a loss, null where reduced
  bool in_place = false;  // out is also an input: what is still needed of the row must be read before it is written
};

// The strided operands of row `row`, as the caller gave them.
RowPlaces PlacesOf(const Request& request, std::size_t row);

// Beside it a kernel has 44 KiB of stack, calls and tests of it included (stack_test.cc).
inline constexpr std::size_t kTileBytes = 16 * 1024;

// For an operation entry by entry: the same call with rows and columns exchanged where rows lie closer than columns,
// and as one row where there are no gaps between rows.
Request AlongMemory(const Request& request);

// from[i * from_i + j * from_j] to to[i * to_i + j * to_j] for i < rows, j < cols; numbers of so many bytes.
struct BlockCopy {
  std::size_t bytes;
  const void* from;
  std::ptrdiff_t from_i;
  std::ptrdiff_t from_j;
  void* to;
  std::ptrdiff_t to_i;
  std::ptrdiff_t to_j;
  std::size_t rows;
  std::size_t cols;
};
using CopyFn = void (*)(const BlockCopy& copy);
void CopyBlock(const BlockCopy& copy);

// Rows of a call in contiguous scratch.
class Tile {
 public:
  static constexpr std::size_t kMaxRows = 16;

  // Whether rows of this call are better copied, and fit.
  static bool Wanted(const Request& request) { return RowsThatFit(request) > 0; }

  // copy: CopyBlock, or a quicker form of it.
  Tile(const Request& request, CopyFn copy) : request_(request), copy_(copy), capacity_(RowsThatFit(request)) {}

  // Copies rows [first, first + count()) in.
  void Read(std::size_t first);
  std::size_t count() const { return count_; }
  // The operands of row first + i in scratch.
  RowPlaces At(std::size_t i) const;
  // The rows in scratch as a call of their own; not for losses, whose labels stay where they are.
  Request Rows() const;
  // Copies the results of the rows out.
  void Write() const;

 private:
  static std::size_t RowsThatFit(const Request& request);

  const Request& request_;
  CopyFn copy_;
  std::size_t capacity_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  alignas(64) std::uint8_t scratch_[kTileBytes];
};

// Calls fn(const RowPlaces&) for every row. Tile: kTileBytes of stack, only where it is wanted.
template <class Fn>
void ForEachRowInTiles(const Request& request, CopyFn copy, Fn&& fn) {
  Tile tile(request, copy);
  for (std::size_t first = 0; first < request.args.rows; first += tile.count()) {
    tile.Read(first);
    for (std::size_t i = 0; i < tile.count(); ++i) fn(tile.At(i));
    tile.Write();
  }
}

}  // namespace assay::internal
