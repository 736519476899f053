// SPDX-License-Identifier: Apache-2.0
//
// DefaultEnvironment: the floating-point environment a process starts with (rounding to nearest, no flushing of
// subnormals, no traps) for as long as it lives, SSE and x87 both; on leaving, the caller's modes and sticky flags are
// as they were.
// Put the arithmetic behind a call through a pointer, so that the compiler cannot move it out of the guarded region.

#pragma once

#include <cfenv>

namespace assay::subjects {

class DefaultEnvironment {
 public:
  DefaultEnvironment() {
    std::fegetenv(&saved_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~DefaultEnvironment() { std::fesetenv(&saved_); }
  DefaultEnvironment(const DefaultEnvironment&) = delete;
  DefaultEnvironment& operator=(const DefaultEnvironment&) = delete;

 private:
  std::fenv_t saved_;
};

}  // namespace assay::subjects
