// SPDX-License-Identifier: Apache-2.0
//
// The memory a subject sees: logits, probs and mask, each in a region of its own between inaccessible pages, pushed
// against one of them and surrounded by poison. Shared with children forked after its construction, at the same
// addresses; pages cost nothing until they are touched.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "assay/assay.h"
#include "subjects/case.h"
#include "subjects/subject.h"

namespace assay::subjects {

// One placed matrix: `rows` times row_bytes of data, stride_bytes apart. The margins, and the gaps between rows, hold
// the fill byte; the last row has no gap, so that the end of the data touches the guard.
struct Placed {
  std::byte* data = nullptr;
  std::size_t rows = 0;
  std::size_t row_bytes = 0;
  std::size_t stride_bytes = 0;
  std::size_t data_bytes = 0;
  std::byte* margin_begin = nullptr;
  std::byte* margin_end = nullptr;
  std::byte fill{};
};

class Arena {
 public:
  static constexpr std::size_t kRegionBytes = std::size_t{256} << 20;  // for each buffer: 2^26 floats
  static constexpr std::size_t kGuardBytes = std::size_t{1} << 20;     // a stride mistake jumps far, too
  static constexpr std::size_t kMarginBytes = 256;
  static constexpr std::byte kLogitsFill{0xFF};  // a NaN as a float, so that reading a gap shows
  static constexpr std::byte kMaskFill{0xA5};    // visible, so that a gap read as mask lets that NaN in

  // `control_bytes` more are mapped, between guards too, for whoever isolates. Throws std::system_error.
  explicit Arena(std::size_t control_bytes = 0);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  void* control() const { return control_; }

  // Lays the case out as `info` needs it, fills everything, and answers the arguments of the call. Throws
  // std::length_error where the case does not fit, std::invalid_argument where it contradicts itself.
  assay_softmax_args Place(const Case& c, const SubjectInfo& info, const RunOptions& options);

  // After the call of the placed case: its probs and what else changed.
  void Collect(const Case& c, RunResult* result);

  // "0 bytes past the end of probs" (the first byte behind it), for an address in or near a buffer of the placed case;
  // else empty.
  std::string Locate(std::uintptr_t address) const;

 private:
  std::byte* base_ = nullptr;
  std::size_t mapped_bytes_ = 0;
  void* control_ = nullptr;
  std::byte* regions_[3] = {};
  Placed logits_;
  Placed probs_;
  Placed mask_;
  bool in_place_ = false;
};

// The row strides, in elements, that a case has for a subject: cols + gap, rounded up to what alignment asks for.
struct Strides {
  std::size_t logits;
  std::size_t probs;
  std::size_t mask;
};
Strides StridesFor(const Case& c, std::size_t alignment_bytes);

}  // namespace assay::subjects
