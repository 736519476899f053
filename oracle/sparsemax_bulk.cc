// SPDX-License-Identifier: Apache-2.0
//
// The bulk tier for sparsemax: Arb numbers of any length, so that nothing rounds but the last division, and the support
// found by sorting (Martins & Astudillo 2016, algorithm 1): the longest prefix of the sorted row whose last entry is
// still above the threshold of the prefix.

#include <algorithm>
#include <numeric>

#include "oracle/bulk_numbers.h"
#include "oracle/loss_tiers.h"

namespace assay::oracle::bulk {

// With g = max - (x + bias T) >= 0 ("gap") and every entry m times: entry i of the prefix S is in the support iff
// T + m (sum of g over S - |S| g_i) > 0, and that over m |S| T is p_i.
void Sparsemax(const LiveRow& row, std::uint64_t repeat, Format format, std::span<Exact> out) {
  const double planted = Planted(Tier::kBulk);
  const std::size_t n = out.size();
  const Arf temperature(row.temperature);
  std::vector<Arf> gap(n);
  for (std::size_t i = 0; i < n; ++i) {
    arf_set_d(gap[i], row.logits[i]);
    if (row.bias.empty()) continue;
    Arf bias(row.bias[i]);
    SetProduct(bias, bias, temperature);
    SetSum(gap[i], gap[i], bias);
  }
  const auto less = [](const Arf& a, const Arf& b) { return arf_cmp(a, b) < 0; };
  Arf max;
  arf_set(max, *std::max_element(gap.begin(), gap.end(), less));
  // An entry with g >= T is outside even of the support of itself and the maximum.
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < n; ++i) {
    SetDifference(gap[i], max, gap[i]);
    if (less(gap[i], temperature)) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return less(gap[a], gap[b]); });

  // T + m (sum - k g), k the length of the prefix.
  const auto numerator = [&](Arf& result, const Arf& sum, std::size_t k, const Arf& g) {
    arf_set(result, g);
    Scale(result, k);
    SetDifference(result, sum, result);
    Scale(result, repeat);
    SetSum(result, result, temperature);
  };
  std::size_t count = 0;
  Arf sum;
  Arf next;
  Arf value;
  for (const std::size_t i : order) {
    arf_set(next, gap[i]);
    if (count > 0) Plant(next, planted);
    SetSum(next, sum, next);
    numerator(value, next, count + 1, gap[i]);
    if (value.sign() <= 0) break;
    arf_swap(sum, next);
    ++count;
  }

  std::fill(out.begin(), out.end(), ZeroResult(format));
  Arf denominator(row.temperature);
  Scale(denominator, repeat);
  Scale(denominator, count);
  for (std::size_t s = 0; s < count; ++s) {
    numerator(value, sum, count, gap[order[s]]);
    out[order[s]] = RoundQuotient(value, denominator, format);
  }
}

}  // namespace assay::oracle::bulk
