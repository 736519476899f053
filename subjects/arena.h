// SPDX-License-Identifier: Apache-2.0
//
// The memory a subject sees: each operand in a region of its own between inaccessible pages, pushed against one of
// them and surrounded by poison. Shared with children forked after its construction, at the same addresses; pages cost
// nothing until they are touched.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "assay/assay.h"
#include "subjects/case.h"
#include "subjects/placed.h"
#include "subjects/repeated.h"
#include "subjects/subject.h"

namespace assay::subjects {

// What is to be called: trivially copyable, for it crosses to the child. An operation with other arguments (attention)
// appends a member of its own.
struct Call {
  assay_op op = ASSAY_SOFTMAX;
  std::int32_t threads = 1;  // so many of `args` are called, at once
  FpEnvironment environment = {};
  std::array<assay_row_args, kMaxThreads> args = {};
};

class Arena {
 public:
  static constexpr std::size_t kRegionBytes = std::size_t{256} << 20;  // for each operand: 2^26 floats
  static constexpr std::size_t kGuardBytes = std::size_t{1} << 20;     // a stride mistake jumps far, too
  static constexpr std::size_t kMarginBytes = 256;
  static constexpr std::byte kFloatFill{0xFF};    // a NaN in every float type, so that reading a gap shows
  static constexpr std::byte kIntegerFill{0xA5};  // a mask that lets that NaN in; a label out of range

  // `control_bytes` more are mapped, between guards too, for whoever isolates. Throws std::system_error.
  explicit Arena(std::size_t control_bytes = 0);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  void* control() const { return control_; }

  // Lays the case out as `info` needs it, fills everything, and answers the call. With options.repeat > 1 operands get
  // memory that only processes forked after this share. Throws std::length_error where the case does not fit,
  // std::invalid_argument where it or the options contradict themselves.
  Call Place(const Case& c, const SubjectInfo& info, const RunOptions& options);

  // After the call of the placed case: its out and what else changed.
  void Collect(const Case& c, RunResult* result);

  // "0 bytes past the end of out" (the first byte behind it), for an address in or near a buffer of the placed case;
  // else empty.
  std::string Locate(std::uintptr_t address) const;

 private:
  static constexpr std::size_t kNumRegions = kInputRoles + kMaxThreads;

  Placed PlaceOperand(const Case& c, Role role, const SubjectInfo& info, std::byte fill, std::byte* region) const;
  struct RepeatedOperand {
    Role role;
    Repeated row;
  };

  std::byte* base_ = nullptr;
  std::size_t mapped_bytes_ = 0;
  void* control_ = nullptr;
  std::array<std::byte*, kNumRegions> regions_ = {};  // inputs by role, then the outs
  std::array<Placed, kNumRegions> placed_ = {};       // those without data are absent
  std::vector<RepeatedOperand> repeated_;             // instead of placed_, with options.repeat > 1
  std::size_t in_place_ = kNumRegions;                // the index of the input that is out
  int threads_ = 1;
  std::vector<std::byte> scratch_;
};

}  // namespace assay::subjects
