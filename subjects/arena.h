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

// The scratch of attention: how much of it can be had. Only the kernel knows how much it wants, so whoever calls asks
// it, and then pushes so much against the guard.
struct ScratchRoom {
  std::byte* begin = nullptr;
  std::uint64_t size_bytes = 0;
  std::uint64_t default_bytes =
      0;  // not 0: the call is a bad one, of which the kernel need not know; it gets this much
  std::byte poison{};
  bool before = false;  // the guard page before it counts, not the one behind

  // Where so much of it begins, at a multiple of 64 bytes.
  std::byte* Place(std::size_t bytes) const { return before ? begin : begin + (size_bytes - bytes) / 64 * 64; }
};

// What is to be called: trivially copyable, for it crosses to the child.
struct Call {
  assay_op op = ASSAY_SOFTMAX;
  std::int32_t threads = 1;  // so many of the arguments are called, at once
  FpEnvironment environment = {};
  std::array<assay_row_args, kMaxThreads> args = {};             // of a row operation
  std::array<assay_attention_args, kMaxThreads> attention = {};  // of attention; whoever calls fills in the scratch
  std::array<ScratchRoom, kMaxThreads> scratch = {};
};

class Arena {
 public:
  static constexpr std::size_t kRegionBytes = std::size_t{257} << 20;  // for each operand: 2^26 floats, aligned
  static constexpr std::size_t kScratchBytes = std::size_t{64} << 20;
  static constexpr std::size_t kGuardBytes = std::size_t{1} << 20;  // a stride mistake jumps far, too
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

  // After the call of the placed case: its outputs and what else changed. `call` is what Place answered, and what the
  // caller entered: how much scratch each thread was given.
  void Collect(const Case& c, const Call& call, RunResult* result);

  // "0 bytes past the end of out" (the first byte behind it), for an address in or near a buffer of the placed case;
  // else empty.
  std::string Locate(std::uintptr_t address) const;

 private:
  static constexpr std::size_t kFirstOut = kInputRoles;
  static constexpr std::size_t kFirstScratch = kFirstOut + kOutputRoles * kMaxThreads;
  static constexpr std::size_t kNumRegions = kFirstScratch + kMaxThreads;

  Placed PlaceOperand(const Case& c, Role role, const SubjectInfo& info, std::byte fill, std::byte* region) const;
  void PlaceInputs(const Case& c, const SubjectInfo& info, const RunOptions& options, Call* call);
  void PlaceOutputs(const Case& c, const SubjectInfo& info, const RunOptions& options, Call* call);
  void PlaceScratch(const Case& c, const RunOptions& options, Call* call);
  void NoteScratch(const Call& call);
  static std::size_t BytesOfRegion(std::size_t i) { return i < kFirstScratch ? kRegionBytes : kScratchBytes; }
  std::string NameOf(std::size_t region) const;
  // The region of an output of a thread.
  std::size_t OutRegion(Role output, std::size_t thread) const;
  struct RepeatedOperand {
    Role role;
    Repeated row;
  };

  std::byte* base_ = nullptr;
  std::size_t mapped_bytes_ = 0;
  void* control_ = nullptr;
  std::array<std::byte*, kNumRegions> regions_ = {};  // inputs by role; outputs by thread and role; scratch by thread
  std::array<Placed, kNumRegions> placed_ = {};       // those without data are absent
  std::vector<RepeatedOperand> repeated_;             // instead of placed_, with options.repeat > 1
  std::size_t in_place_ = kNumRegions;                // the index of the input that is out
  int threads_ = 1;
  std::vector<std::byte> scratch_;  // to compare in
};

}  // namespace assay::subjects
