// SPDX-License-Identifier: Apache-2.0
//
// Inside oracle/ only: which entries of a row are visible, and which of them live.

#pragma once

#include <vector>

#include "oracle/loss_tiers.h"
#include "oracle/oracle.h"

namespace assay::oracle {

// Throws std::invalid_argument for operands of different length, a temperature outside [0, inf] and too many copies.
void CheckRow(const Row& row);

double BiasOf(const Row& row, std::size_t i);  // 0 where there is none
bool Visible(const Row& row, std::size_t i);   // neither masked nor -inf

// The entries of a row that matter, and where each of them comes from.
struct LiveEntries {
  LiveRow row;
  std::vector<std::size_t> position;
  bool bad = false;  // a visible NaN or +inf; the rest is then empty
};

// All visible entries; for T = 0 only those of the largest logit. In both limits of T: z = bias / 1.
LiveEntries LiveEntriesOf(const Row& row);

}  // namespace assay::oracle
