// SPDX-License-Identifier: Apache-2.0
//
// What top-p promises of sums of shares next to p (bounds::NucleusShare), against the oracle's shares: rows whose sum
// is brought as close to p as that. It stands here because it needs both the inside of lib/ and oracle/.

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "error_bounds.h"
#include "oracle/oracle.h"
#include "sampling.h"

namespace assay {
namespace {

// The first `first` entries are equal and the largest, so that their sum of shares is their number times one share.
struct Row {
  std::vector<double> x;
  std::size_t first;
  double temperature;
};

// Their sum of shares minus p, where the two differ by less than 2^-52: good to 2^-90.
double Excess(const Row& row, double p) {
  oracle::Row want;
  want.logits = row.x;
  want.temperature = row.temperature;
  want.format = oracle::Format::kF64;
  const oracle::Exact share = oracle::Softmax(want, oracle::Tier::kReferee)[0];
  const auto count = static_cast<double>(row.first);  // a power of two
  return (count * share.nearest - p) + count * share.remainder_ulp * share.ulp;
}

// How many entries top-p keeps.
std::size_t Kept(const Row& row, double p, internal::Rung first, internal::Rung* decided) {
  assay_row_args args{};
  args.cols = row.x.size();
  args.dtype = ASSAY_F64;
  args.logits = {row.x.data(), 0, 1};
  const internal::LogitsRow logits(args, 0);
  const internal::Cut cut = internal::Nucleus(logits, row.x[0], 0, p, row.temperature, first, decided);
  std::size_t ties = 0;
  return static_cast<std::size_t>(std::count_if(row.x.begin(), row.x.end(), [&](double x) {
    const std::uint64_t key = internal::KeyOf(ASSAY_F64, x);
    return key > cut.key || (key == cut.key && ties++ < cut.ties);
  }));
}

// Lowers the last entry of the row, which weighs nothing at first, until the sum is p + excess, as far as a double can.
void Tune(Row& row, double p, double excess) {
  double low = -70 * row.temperature, high = 0;
  while (std::nextafter(low, high) < high && std::midpoint(low, high) != low && std::midpoint(low, high) != high) {
    row.x.back() = std::midpoint(low, high);
    (Excess(row, p) > excess ? low : high) = row.x.back();
  }
  row.x.back() = low;
}

TEST(NucleusTest, DecidesWhateverDiffersByMoreThanItsBound) {
  std::mt19937_64 random(20261121);
  const auto unit = [&] { return static_cast<double>(random() >> 11) * 0x1p-53; };
  int close = 0, kept_first = 0;
  for (int i = 0; i < 300; ++i) {
    Row row;
    row.first = std::size_t{1} << random() % 3;
    row.temperature = std::vector<double>{1, 0.7, 3, 1e-3}[random() % 4];
    row.x.assign(row.first, 0);
    const std::size_t rest = 1 + random() % 12;
    for (std::size_t j = 0; j < rest; ++j) row.x.push_back(-row.temperature * (0.01 + 8 * unit()));
    row.x.push_back(-70 * row.temperature);
    // A little below the sum, so that the last entry can bring it to p.
    oracle::Row want;
    want.logits = row.x;
    want.temperature = row.temperature;
    want.format = oracle::Format::kF64;
    const double sum = static_cast<double>(row.first) * oracle::Softmax(want, oracle::Tier::kReferee)[0].nearest;
    const double p = std::nextafter(sum, 0);
    const double bound = bounds::NucleusShare(row.x.size());
    Tune(row, p, bound * (random() % 2 == 0 ? 1.5 : -1.5) * (1 + 3 * unit()));
    const double excess = Excess(row, p);
    if (!(std::fabs(excess) > bound)) continue;
    close += std::fabs(excess) < 16 * bound ? 1 : 0;
    kept_first += excess > 0 ? 1 : 0;
    internal::Rung decided;
    const std::size_t kept = Kept(row, p, internal::Rung::kDouble, &decided);
    EXPECT_EQ(kept == row.first, excess > 0) << i << ": " << kept << " kept, excess " << excess / bound << " bounds";
    EXPECT_GE(kept, row.first) << i;
    EXPECT_EQ(decided, internal::Rung::kPairs) << i << ": excess " << excess;
  }
  // Not vacuous: rows as close as a few bounds (2^-80), on both sides.
  EXPECT_GT(close, 250);
  EXPECT_GT(kept_first, 80);
  EXPECT_GT(close - kept_first, 80);
}

}  // namespace
}  // namespace assay
