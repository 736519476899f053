// SPDX-License-Identifier: Apache-2.0
//
// The referee for sparsemax: exact rationals, and the support found by dropping (Michelot 1986): solve with every
// entry in the support, drop what comes out negative or zero, and again, until nothing is dropped.

#include <algorithm>

#include "oracle/loss_tiers.h"
#include "oracle/referee_numbers.h"

namespace assay::oracle::referee {

// In units of 1/T and from the largest: w = x + bias T - max, T p_i = w_i - tau, tau = (sum of w over S - T) / |S|.
// With the row repeated m times: tau = (m sum - T) / (m |S|).
void Sparsemax(const LiveRow& row, std::uint64_t repeat, Format format, std::span<Exact> out) {
  const double planted = Planted(Tier::kReferee);
  const Rational temperature(row.temperature);
  const std::size_t n = out.size();
  std::vector<Rational> w(n);
  for (std::size_t i = 0; i < n; ++i) {
    w[i] = Rational(row.logits[i]);
    if (!row.bias.empty()) w[i] += Rational(row.bias[i]) * temperature;
  }
  const Rational max = *std::max_element(w.begin(), w.end());
  for (Rational& wi : w) wi -= max;

  std::vector<std::size_t> support(n);
  for (std::size_t i = 0; i < n; ++i) support[i] = i;
  const Rational copies(static_cast<unsigned long>(repeat));
  for (;;) {
    Rational sum(0);
    for (std::size_t s = 0; s < support.size(); ++s) {
      const Rational& term = w[support[s]];
      sum += planted != 0 && s > 0 ? term * (Rational(1) + Rational(planted)) : term;
    }
    const Rational count = copies * Rational(static_cast<unsigned long>(support.size()));
    const Rational tau = (copies * sum - temperature) / count;
    const auto outside = [&](std::size_t i) { return w[i] <= tau; };
    if (std::erase_if(support, outside) > 0) continue;
    std::fill(out.begin(), out.end(), ZeroResult(format));
    for (const std::size_t i : support) out[i] = RoundQuotient(w[i] - tau, temperature, format);
    return;
  }
}

}  // namespace assay::oracle::referee
