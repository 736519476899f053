// SPDX-License-Identifier: Apache-2.0
//
// FpEnvironment: round-to-nearest, no flushing of subnormals and no trapping for as long as it lives; on leaving, the
// caller's modes and sticky flags are as they were. Put the arithmetic behind a call through a pointer, so that the
// compiler cannot move it out of the guarded region.

#pragma once

#include "hwy/highway.h"

#if HWY_ARCH_X86
#include <xmmintrin.h>
#elif !HWY_ARCH_ARM_A64
#include <cfenv>
#endif

namespace assay::internal {

class FpEnvironment {
 public:
  FpEnvironment(const FpEnvironment&) = delete;
  FpEnvironment& operator=(const FpEnvironment&) = delete;

#if HWY_ARCH_X86
  FpEnvironment() : saved_(_mm_getcsr()) { _mm_setcsr(0x1F80); }  // the state a process starts with
  ~FpEnvironment() { _mm_setcsr(saved_); }

 private:
  unsigned saved_;
#elif HWY_ARCH_ARM_A64
  FpEnvironment() : control_(__builtin_aarch64_get_fpcr64()), status_(__builtin_aarch64_get_fpsr64()) {
    __builtin_aarch64_set_fpcr64(0);
  }
  ~FpEnvironment() {
    __builtin_aarch64_set_fpcr64(control_);
    __builtin_aarch64_set_fpsr64(status_);
  }

 private:
  unsigned long long control_;
  unsigned long long status_;
#else
  FpEnvironment() {
    std::fegetenv(&saved_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~FpEnvironment() { std::fesetenv(&saved_); }

 private:
  std::fenv_t saved_;
#endif
};

}  // namespace assay::internal
