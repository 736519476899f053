// SPDX-License-Identifier: Apache-2.0
//
// The contract of cross-entropy and its gradient: visible entries, targets, special values, the reduction.

#include <algorithm>
#include <cmath>

#include "oracle/loss_tiers.h"
#include "oracle/tiers.h"
#include "oracle/visible.h"

namespace assay::oracle {
namespace {

void Check(const LossRow& loss, double divisor) {
  CheckRow(loss.row);
  if (loss.row.temperature == 0) throw std::invalid_argument("oracle: cross-entropy has no limit at temperature 0");
  if (loss.row.repeat != 1) throw std::invalid_argument("oracle: cross-entropy of a repeated row");
  if (loss.targets.size() != loss.row.logits.size()) {
    throw std::invalid_argument("oracle: " + std::to_string(loss.targets.size()) + " targets for " +
                                std::to_string(loss.row.logits.size()) + " logits");
  }
  if (!(loss.smoothing >= 0 && loss.smoothing <= 1)) {
    throw std::invalid_argument("oracle: smoothing " + Hex(loss.smoothing) + " is not in [0, 1]");
  }
  if (!(divisor > 0 && std::isfinite(divisor))) {
    throw std::invalid_argument("oracle: divisor " + Hex(divisor) + " of a loss is not in (0, inf)");
  }
}

struct PreparedLoss {
  LiveLoss live;
  std::vector<std::size_t> position;  // of the live entries; empty: nothing visible
  bool nan = false;
  bool infinite = false;  // the loss
};

PreparedLoss Prepare(const LossRow& loss) {
  PreparedLoss prepared;
  LiveEntries entries = LiveEntriesOf(loss.row);
  prepared.nan = entries.bad;
  for (const double target : loss.targets) prepared.nan = prepared.nan || !(target >= 0 && std::isfinite(target));
  if (prepared.nan) return prepared;
  prepared.live.row = std::move(entries.row);
  prepared.live.smoothing = loss.smoothing;
  prepared.position = std::move(entries.position);
  std::size_t next = 0;
  for (std::size_t i = 0; i < loss.targets.size(); ++i) {
    if (next < prepared.position.size() && prepared.position[next] == i) {
      prepared.live.targets.push_back(loss.targets[i]);
      ++next;
    } else if (loss.targets[i] > 0 && loss.smoothing < 1) {
      prepared.live.hidden_targets.push_back(loss.targets[i]);
      prepared.infinite = true;
    }
  }
  return prepared;
}

std::string Describe(const LiveLoss& loss) {
  return "temperature " + Hex(loss.row.temperature) + ", smoothing " + Hex(loss.smoothing) + "," +
         HexList("logits", loss.row.logits) + HexList("bias", loss.row.bias) + HexList("targets", loss.targets) +
         HexList("hidden targets", loss.hidden_targets);
}

[[noreturn]] void Throw(Tier tier, const std::string& what) {
  ThrowUndecided(tier, (tier == Tier::kReferee ? referee::PrecisionBits : bulk::PrecisionBits)(kRungs), what);
}

}  // namespace

Exact CrossEntropy(std::span<const LossRow> rows, double divisor, Tier tier) {
  if (rows.empty()) {
    if (!(divisor >= 0)) throw std::invalid_argument("oracle: divisor " + Hex(divisor) + " of no loss is below 0");
    return divisor == 0 ? NaNResult(Format::kF32) : ZeroResult(Format::kF32);
  }
  const Format format = rows.front().row.format;
  std::vector<LiveLoss> live;
  bool nan = false;
  bool infinite = false;
  for (const LossRow& row : rows) {
    Check(row, divisor);
    if (row.row.format != format) throw std::invalid_argument("oracle: losses of different formats in a reduction");
    PreparedLoss prepared = Prepare(row);
    nan = nan || prepared.nan;
    infinite = infinite || prepared.infinite;
    if (!prepared.position.empty()) live.push_back(std::move(prepared.live));
  }
  if (nan) return NaNResult(format);
  if (infinite) return InfinityResult(/*negative=*/false, format);
  const auto exact = (tier == Tier::kReferee ? referee::Loss : bulk::Loss)(live, divisor, format, kRungs);
  if (!exact) {
    Throw(tier, "cross_entropy of " + std::to_string(live.size()) + " rows, divisor " + Hex(divisor) + ", " +
                    FormatName(format) + "; the first: " + Describe(live.front()));
  }
  return *exact;
}

std::vector<Exact> CrossEntropyBackward(const LossRow& row, double upstream, double divisor, Tier tier) {
  Check(row, divisor);
  const Format format = row.row.format;
  const std::size_t n = row.targets.size();
  const PreparedLoss prepared = Prepare(row);
  if (prepared.nan) return std::vector<Exact>(n, NaNResult(format));
  std::vector<Exact> result(n, ZeroResult(format));
  if (prepared.position.empty()) return result;

  std::vector<Exact> of_live(prepared.position.size(), ZeroResult(format));
  if (!std::isfinite(upstream)) {
    std::ranges::fill(of_live, NaNResult(format));
  } else if (!std::isinf(row.row.temperature)) {
    const auto gradient = tier == Tier::kReferee ? referee::LossGradient : bulk::LossGradient;
    if (!gradient(prepared.live, upstream, divisor, format, of_live, kRungs)) {
      Throw(tier, "cross_entropy_backward, upstream " + Hex(upstream) + ", divisor " + Hex(divisor) + ", " +
                      FormatName(format) + ", " + Describe(prepared.live));
    }
  }
  for (std::size_t j = 0; j < of_live.size(); ++j) result[prepared.position[j]] = of_live[j];
  return result;
}

}  // namespace assay::oracle
