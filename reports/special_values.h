// SPDX-License-Identifier: Apache-2.0
//
// The rows on which conventions differ and kernels break: NaN, infinities, nothing visible, one entry, T at its limits.
// Each subject's answer, and what the contract (assay.h) with the subject's declared conventions asks for.

#pragma once

#include <span>
#include <string>
#include <vector>

#include "reports/measure.h"

namespace assay::reports {

struct SpecialValue {
  std::string subject;
  std::string name;   // "a NaN"
  std::string input;  // "[1, nan, 2]"
  std::string want;
  std::string got;      // or why it gave nothing
  std::string verdict;  // "right", "wrong", "skipped"
};

std::vector<SpecialValue> MeasureSpecialValues(std::span<const Measured> subjects, oracle::Tier tier);

}  // namespace assay::reports
