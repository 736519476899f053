// SPDX-License-Identifier: Apache-2.0
//
// What is under test: a named table of C functions, run on Cases between guard pages. Open() gives a subject that
// lives in a child process, so that its crash, exit or hang is a result and not our end.

#pragma once

#include <array>
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

// What a subject declares for one operation.
struct OpInfo {
  bool implemented = false;
  std::uint32_t dtypes = 0;    // set of 1 << assay_dtype
  std::uint64_t features = 0;  // set of assay_feature: the table's without what this operation has not
  std::array<assay_claim, ASSAY_NUM_DTYPES> claims = {};  // of row operations
  std::array<assay_attention_claim, ASSAY_NUM_DTYPES> attention_claims = {};
};

// What a subject declares, copied out of its table.
struct SubjectInfo {
  std::string name;  // as the subject calls itself
  std::string version;
  std::string description;
  assay_empty_row empty_row_unmasked = ASSAY_EMPTY_ROW_NAN;
  assay_empty_row empty_row_masked = ASSAY_EMPTY_ROW_ZERO;
  assay_plus_inf plus_inf = ASSAY_PLUS_INF_NAN_ROW;
  std::size_t alignment_bytes = 1;
  std::size_t over_read_bytes = 0;
  std::array<OpInfo, ASSAY_NUM_OPS> ops = {};

  const OpInfo& For(assay_op op) const { return ops[static_cast<std::size_t>(op)]; }
  OpInfo& For(assay_op op) { return ops[static_cast<std::size_t>(op)]; }
  bool Has(assay_op op, assay_dtype dtype) const { return For(op).implemented && (For(op).dtypes >> dtype & 1) != 0; }
  bool Can(assay_op op, assay_feature feature) const { return (For(op).features & feature) != 0; }
  const assay_claim& Claim(assay_op op, assay_dtype dtype) const { return For(op).claims[dtype]; }
};

// Why a subject cannot run this case ("no mask"), or empty when it can. Bad arguments need ASSAY_FEATURE_STATUS.
std::string WhyUnsupported(const SubjectInfo& info, const Case& c);

// The case with what the subject cannot do taken out of it: dtype, operands, T, layouts, in place ... The operation
// stays; WhyUnsupported is then empty wherever the subject has it.
Case Supported(Case c, const SubjectInfo& info);

enum class Outcome { kReturned, kCrashed, kExited, kTimedOut };

struct RunResult {
  Outcome outcome = Outcome::kReturned;
  assay_status status = ASSAY_OK;
  // For people: "SIGSEGV reading 0 bytes past the end of logits", "exit(3)", "no answer within 10 s"; else empty.
  std::string detail;
  Array out;  // the first of OutputsOf(c), dense; what the buffer holds after the call (poison where unwritten)
  std::vector<Array> more;     // the outputs behind it
  std::vector<Array> others;   // see RunOptions: all outputs of the other threads, or the periods that differ
  bool outside_intact = true;  // gaps and margins of out hold what they held
  bool inputs_intact = true;   // inputs (but the one that out is) hold what they held
  bool control_intact = true;  // rounding mode, FTZ/DAZ and exception masks are as before the call
  bool flags_intact = true;    // so are the sticky exception flags
};

// The floating-point environment of the caller.
struct FpEnvironment {
  int rounding = 0;  // 0 to nearest, 1 down, 2 up, 3 toward zero
  bool ftz_daz = false;

  bool operator==(const FpEnvironment&) const = default;
};

struct RunOptions {
  // The byte that fills out, its gaps and its margins before the call (out not when in place).
  std::uint8_t poison = 0xA5;
  // The byte that fills what lies between and around the entries of inputs: a NaN; in a mask, visible.
  std::uint8_t padding = 0xFF;
  FpEnvironment environment = {};
  // Calls at once from so many threads (at most kMaxThreads), each with an out of its own; not in place.
  int threads = 1;
  // Every matrix with cols columns is this many times as wide for the subject: the inputs by the same memory mapped
  // again and again, out by memory of its own, since kernels use it as scratch (std::length_error where that is not
  // free). rows = 1, plain layouts, whole pages, not in place, one thread; else std::invalid_argument. RunResult::out
  // is the first period, `others` are periods that differ from the one before (kMaxThreads at most): empty is right.
  std::uint64_t repeat = 1;
  // In a new process, so that no earlier call can matter. A subject in this process has only the one: ignored there.
  bool fresh = false;
};
inline constexpr int kMaxThreads = 4;

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
  std::chrono::milliseconds time_limit{10'000};     // for each call
  std::size_t memory_bytes = std::size_t{4} << 30;  // what the child may allocate beyond what it has when loaded
};

// A subject in a child process. `name` is a built-in name (see registry.h), that of a peer (peers/find.h) or, where it
// contains a '/' or ends in ".so", the path of a shared library that exports assay_subject_v1. Throws OpenError.
std::unique_ptr<Subject> Open(std::string_view name, const OpenOptions& options = {});

// The table run in this process, between guard pages all the same: for fuzzing, where a crash belongs to the fuzzer.
std::unique_ptr<Subject> InProcess(const assay_subject& table);

// A subject by name or path, as for Open, in this process. Throws OpenError.
std::unique_ptr<Subject> OpenHere(std::string_view name);

// The table alone, loaded into this process for good: for calls without buffers of ours around them. Throws OpenError.
const assay_subject& LoadHere(std::string_view name);

}  // namespace assay::subjects
