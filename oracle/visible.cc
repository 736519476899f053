// SPDX-License-Identifier: Apache-2.0

#include "oracle/visible.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "oracle/tiers.h"

namespace assay::oracle {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

}  // namespace

double BiasOf(const Row& row, std::size_t i) { return row.bias.empty() ? 0 : row.bias[i]; }

bool Visible(const Row& row, std::size_t i) {
  return (row.mask.empty() || row.mask[i] != 0) && row.logits[i] != -kInf && BiasOf(row, i) != -kInf;
}

void CheckRow(const Row& row) {
  CheckTemperature(row.temperature);
  CheckSameLength("mask", row.mask.size(), row.logits.size());
  CheckSameLength("bias", row.bias.size(), row.logits.size());
  if (row.repeat == 0 || row.logits.size() >= kMaxCount / row.repeat) {
    throw std::invalid_argument("oracle: " + std::to_string(row.repeat) + " copies of " +
                                std::to_string(row.logits.size()) + " entries: not in [1, 2^48)");
  }
}

LiveEntries LiveEntriesOf(const Row& row) {
  LiveEntries live;
  double largest = -kInf;
  for (std::size_t i = 0; i < row.logits.size(); ++i) {
    if (!Visible(row, i)) continue;
    live.bad = live.bad || !std::isfinite(row.logits[i]) || !std::isfinite(BiasOf(row, i));
    largest = std::max(largest, row.logits[i]);
  }
  if (live.bad) return live;
  const bool limit = row.temperature == 0 || std::isinf(row.temperature);
  live.row.temperature = limit ? 1 : row.temperature;
  for (std::size_t i = 0; i < row.logits.size(); ++i) {
    if (!Visible(row, i) || (row.temperature == 0 && row.logits[i] != largest)) continue;
    live.position.push_back(i);
    live.row.logits.push_back(limit ? BiasOf(row, i) : row.logits[i]);
    if (!limit && !row.bias.empty()) live.row.bias.push_back(row.bias[i]);
  }
  return live;
}

}  // namespace assay::oracle
