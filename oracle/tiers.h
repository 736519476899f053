// SPDX-License-Identifier: Apache-2.0
//
// Inside oracle/ only: what softmax.cc asks of a tier. The special values of the contract, and every row whose result
// is rational, are dealt with before.

#pragma once

#include <span>

#include "oracle/oracle.h"

namespace assay::oracle {

// Both ladders have six rungs; a test passes fewer to reach the cap.
inline constexpr int kRungs = 6;

// Softmax of a row, out[i] for x[i]. Every x finite, at least two of them different; 0 < temperature < inf.
// Throws Undecided.
void RefereeRow(std::span<const float> x, double temperature, std::span<Exact> out, int rungs = kRungs);
void BulkRow(std::span<const float> x, double temperature, std::span<Exact> out, int rungs = kRungs);

// The error PlantedError has set on this thread.
double Planted(Tier tier);

// Throws Undecided with the row in hexadecimal.
[[noreturn]] void ThrowUndecided(Tier tier, std::span<const float> x, double temperature, long precision_bits);

}  // namespace assay::oracle
