// SPDX-License-Identifier: Apache-2.0
//
// Inside oracle/ only: what the row contract asks of a tier, and what both tiers share besides round.h.

#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "oracle/oracle.h"
#include "oracle/round.h"

namespace assay::oracle {

// Every ladder has six rungs; a test passes fewer to reach the cap.
inline constexpr int kRungs = 6;

// Rows have fewer entries than this, all their repetitions together; the error arguments use it.
inline constexpr std::uint64_t kMaxCount = std::uint64_t{1} << 48;

// What a tier is asked for, after the contract has dealt with masks, special values and rational results: numbers
// z_j = x_j / temperature + bias_j, at least two of them in all (copies included).
struct Terms {
  std::span<const double> x;          // finite
  std::span<const double> bias = {};  // finite; empty: zeros
  // Copies of each term; empty: one.
  std::span<const std::uint64_t> count = {};
  std::uint64_t repeat = 1;  // all counts are multiplied by it
  double temperature = 1;    // 0 < temperature < inf
  Format format = Format::kF32;
  // Decided exactly: whether z_j is the largest of all, one j where it is, and how many they are, copies included.
  std::span<const std::uint8_t> is_max = {};
  std::size_t max = 0;
  std::uint64_t maxima = 1;

  std::size_t size() const { return x.size(); }
  double BiasOf(std::size_t j) const { return bias.empty() ? 0 : bias[j]; }
  std::uint64_t CountOf(std::size_t j) const { return count.empty() ? 1 : count[j]; }
};

// kSoftmax (not all z equal) and kLogSoftmax: out[j] for each term. kLogSumExp: out[0]. Throw Undecided.
enum class Quantity { kSoftmax, kLogSoftmax, kLogSumExp };
void RefereeTerms(const Terms& terms, Quantity quantity, std::span<Exact> out, int rungs = kRungs);
void BulkTerms(const Terms& terms, Quantity quantity, std::span<Exact> out, int rungs = kRungs);

// The error PlantedError has set on this thread.
double Planted(Tier tier);

// Results that need no tier: NaN, an infinity, exactly +0.
Exact NaNResult(Format format);
Exact InfinityResult(bool negative, Format format);
Exact ZeroResult(Format format);

// Throws Undecided: "oracle: TIER undecided at N bits: WHAT".
[[noreturn]] void ThrowUndecided(Tier tier, long precision_bits, const std::string& what);

// "%a".
std::string Hex(double x);
// " NAME 0x1p+0 0x1p+1 ..." (64 values at most), for messages; empty without values.
std::string HexList(const char* name, std::span<const double> values);

// The terms in words, for Undecided.
std::string Describe(const Terms& terms);

// Throw std::invalid_argument with the value. An empty operand has any length; a temperature is in [0, inf].
void CheckSameLength(const char* name, std::size_t got, std::size_t want);
void CheckTemperature(double temperature);

}  // namespace assay::oracle
