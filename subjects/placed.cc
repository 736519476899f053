// SPDX-License-Identifier: Apache-2.0
//
// Strided copies, and the comparison with an image of what the memory should hold.

#include "subjects/placed.h"

#include <cstring>

namespace assay::subjects {
namespace {

bool IsDense(const Placed& placed) {
  std::size_t size = 1;
  for (std::size_t d = 4; d-- > 0; size *= placed.dims[d]) {
    if (placed.dims[d] > 1 && placed.strides[d] != static_cast<std::ptrdiff_t>(size)) return false;
  }
  return true;
}

std::size_t SizeOf(const Placed& placed) { return placed.dims[0] * placed.dims[1] * placed.dims[2] * placed.dims[3]; }

void Fill(std::byte* begin, std::byte* end, std::byte fill) {
  if (begin != end) std::memset(begin, static_cast<int>(fill), static_cast<std::size_t>(end - begin));
}

// Calls visit(entry, index) for every entry at its place in memory whose [0, 0, 0, 0] is at `data`.
template <std::size_t kBytes, class Byte, class Visit>
void ForEachEntryOf(const Placed& placed, Byte* data, Visit visit) {
  const auto step = [&](std::size_t d, std::size_t i) {
    return static_cast<std::ptrdiff_t>(i) * placed.strides[d] * static_cast<std::ptrdiff_t>(kBytes);
  };
  const auto [batches, heads, rows, cols] = placed.dims;
  std::size_t index = 0;
  for (std::size_t b = 0; b < batches; ++b) {
    for (std::size_t h = 0; h < heads; ++h) {
      for (std::size_t i = 0; i < rows; ++i) {
        Byte* const row = data + step(0, b) + step(1, h) + step(2, i);
        for (std::size_t j = 0; j < cols; ++j, ++index) visit(row + step(3, j), index);
      }
    }
  }
}

template <std::size_t kBytes>
void CopyInAs(const Placed& placed, std::byte* data, const std::byte* dense) {
  ForEachEntryOf<kBytes>(
      placed, data, [&](std::byte* entry, std::size_t index) { std::memcpy(entry, dense + index * kBytes, kBytes); });
}

template <std::size_t kBytes>
void CopyOutAs(const Placed& placed, std::byte* dense) {
  ForEachEntryOf<kBytes>(placed, placed.data, [&](const std::byte* entry, std::size_t index) {
    std::memcpy(dense + index * kBytes, entry, kBytes);
  });
}

// To where entry [0, 0] is at `data`.
void CopyIn(const Placed& placed, std::byte* data, const Array& values) {
  if (values.empty()) return;
  if (IsDense(placed)) {
    std::memcpy(data, values.data(), values.size_bytes());
    return;
  }
  switch (BytesOf(placed.element)) {
    case 1:
      return CopyInAs<1>(placed, data, values.data());
    case 2:
      return CopyInAs<2>(placed, data, values.data());
    case 4:
      return CopyInAs<4>(placed, data, values.data());
    default:
      return CopyInAs<8>(placed, data, values.data());
  }
}

bool AllAre(const std::byte* begin, const std::byte* end, std::byte fill) {
  return begin == end ||
         (*begin == fill && std::memcmp(begin, begin + 1, static_cast<std::size_t>(end - begin) - 1) == 0);
}

bool MarginsIntact(const Placed& placed) {
  return AllAre(placed.margin_begin, placed.begin, placed.fill) &&
         AllAre(placed.begin + placed.reach_bytes, placed.margin_end, placed.fill);
}

}  // namespace

void FillAll(const Placed& placed) { Fill(placed.margin_begin, placed.margin_end, placed.fill); }

void FillWith(const Placed& placed, const Array& values) {
  if (IsDense(placed)) {
    Fill(placed.margin_begin, placed.begin, placed.fill);
    Fill(placed.begin + placed.reach_bytes, placed.margin_end, placed.fill);
  } else {
    FillAll(placed);
  }
  CopyIn(placed, placed.data, values);
}

Array ReadBack(const Placed& placed) {
  Array values(placed.element, SizeOf(placed));
  if (values.empty()) return values;
  if (IsDense(placed)) {
    std::memcpy(values.data(), placed.data, values.size_bytes());
    return values;
  }
  switch (BytesOf(placed.element)) {
    case 1:
      CopyOutAs<1>(placed, values.data());
      break;
    case 2:
      CopyOutAs<2>(placed, values.data());
      break;
    case 4:
      CopyOutAs<4>(placed, values.data());
      break;
    default:
      CopyOutAs<8>(placed, values.data());
  }
  return values;
}

bool Intact(const Placed& placed, const Array& values, std::vector<std::byte>* scratch) {
  if (!MarginsIntact(placed)) return false;
  if (placed.reach_bytes == 0) return true;
  if (IsDense(placed)) return std::memcmp(placed.data, values.data(), values.size_bytes()) == 0;
  scratch->assign(placed.reach_bytes, placed.fill);
  CopyIn(placed, scratch->data() + (placed.data - placed.begin), values);
  return std::memcmp(scratch->data(), placed.begin, placed.reach_bytes) == 0;
}

bool OutsideIntact(const Placed& placed, std::vector<std::byte>* scratch) {
  return IsDense(placed) ? MarginsIntact(placed) : Intact(placed, ReadBack(placed), scratch);
}

}  // namespace assay::subjects
