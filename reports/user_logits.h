// SPDX-License-Identifier: Apache-2.0
//
// Logits of the user's own, read from a .npy file: measured like a family, and the first rows shown entry by entry.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "reports/measure.h"
#include "reports/npy.h"

namespace assay::reports {

// One entry of the preview, with the first subject's answer.
struct UserEntry {
  std::size_t row = 0;
  std::size_t col = 0;
  float logit = 0;
  float got = 0;
  oracle::Exact exact;
  double err_ulp = 0;
};

struct UserLogits {
  static constexpr std::size_t kPreview = 12;  // entries shown: the largest of the first row
  std::string file;
  std::string dtype;
  std::size_t rows = 0;
  std::size_t cols = 0;
  double temperature = 1;
  std::uint64_t rounded_from_f64 = 0;
  MeasureResult measured;
  std::vector<UserEntry> preview;
};

// Every row at the same temperature; one that is not in [0, inf] throws std::invalid_argument.
UserLogits MeasureUserLogits(std::span<const Measured> subjects, const NpyArray& array, std::string file,
                             oracle::Tier tier, double temperature = 1);

// " Values that are not f32 numbers and were rounded to the nearest one: 2." Empty where none was.
std::string RoundingNote(const UserLogits& user);

}  // namespace assay::reports
