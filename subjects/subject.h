// SPDX-License-Identifier: Apache-2.0
//
// What is under test: a named table of C functions, run on Cases between guard pages. Open() gives a subject that
// lives in a child process, so that its crash, exit or hang is a result and not our end.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "assay/assay.h"
#include "subjects/case.h"

namespace assay::subjects {

// What a subject declares, copied out of its table.
struct SubjectInfo {
  std::string name;  // as the subject calls itself
  std::string version;
  std::string description;
  std::uint64_t features = 0;  // set of assay_feature
  assay_empty_row empty_row_unmasked = ASSAY_EMPTY_ROW_NAN;
  assay_empty_row empty_row_masked = ASSAY_EMPTY_ROW_ZERO;
  std::size_t alignment_bytes = 1;
  std::size_t over_read_bytes = 0;
  assay_claim softmax_f32 = {};
  bool has_softmax = false;
};

// Why a subject cannot run this case ("no mask"), or empty when it can. T < 0 and NaN need ASSAY_FEATURE_STATUS.
std::string WhyUnsupported(const SubjectInfo& info, const Case& c);

enum class Outcome { kReturned, kCrashed, kExited, kTimedOut };

struct RunResult {
  Outcome outcome = Outcome::kReturned;
  assay_status status = ASSAY_OK;
  // For people: "SIGSEGV reading 0 bytes past the end of logits", "exit(3)", "no answer within 10 s"; else empty.
  std::string detail;
  std::vector<float> probs;  // rows * cols without gaps; what the buffer holds after the call (poison where unwritten)
  bool outside_intact = true;  // gaps and margins of probs hold what they held
  bool inputs_intact = true;   // logits (unless in place) and mask hold what they held
};

struct RunOptions {
  // The byte that fills probs, its gaps and its margins before the call (probs not when in place).
  std::uint8_t poison = 0xA5;
};

class Subject {
 public:
  virtual ~Subject() = default;
  virtual const SubjectInfo& info() const = 0;
  // Runs the case's operation once. Throws only when the machinery itself fails (no memory, no process).
  virtual RunResult Run(const Case& c, const RunOptions& options = {}) = 0;
};

// Cannot open: no such name or file, not a shared library, no symbol, wrong ABI ... The message names the remedy.
struct OpenError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct OpenOptions {
  std::chrono::milliseconds time_limit{10'000};  // for each call
};

// A subject in a child process. `name` is a built-in name (see registry.h) or, where it contains a '/' or ends in
// ".so", the path of a shared library that exports assay_subject_v1. Throws OpenError.
std::unique_ptr<Subject> Open(std::string_view name, const OpenOptions& options = {});

// The table run in this process, between guard pages all the same: for fuzzing, where a crash belongs to the fuzzer.
std::unique_ptr<Subject> InProcess(const assay_subject& table);

// A subject by name or path, as for Open, in this process. Throws OpenError.
std::unique_ptr<Subject> OpenHere(std::string_view name);

}  // namespace assay::subjects
