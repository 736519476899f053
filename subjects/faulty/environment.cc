// SPDX-License-Identifier: Apache-2.0
//
// Faults of the floating-point environment and of refusing arguments.

#include <cfenv>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "subjects/faulty/fault.h"

namespace assay::subjects {
namespace {

// Computes in whatever the caller has set.
struct FeelsRounding : FromScalar<FeelsRounding, ASSAY_LOGSUMEXP> {
  struct Environment {
    Environment() = default;
    ~Environment() {}  // not trivial: a variable of it is not unused
  };
};

// Leaves the environment that a process starts with.
struct ResetsRounding : FromScalar<ResetsRounding> {
  struct Environment {
    Environment() { std::fesetenv(FE_DFL_ENV); }
    ~Environment() { std::fesetenv(FE_DFL_ENV); }
  };
};

// Restores the modes, but the flags of its arithmetic stay up.
struct LeavesFlags : FromScalar<LeavesFlags, ASSAY_SIGMOID> {
  struct Environment {
    Environment() { std::feholdexcept(&saved); }
    ~Environment() { std::feupdateenv(&saved); }
    std::fenv_t saved;
  };
};

// Flushes subnormals from now on, for everybody (on machines that are not x86: rounds downward).
struct LeavesFtzOn : FromScalar<LeavesFtzOn, ASSAY_SPARSEMAX> {
  struct Flush {
    ~Flush() {
#if defined(__x86_64__)
      _mm_setcsr(_mm_getcsr() | 0x8040);
#else
      std::fesetround(FE_DOWNWARD);
#endif
    }
  };
  struct Environment : Flush, DefaultEnvironment {};  // the last to begin is the first to end
};

struct AcceptsNegativeTemperature : FromScalar<AcceptsNegativeTemperature> {
  static assay_status Check(const assay_row_args* args, assay_op op) {
    if (args == nullptr || args->struct_size < sizeof *args || !(args->temperature < 0)) return Base::Check(args, op);
    assay_row_args turned = *args;
    turned.temperature = -args->temperature;
    return Base::Check(&turned, op);
  }
};

struct AcceptsAnyLabel : FromScalar<AcceptsAnyLabel, ASSAY_CROSS_ENTROPY> {
  static assay_status Check(const assay_row_args* args, assay_op op) {
    // A label that no column has costs nothing.
    const assay_status status = Base::Check(args, op);
    return status == ASSAY_BAD_LABEL ? ASSAY_OK : status;
  }
};

struct WritesBeforeItRefuses : FromScalar<WritesBeforeItRefuses, ASSAY_CROSS_ENTROPY_BACKWARD> {
  static assay_status Check(const assay_row_args* args, assay_op op) {
    const assay_status status = Base::Check(args, op);
    // The gradient is cleared first, as it begins with zeros.
    if (status == ASSAY_BAD_LABEL) Call(*args).Fill(0, 0);
    return status;
  }
};

}  // namespace

std::vector<BuiltIn> EnvironmentFaults() {
  return {
      Fault<FeelsRounding>("feels_rounding", "environment", "fp_environment_ignored",
                           "Computes in the caller's rounding mode."),
      Fault<ResetsRounding>("resets_rounding", "environment", "fp_environment_restored",
                            "Leaves round-to-nearest, whatever the caller had."),
      Fault<LeavesFlags>("leaves_flags", "environment", "fp_environment_restored",
                         "Leaves the sticky flags of its own arithmetic."),
      Fault<LeavesFtzOn>("leaves_ftz_on", "environment", "fp_environment_restored",
                         "Leaves flushing of subnormals on."),
      Fault<AcceptsNegativeTemperature>("accepts_negative_temperature", "arguments", "bad_arguments",
                                        "Refuses only a NaN temperature."),
      Fault<AcceptsAnyLabel>("accepts_any_label", "arguments", "bad_labels", "Takes labels that no column has."),
      Fault<WritesBeforeItRefuses>("writes_before_it_refuses", "arguments", "bad_labels",
                                   "Has cleared the first row of the gradient when it refuses a label."),
  };
}

}  // namespace assay::subjects
