// SPDX-License-Identifier: Apache-2.0

#include "places.h"

#include <algorithm>
#include <utility>

namespace assay::internal {
namespace {

// The operands with an entry for every column, in the order in which a tile holds them; out last.
constexpr std::size_t kNumInputs = 6;

struct Plane {
  const void* data = nullptr;
  std::ptrdiff_t row_stride = 0;
  std::ptrdiff_t col_stride = 0;
  std::size_t bytes = 0;  // of an entry

  bool Used() const { return data != nullptr; }
  const void* At(std::size_t row) const {
    return static_cast<const std::uint8_t*>(data) +
           static_cast<std::ptrdiff_t>(row) * row_stride * static_cast<std::ptrdiff_t>(bytes);
  }
};

struct Planes {
  Plane inputs[kNumInputs];  // logits, bias, mask, saved, upstream, targets
  Plane out;                 // unused where the operation has no such result
};

Plane PlaneOf(const assay_const_matrix& m, std::size_t bytes) { return {m.data, m.row_stride, m.col_stride, bytes}; }

Planes PlanesOf(const Request& request) {
  const assay_row_args& a = request.args;
  const std::size_t bytes = BytesOf(a.dtype);
  Planes planes;
  planes.inputs[0] = PlaneOf(a.logits, bytes);
  planes.inputs[1] = PlaneOf(a.bias, bytes);
  planes.inputs[2] = PlaneOf(a.mask, 1);
  planes.inputs[3] = PlaneOf(a.saved, bytes);
  if (IsActivationBackward(request.op)) planes.inputs[4] = PlaneOf(a.upstream, bytes);
  planes.inputs[5] = PlaneOf(a.targets, bytes);
  if (!HasOneColumn(request.op)) planes.out = {a.out.data, a.out.row_stride, a.out.col_stride, bytes};
  return planes;
}

ConstPlace* PlaceOf(RowPlaces& places, std::size_t input) {
  ConstPlace* const all[kNumInputs] = {&places.logits, &places.bias,     &places.mask,
                                       &places.saved,  &places.upstream, &places.targets};
  return all[input];
}

// Bytes of one row of n entries in scratch; rows begin at multiples of 64.
std::size_t RowBytes(std::size_t n, std::size_t bytes) { return (n * bytes + 63) / 64 * 64; }

// What a whole row of every plane takes; 0 where no plane has columns apart, or n is too large for any tile.
std::size_t BytesOfARow(const Planes& planes, std::size_t n) {
  if (n <= 1 || n > kTileBytes) return 0;
  std::size_t sum = 0;
  bool apart = false;
  const auto add = [&](const Plane& plane) {
    if (!plane.Used()) return;
    apart = apart || plane.col_stride != 1;
    sum += RowBytes(n, plane.bytes);
  };
  for (const Plane& plane : planes.inputs) add(plane);
  add(planes.out);
  return apart ? sum : 0;
}

template <class T>
void CopyOf(const BlockCopy& copy) {
  const auto* from = static_cast<const T*>(copy.from);
  auto* to = static_cast<T*>(copy.to);
  for (std::ptrdiff_t j = 0; j < static_cast<std::ptrdiff_t>(copy.cols); ++j) {
    for (std::ptrdiff_t i = 0; i < static_cast<std::ptrdiff_t>(copy.rows); ++i) {
      to[i * copy.to_i + j * copy.to_j] = from[i * copy.from_i + j * copy.from_j];
    }
  }
}

std::ptrdiff_t SizeOf(std::ptrdiff_t stride) { return stride < 0 ? -stride : stride; }

}  // namespace

void CopyBlock(const BlockCopy& copy) {
  if (copy.bytes == 1) return CopyOf<std::uint8_t>(copy);
  if (copy.bytes == 2) return CopyOf<std::uint16_t>(copy);
  if (copy.bytes == 4) return CopyOf<std::uint32_t>(copy);
  CopyOf<std::uint64_t>(copy);
}

Request AlongMemory(const Request& request) {
  const assay_row_args& a = request.args;
  Request along = request;
  assay_row_args& to = along.args;
  if (SizeOf(a.logits.row_stride) < SizeOf(a.logits.col_stride) &&
      SizeOf(a.out.row_stride) < SizeOf(a.out.col_stride)) {
    std::swap(to.rows, to.cols);
    std::swap(to.logits.row_stride, to.logits.col_stride);
    std::swap(to.bias.row_stride, to.bias.col_stride);
    std::swap(to.out.row_stride, to.out.col_stride);
  }
  const auto has_gaps = [&to](const auto& m) {
    return m.data != nullptr && (m.col_stride != 1 || m.row_stride != static_cast<std::ptrdiff_t>(to.cols));
  };
  if (!has_gaps(to.logits) && !has_gaps(to.bias) && !has_gaps(to.out)) {
    to.cols *= to.rows;
    to.rows = 1;
  }
  return along;
}

RowPlaces PlacesOf(const Request& request, std::size_t row) {
  const Planes planes = PlanesOf(request);
  RowPlaces places;
  places.row = row;
  for (std::size_t k = 0; k < kNumInputs; ++k) {
    const Plane& plane = planes.inputs[k];
    if (!plane.Used()) continue;
    *PlaceOf(places, k) = {plane.At(row), plane.col_stride};
    places.in_place = places.in_place || (planes.out.Used() && plane.data == planes.out.data);
  }
  if (planes.out.Used()) {
    places.out = {const_cast<void*>(planes.out.At(row)), planes.out.col_stride};
  } else if (request.op == ASSAY_LOGSUMEXP || request.args.reduction == ASSAY_REDUCTION_NONE) {
    const Plane one = {request.args.out.data, request.args.out.row_stride, 1, BytesOf(request.args.dtype)};
    places.out = {const_cast<void*>(one.At(row)), 1};
  }
  return places;
}

std::size_t Tile::RowsThatFit(const Request& request) {
  const std::size_t bytes = BytesOfARow(PlanesOf(request), request.args.cols);
  return bytes == 0 ? 0 : std::min(kMaxRows, kTileBytes / bytes);
}

void Tile::Read(std::size_t first) {
  const Planes planes = PlanesOf(request_);
  first_ = first;
  count_ = std::min(capacity_, request_.args.rows - first);
  const std::size_t n = request_.args.cols;
  std::uint8_t* at = scratch_;
  for (const Plane& plane : planes.inputs) {
    if (!plane.Used()) continue;
    const std::size_t row_bytes = RowBytes(n, plane.bytes);
    copy_({plane.bytes, plane.At(first), plane.row_stride, plane.col_stride, at,
           static_cast<std::ptrdiff_t>(row_bytes / plane.bytes), 1, count_, n});
    at += capacity_ * row_bytes;
  }
}

RowPlaces Tile::At(std::size_t i) const {
  const Planes planes = PlanesOf(request_);
  RowPlaces places = PlacesOf(request_, first_ + i);
  places.in_place = false;
  const std::size_t n = request_.args.cols;
  const std::uint8_t* at = scratch_;
  for (std::size_t k = 0; k < kNumInputs; ++k) {
    const Plane& plane = planes.inputs[k];
    if (!plane.Used()) continue;
    const std::size_t row_bytes = RowBytes(n, plane.bytes);
    *PlaceOf(places, k) = {at + i * row_bytes, 1};
    at += capacity_ * row_bytes;
  }
  if (planes.out.Used()) places.out = {const_cast<std::uint8_t*>(at) + i * RowBytes(n, planes.out.bytes), 1};
  return places;
}

Request Tile::Rows() const {
  const RowPlaces places = At(0);
  Request rows = request_;
  assay_row_args& a = rows.args;
  a.rows = count_;
  const auto stride = [&](std::size_t bytes) {
    return static_cast<std::ptrdiff_t>(RowBytes(request_.args.cols, bytes) / bytes);
  };
  const std::size_t bytes = BytesOf(a.dtype);
  const auto take = [](assay_const_matrix& m, const ConstPlace& place, std::ptrdiff_t row_stride) {
    if (m.data != nullptr) m = {place.data, row_stride, 1};
  };
  take(a.logits, places.logits, stride(bytes));
  take(a.bias, places.bias, stride(bytes));
  take(a.mask, places.mask, stride(1));
  take(a.saved, places.saved, stride(bytes));
  take(a.upstream, places.upstream, stride(bytes));
  a.out = {places.out.data, stride(bytes), 1};
  return rows;
}

void Tile::Write() const {
  const Plane out = PlanesOf(request_).out;
  if (!out.Used()) return;
  const std::size_t row_bytes = RowBytes(request_.args.cols, out.bytes);
  const auto* from = static_cast<const std::uint8_t*>(At(0).out.data);
  copy_({out.bytes, from, static_cast<std::ptrdiff_t>(row_bytes / out.bytes), 1, const_cast<void*>(out.At(first_)),
         out.row_stride, out.col_stride, count_, request_.args.cols});
}

}  // namespace assay::internal
