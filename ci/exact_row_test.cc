// SPDX-License-Identifier: Apache-2.0
//
// The library's last step, its integers, against the oracle: every type, with and without bias, over all temperatures.
// It stands here because it needs both the inside of lib/ and oracle/, which share nothing.

#include "exact_row.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include "number.h"
#include "oracle/oracle.h"
#include "ordered.h"

namespace assay {
namespace {

using internal::ExactRow;

constexpr double kInf = std::numeric_limits<double>::infinity();

oracle::Format FormatOf(std::int32_t dtype) {
  return dtype == ASSAY_F64   ? oracle::Format::kF64
         : dtype == ASSAY_F32 ? oracle::Format::kF32
         : dtype == ASSAY_F16 ? oracle::Format::kF16
                              : oracle::Format::kBF16;
}

// SplitMix64 (Steele, Lea & Flood 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t Next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  std::uint64_t Below(std::uint64_t n) { return Next() % n; }
  // In [-1, 1).
  double Unit() { return std::ldexp(static_cast<double>(static_cast<std::int64_t>(Next()) >> 11), -52); }

 private:
  std::uint64_t state_;
};

// One row in memory, and the same as doubles.
struct TestRow {
  std::int32_t dtype;
  double temperature = 1;
  std::vector<double> x, b;
  std::vector<std::uint8_t> mask;

  std::vector<std::uint8_t> Stored(const std::vector<double>& values) const {
    std::vector<std::uint8_t> bytes(values.size() * 8);
    for (std::size_t i = 0; i < values.size(); ++i) {
      internal::StoreNumber(dtype, bytes.data(), static_cast<std::ptrdiff_t>(i), values[i]);
    }
    return bytes;
  }

  std::string Text() const {
    std::ostringstream out;
    out << std::hexfloat << oracle::FormatName(FormatOf(dtype)) << " T " << temperature << "\nx";
    for (const double value : x) out << ' ' << value;
    out << "\nb";
    for (const double value : b) out << ' ' << value;
    out << "\nmask";
    for (const int value : mask) out << ' ' << value;
    return out.str();
  }
};

// Every result of the row, with nothing known of it and with a bracket of the oracle's.
void ExpectNearest(const TestRow& row) {
  const std::vector<std::uint8_t> x = row.Stored(row.x);
  const std::vector<std::uint8_t> b = row.Stored(row.b);
  const std::size_t n = row.x.size();
  ExactRow exact({x.data(), 1}, {row.b.empty() ? nullptr : b.data(), 1},
                 {row.mask.empty() ? nullptr : row.mask.data(), 1}, row.dtype, n, row.temperature);
  oracle::Row want;
  want.logits = row.x;
  want.bias = row.b;
  want.mask = row.mask;
  want.temperature = row.temperature;
  want.format = FormatOf(row.dtype);
  const auto compare = [&](assay_op op, std::size_t i, const oracle::Exact& result) {
    EXPECT_EQ(exact.Nearest(op, i, -kInf, kInf), result.nearest) << op << " of entry " << i << "\n" << row.Text();
    const double margin = 2 * result.ulp;
    EXPECT_EQ(exact.Nearest(op, i, result.nearest - margin, result.nearest + margin), result.nearest)
        << op << " of entry " << i << " within its neighbours\n"
        << row.Text();
  };
  const auto visible = [&](std::size_t i) { return row.mask.empty() || row.mask[i] != 0; };
  const std::vector<oracle::Exact> probs = oracle::Softmax(want, oracle::Tier::kBulk);
  const std::vector<oracle::Exact> logs = oracle::LogSoftmax(want, oracle::Tier::kBulk);
  for (std::size_t i = 0; i < n; ++i) {
    if (!visible(i)) continue;
    compare(ASSAY_SOFTMAX, i, probs[i]);
    compare(ASSAY_LOG_SOFTMAX, i, logs[i]);
  }
  if (row.temperature > 0) compare(ASSAY_LOGSUMEXP, 0, oracle::LogSumExp(want, oracle::Tier::kBulk));
  want.mask = {};
  const std::vector<oracle::Exact> sigmoids = oracle::Sigmoid(want, oracle::Tier::kBulk);
  for (std::size_t i = 0; i < n; ++i) compare(ASSAY_SIGMOID, i, sigmoids[i]);
}

// A number of the type, of every size it has where `wild`, else up to 2^scale.
double RandomNumber(Random& random, std::int32_t dtype, bool wild, int scale) {
  const double limit = internal::MaxFiniteOf(dtype);
  int exponent = scale;
  if (wild) {
    const int most = std::ilogb(limit) + 1;
    exponent =
        most - static_cast<int>(random.Below(static_cast<std::uint64_t>(2 * most + internal::PrecisionOf(dtype))));
  }
  return std::clamp(internal::RoundNumber(dtype, std::ldexp(random.Unit(), exponent)), -limit, limit);
}

TestRow RandomRow(Random& random) {
  constexpr double kTemperatures[] = {1, 1, 1, 0.7, 0.1, 3, 0x1p-10, 1e-5, 1e6, 0, kInf};
  TestRow row;
  row.dtype = static_cast<std::int32_t>(random.Below(4));
  row.temperature = kTemperatures[random.Below(11)];
  const bool wild = random.Below(4) == 0;
  if (random.Below(8) == 0)
    row.temperature = std::ldexp(1.5 + random.Unit() / 2, static_cast<int>(random.Below(2098)) - 1074);
  const std::size_t n = 1 + random.Below(9);
  const bool has_bias = random.Below(2) == 0;
  const int scale = static_cast<int>(random.Below(16)) - 6;
  for (std::size_t i = 0; i < n; ++i) {
    const bool again = i > 0 && random.Below(6) == 0;
    row.x.push_back(again ? row.x[i - 1] : RandomNumber(random, row.dtype, wild, scale));
    if (!has_bias) continue;
    row.b.push_back(again ? row.b[i - 1] : RandomNumber(random, row.dtype, wild, scale));
    // Cancels as well as the type can.
    if (random.Below(4) == 0 && std::isfinite(row.temperature) && row.temperature > 0) {
      const double b = internal::RoundNumber(row.dtype, -row.x[i] / row.temperature);
      if (std::isfinite(b)) row.b[i] = b;
    }
  }
  if (random.Below(3) == 0) {
    for (std::size_t i = 0; i < n; ++i) row.mask.push_back(random.Below(3) != 0);
    row.mask[random.Below(n)] = 1;
  }
  return row;
}

TEST(ExactRowTest, AgreesWithTheOracleOnRandomRows) {
  Random random(20261121);
  for (int k = 0; k < 4000 && !testing::Test::HasFailure(); ++k) ExpectNearest(RandomRow(random));
}

// A row [0, x, y1, y2 ...] whose result comes ever closer to a midpoint: each y is the largest number of the type that
// leaves its rounding alone (by bisection through Nearest), so that every level adds about the type's own precision.
// The last entry is then moved to the next number too: the two rows round to different sides.
void ExpectNearestOfTuned(assay_op op, std::int32_t dtype, double second, double temperature, bool has_bias,
                          std::size_t levels) {
  TestRow row;
  row.dtype = dtype;
  row.temperature = temperature;
  row.x = {0, internal::RoundNumber(dtype, second)};
  if (has_bias) row.b = {0, 0};
  const auto result = [&] {
    const std::vector<std::uint8_t> x = row.Stored(row.x);
    const std::vector<std::uint8_t> b = row.Stored(row.b);
    ExactRow exact({x.data(), 1}, {row.b.empty() ? nullptr : b.data(), 1}, {}, dtype, row.x.size(), temperature);
    return exact.Nearest(op, 0, -kInf, kInf);
  };
  const double before = result();
  for (std::size_t level = 0; level < levels; ++level) {
    row.x.push_back(0);
    if (has_bias) row.b.push_back(0);
    std::vector<double>& tuned = has_bias ? row.b : row.x;
    // Towards -max the entry weighs nothing.
    std::int64_t low = internal::PlaceInOrder(dtype, -internal::MaxFiniteOf(dtype));
    std::int64_t high = internal::PlaceInOrder(dtype, std::fmax(0, has_bias ? second / temperature : second));
    while (low + 1 < high) {
      const std::int64_t place = std::midpoint(low, high);
      tuned.back() = internal::NumberAt(dtype, place);
      (result() == before ? low : high) = place;
    }
    tuned.back() = internal::NumberAt(dtype, high);
    ASSERT_NE(result(), before);
    ExpectNearest(row);
    tuned.back() = internal::NumberAt(dtype, low);
    ASSERT_EQ(result(), before);
    ExpectNearest(row);
  }
}

TEST(ExactRowTest, AgreesWithTheOracleOnRowsTunedToAMidpoint) {
  for (const assay_op op : {ASSAY_SOFTMAX, ASSAY_LOG_SOFTMAX, ASSAY_LOGSUMEXP}) {
    for (const bool has_bias : {false, true}) {
      ExpectNearestOfTuned(op, ASSAY_F32, -0.3, 1, has_bias, 12);
      ExpectNearestOfTuned(op, ASSAY_F32, -7.1, 0.7, has_bias, 4);
      ExpectNearestOfTuned(op, ASSAY_F64, -0.3, 1, has_bias, 8);
      ExpectNearestOfTuned(op, ASSAY_F64, 100.25, 0x1.8p-3, has_bias, 4);
      ExpectNearestOfTuned(op, ASSAY_F16, -0.3, 1, has_bias, 20);
      ExpectNearestOfTuned(op, ASSAY_BF16, -0.3, 3, has_bias, 20);
    }
  }
}

}  // namespace
}  // namespace assay
