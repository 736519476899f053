// SPDX-License-Identifier: Apache-2.0
//
// The named input families of the report: rows of logits as a pure function of (family, seed, index), equal bit for
// bit on every machine. What each family is there to show stands in its description and in README.md.

#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "subjects/case.h"
#include "subjects/random.h"

namespace assay::reports {

// A row of logits under construction; `mask` is empty where all are visible.
struct SampleRow {
  std::size_t cols = 0;
  std::vector<float> logits;
  std::vector<std::uint8_t> mask;
};

struct Family {
  const char* name;         // "normal-10": for the command line, tables and file names
  const char* description;  // one phrase for people
  double temperature;
  // Fills c.logits (already c.cols long) and, where the family has one, the mask.
  void (*fill)(subjects::Random& random, SampleRow& row);
};

std::span<const Family> Families();
// nullptr where there is none of that name.
const Family* FindFamily(std::string_view name);

// The lengths of rows; sample number `index` has kCols[index % size].
inline constexpr std::size_t kCols[] = {2, 7, 16, 17, 100, 1000, 4096};

// One row. `property` is "accuracy", `origin` names family, seed and index.
subjects::Case Sample(const Family& family, std::uint64_t seed, std::uint64_t index);

}  // namespace assay::reports
