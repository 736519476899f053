// SPDX-License-Identifier: Apache-2.0
//
// The contract of sparsemax: what is visible, what special values and the limits of the temperature give.

#include "oracle/loss_tiers.h"
#include "oracle/tiers.h"
#include "oracle/visible.h"

namespace assay::oracle {

std::vector<Exact> Sparsemax(const Row& row, Tier tier) {
  CheckRow(row);
  const std::size_t n = row.logits.size();
  const LiveEntries live = LiveEntriesOf(row);
  if (live.bad) return std::vector<Exact>(n, NaNResult(row.format));
  if (live.position.empty()) {
    return std::vector<Exact>(n, row.empty_row == EmptyRow::kNaN ? NaNResult(row.format) : ZeroResult(row.format));
  }
  std::vector<Exact> of_live(live.position.size());
  (tier == Tier::kReferee ? referee::Sparsemax : bulk::Sparsemax)(live.row, row.repeat, row.format, of_live);
  std::vector<Exact> result(n, ZeroResult(row.format));
  for (std::size_t j = 0; j < of_live.size(); ++j) result[live.position[j]] = of_live[j];
  return result;
}

}  // namespace assay::oracle
