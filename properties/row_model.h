// SPDX-License-Identifier: Apache-2.0
//
// A row of logits as its error bounds see it: scores, shares and sums in double, good to a relative 2^-30 or so. Not
// the truth, which is the oracle's: only what a bound multiplies by u.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "subjects/case.h"

namespace assay::properties {

// One score z = x / T + b as the textbook computes it in the dtype: x * (1 / T), T read first, and b added, each
// rounded. At T = 0 as among the maxima (z = bias), which here are the caller's to find.
struct Score {
  double value = 0;
  double rest = 0;  // z - value: what is left when value cancels
  double error = 0;
  bool may_overflow = false;  // |x / T|, the sum, T or 1 / T is beyond the range of the case's dtype
};
Score ModelOfScore(const subjects::Case& c, std::size_t i);

// T or 1 / T is beyond the normal range of the case's dtype, and neither 1, 0 nor infinite.
bool TemperatureMayOverflow(const subjects::Case& c);

struct RowModel {
  // Whether the row's results are numbers that its scores decide: false with a visible NaN or +inf, and where nothing
  // is visible; nothing below is meant then.
  bool ordinary = false;
  bool special = false;       // a visible NaN or +inf
  bool may_overflow = false;  // some score may
  double count = 0;           // visible entries, repetitions included; at T = 0 the maxima
  std::vector<char> live;     // visible, at T = 0 and a maximum
  std::vector<double> score;  // z
  std::vector<double> depth;  // max z - z >= 0
  std::vector<double> error;  // |computed z - z|
  std::vector<double> share;  // softmax; 0 where not live
  double max = 0;             // of z
  double log_sum = 0;         // log of the sum of exp(-depth)
};

RowModel ModelOf(const subjects::Case& c, std::size_t row, std::uint64_t repeat);

// The threshold of sparsemax below the maximum, max z - tau in (0, 1]: an entry is in the support if its depth is less.
double SupportDepth(const RowModel& row, std::uint64_t repeat);

}  // namespace assay::properties
