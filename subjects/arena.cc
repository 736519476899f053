// SPDX-License-Identifier: Apache-2.0
//
// Layout of a case in memory: one reservation, guard | control | guard | logits | guard | probs | guard | mask | guard.

#include "subjects/arena.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace assay::subjects {
namespace {

constexpr std::size_t kReleaseBytes = std::size_t{8} << 20;  // regions that grew beyond this go back to the system

std::size_t RoundUp(std::size_t value, std::size_t unit) { return (value + unit - 1) / unit * unit; }

// Where `shape.data_bytes` go within a region, and how far the margins reach.
void Position(std::byte* region, const Case& c, const SubjectInfo& info, std::size_t element_bytes, Placed* shape) {
  const std::size_t unit = std::max(info.alignment_bytes, element_bytes);
  const std::size_t slack = c.offset * element_bytes;
  const std::size_t needed = shape->data_bytes + slack + info.over_read_bytes + unit;
  if (shape->data_bytes > Arena::kRegionBytes || slack > Arena::kRegionBytes || needed > Arena::kRegionBytes) {
    throw std::length_error(
        fmt::format("a buffer of {} bytes at an offset of {} elements is larger than the {} MiB "
                    "that a case may have",
                    shape->data_bytes, c.offset, Arena::kRegionBytes >> 20));
  }
  std::size_t start = RoundUp(slack, unit);
  if (c.guard == Guard::kAfter) {
    start = (Arena::kRegionBytes - info.over_read_bytes - slack - shape->data_bytes) / unit * unit;
  }
  const std::size_t end = start + shape->data_bytes;
  const std::size_t before = c.guard == Guard::kBefore ? start : std::min(start, Arena::kMarginBytes);
  const std::size_t after = c.guard == Guard::kAfter
                                ? Arena::kRegionBytes - end
                                : std::min(Arena::kRegionBytes - end, Arena::kMarginBytes + info.over_read_bytes);
  shape->data = region + start;
  shape->margin_begin = shape->data - before;
  shape->margin_end = region + end + after;
}

Placed Shape(const Case& c, std::size_t stride, std::size_t element_bytes, std::byte fill) {
  Placed shape;
  shape.rows = c.cols == 0 ? 0 : c.rows;
  shape.row_bytes = c.cols * element_bytes;
  shape.stride_bytes = stride * element_bytes;
  shape.data_bytes = shape.rows == 0 ? 0 : (shape.rows - 1) * shape.stride_bytes + shape.row_bytes;
  shape.fill = fill;
  return shape;
}

// Calls visit(begin, bytes) for every stretch of `placed` that is no data.
template <class Visit>
void ForEachOutside(const Placed& placed, Visit visit) {
  visit(placed.margin_begin, static_cast<std::size_t>(placed.data - placed.margin_begin));
  for (std::size_t row = 0; row + 1 < placed.rows; ++row) {
    visit(placed.data + row * placed.stride_bytes + placed.row_bytes, placed.stride_bytes - placed.row_bytes);
  }
  const std::byte* const end = placed.data + placed.data_bytes;
  visit(placed.data + placed.data_bytes, static_cast<std::size_t>(placed.margin_end - end));
}

void FillOutside(const Placed& placed) {
  ForEachOutside(placed, [&](std::byte* begin, std::size_t bytes) {
    if (bytes != 0) std::memset(begin, static_cast<int>(placed.fill), bytes);
  });
}

bool OutsideIntact(const Placed& placed) {
  bool intact = true;
  ForEachOutside(placed, [&](const std::byte* begin, std::size_t bytes) {
    if (bytes == 0) return;
    intact = intact && begin[0] == placed.fill && std::memcmp(begin, begin + 1, bytes - 1) == 0;
  });
  return intact;
}

// Copies dense rows into place.
void CopyIn(const Placed& placed, const void* dense) {
  const auto* from = static_cast<const std::byte*>(dense);
  for (std::size_t row = 0; row < placed.rows; ++row) {
    std::memcpy(placed.data + row * placed.stride_bytes, from + row * placed.row_bytes, placed.row_bytes);
  }
}

bool RowsEqual(const Placed& placed, const void* dense) {
  const auto* want = static_cast<const std::byte*>(dense);
  for (std::size_t row = 0; row < placed.rows; ++row) {
    const std::byte* const got = placed.data + row * placed.stride_bytes;
    if (std::memcmp(got, want + row * placed.row_bytes, placed.row_bytes) != 0) return false;
  }
  return true;
}

}  // namespace

Strides StridesFor(const Case& c, std::size_t alignment_bytes) {
  const auto aligned = [&](std::size_t stride, std::size_t element_bytes) {
    const std::size_t unit = std::max(alignment_bytes, element_bytes) / element_bytes;
    return c.rows > 1 ? RoundUp(stride, unit) : stride;
  };
  const std::size_t logits = aligned(c.cols + c.logits_gap, sizeof(float));
  const std::size_t probs = c.in_place ? logits : aligned(c.cols + c.probs_gap, sizeof(float));
  return {logits, probs, aligned(c.cols + c.logits_gap, 1)};
}

Arena::Arena(std::size_t control_bytes) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t control = RoundUp(control_bytes, page);
  mapped_bytes_ = 5 * kGuardBytes + control + 3 * kRegionBytes;
  void* const mapped = ::mmap(nullptr, mapped_bytes_, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) {
    throw std::system_error(errno, std::generic_category(), "cannot reserve address space for guarded buffers");
  }
  base_ = static_cast<std::byte*>(mapped);
  std::byte* next = base_ + kGuardBytes;
  const auto open = [&](std::size_t bytes) {
    std::byte* const begin = next;
    if (bytes != 0 && ::mprotect(begin, bytes, PROT_READ | PROT_WRITE) != 0) {
      const int error = errno;
      ::munmap(base_, mapped_bytes_);
      throw std::system_error(error, std::generic_category(), "cannot open guarded buffers");
    }
    next += bytes + kGuardBytes;
    return begin;
  };
  control_ = open(control);
  for (std::byte*& region : regions_) region = open(kRegionBytes);
}

Arena::~Arena() { ::munmap(base_, mapped_bytes_); }

assay_softmax_args Arena::Place(const Case& c, const SubjectInfo& info, const RunOptions& options) {
  Validate(c);
  const Strides strides = StridesFor(c, info.alignment_bytes);
  const auto poison = static_cast<std::byte>(options.poison);
  in_place_ = c.in_place;
  logits_ = Shape(c, strides.logits, sizeof(float), c.in_place ? poison : kLogitsFill);
  probs_ = Shape(c, strides.probs, sizeof(float), poison);
  mask_ = c.has_mask ? Shape(c, strides.mask, 1, kMaskFill) : Placed{};
  Position(regions_[0], c, info, sizeof(float), &logits_);
  if (c.in_place) {
    probs_ = logits_;
  } else {
    Position(regions_[1], c, info, sizeof(float), &probs_);
    FillOutside(probs_);
    for (std::size_t row = 0; row < probs_.rows; ++row) {
      std::memset(probs_.data + row * probs_.stride_bytes, options.poison, probs_.row_bytes);
    }
  }
  FillOutside(logits_);
  CopyIn(logits_, c.logits.data());
  if (c.has_mask) {
    Position(regions_[2], c, info, 1, &mask_);
    FillOutside(mask_);
    CopyIn(mask_, c.mask.data());
  }
  assay_softmax_args args = {};
  args.struct_size = sizeof args;
  args.logits = logits_.data;
  args.probs = probs_.data;
  args.mask = c.has_mask ? reinterpret_cast<const std::uint8_t*>(mask_.data) : nullptr;
  args.rows = c.rows;
  args.cols = c.cols;
  args.logits_row_stride = strides.logits;
  args.probs_row_stride = strides.probs;
  args.mask_row_stride = strides.mask;
  args.temperature = c.temperature;
  args.dtype = ASSAY_F32;
  args.empty_row = c.empty_row;
  return args;
}

void Arena::Collect(const Case& c, RunResult* result) {
  result->probs.resize(probs_.rows * c.cols);
  for (std::size_t row = 0; row < probs_.rows; ++row) {
    std::memcpy(result->probs.data() + row * c.cols, probs_.data + row * probs_.stride_bytes, probs_.row_bytes);
  }
  result->outside_intact = OutsideIntact(probs_);
  result->inputs_intact = (in_place_ || (RowsEqual(logits_, c.logits.data()) && OutsideIntact(logits_))) &&
                          (!c.has_mask || (RowsEqual(mask_, c.mask.data()) && OutsideIntact(mask_)));
  if (logits_.data_bytes + probs_.data_bytes > kReleaseBytes) {
    for (std::byte* const region : regions_) ::madvise(region, kRegionBytes, MADV_REMOVE);
  }
}

std::string Arena::Locate(std::uintptr_t address) const {
  std::string text;
  std::uintptr_t nearest = UINTPTR_MAX;
  const auto consider = [&](const Placed& placed, std::size_t index, const char* name) {
    const auto region = reinterpret_cast<std::uintptr_t>(regions_[index]);
    if (placed.data == nullptr || address < region - kGuardBytes || address >= region + kRegionBytes + kGuardBytes) {
      return;
    }
    const auto begin = reinterpret_cast<std::uintptr_t>(placed.data);
    const std::uintptr_t end = begin + placed.data_bytes;
    const std::uintptr_t distance = address < begin ? begin - address : address < end ? 0 : address - end;
    if (distance >= nearest) return;
    nearest = distance;
    text = address < begin ? fmt::format("{} bytes before the start of {}", distance, name)
           : address < end ? fmt::format("inside {}", name)
                           : fmt::format("{} bytes past the end of {}", distance, name);
  };
  // A guard lies between two regions: the nearer buffer is the one that was missed.
  consider(logits_, 0, in_place_ ? "logits (in place)" : "logits");
  if (!in_place_) consider(probs_, 1, "probs");
  consider(mask_, 2, "mask");
  return text;
}

}  // namespace assay::subjects
