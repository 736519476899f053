// SPDX-License-Identifier: Apache-2.0
//
// The contract of the backward operations: which entries live and what special values give. The rest goes to a tier.

#include <algorithm>
#include <cmath>

#include "oracle/loss_tiers.h"
#include "oracle/tiers.h"

namespace assay::oracle {
namespace {

enum class Saved { kProbs, kLogProbs, kSparse };

bool Lives(double saved, Saved kind) {
  switch (kind) {
    case Saved::kProbs:
      return saved != 0;
    case Saved::kLogProbs:
      return saved != -std::numeric_limits<double>::infinity();
    default:
      return !(saved <= 0);
  }
}

// What a live saved output must be. That of sparsemax only tells the support.
bool Fine(double saved, Saved kind) { return kind == Saved::kSparse ? !std::isnan(saved) : std::isfinite(saved); }

void Check(const Gradient& row) {
  CheckTemperature(row.temperature);
  if (row.temperature == 0) throw std::invalid_argument("oracle: a gradient has no limit at temperature 0");
  if (row.saved.size() != row.upstream.size()) {
    throw std::invalid_argument("oracle: " + std::to_string(row.upstream.size()) + " upstream gradients for " +
                                std::to_string(row.saved.size()) + " outputs");
  }
}

// Calls ask(live, out) where the result is not settled by special values.
template <class Ask>
std::vector<Exact> Backward(const Gradient& row, Saved kind, Ask ask) {
  Check(row);
  std::vector<Exact> result(row.saved.size(), ZeroResult(row.format));
  LiveGradient live = {{}, {}, row.temperature, row.format};
  std::vector<std::size_t> position;
  bool fine = true;
  for (std::size_t i = 0; i < row.saved.size(); ++i) {
    if (!Lives(row.saved[i], kind)) continue;
    fine = fine && Fine(row.saved[i], kind) && std::isfinite(row.upstream[i]);
    position.push_back(i);
    live.saved.push_back(row.saved[i]);
    live.upstream.push_back(row.upstream[i]);
  }
  if (position.empty()) return result;
  std::vector<Exact> of_live(position.size(), ZeroResult(row.format));
  if (!fine) {
    std::ranges::fill(of_live, NaNResult(row.format));
  } else if (!std::isinf(row.temperature)) {
    ask(live, std::span<Exact>(of_live));
  }
  for (std::size_t j = 0; j < position.size(); ++j) result[position[j]] = of_live[j];
  return result;
}

}  // namespace

std::vector<Exact> SoftmaxBackward(const Gradient& row, Tier tier) {
  return Backward(row, Saved::kProbs, tier == Tier::kReferee ? referee::SoftmaxBackward : bulk::SoftmaxBackward);
}

std::vector<Exact> SparsemaxBackward(const Gradient& row, Tier tier) {
  return Backward(row, Saved::kSparse, tier == Tier::kReferee ? referee::SparsemaxBackward : bulk::SparsemaxBackward);
}

std::vector<Exact> LogSoftmaxBackward(const Gradient& row, Tier tier) {
  return Backward(row, Saved::kLogProbs, [tier](const LiveGradient& live, std::span<Exact> out) {
    const bool is_referee = tier == Tier::kReferee;
    if ((is_referee ? referee::LogSoftmaxBackward : bulk::LogSoftmaxBackward)(live, out, kRungs)) return;
    ThrowUndecided(tier, (is_referee ? referee::PrecisionBits : bulk::PrecisionBits)(kRungs),
                   "log_softmax_backward, temperature " + Hex(live.temperature) + ", " + FormatName(live.format) + "," +
                       HexList("saved", live.saved) + HexList("upstream", live.upstream));
  });
}

}  // namespace assay::oracle
