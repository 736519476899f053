// SPDX-License-Identifier: Apache-2.0
//
// Inside the bulk tier of attention only: balls of scores, and from balls of any size to round.h. FLINT's exponents
// have any length, so that exp(-1e38) is a ball like others.

#pragma once

#include <arb.h>

#include <optional>

#include "oracle/attention_scores.h"
#include "oracle/bulk_numbers.h"

namespace assay::oracle::bulk {

class ScoreBalls {
 public:
  ScoreBalls(const ScoreScale& scale, slong precision);

  // z = base + rest, base exact. Where tanh is within 2^-23 of +-1, base is what z tends to, so that `rest` is right
  // relative to itself and its sign known.
  void SetZ(Arf& base, Arb& rest, const ScoreKey& key);

  // 1 - tanh(s / softcap)^2, right relative to itself; 1 without a softcap.
  void SetSlope(Arb& slope, const ScoreKey& key);

  // x times the scale.
  void MultiplyByScale(arb_ptr x);

 private:
  void SetQuotient(Arb& s_over_cap, const ScoreKey& key);

  const ScoreScale scale_;
  const slong precision_;
  Arb x_;
  Arb y_;
};

// (base + x) / divisor, divisor > 0, where the value is irrational or x is exact. nullopt: undecided.
std::optional<Exact> RoundSum(const Arf& base, arb_srcptr x, const Arf& divisor, Format format, slong precision,
                              bool last);

// The least double that is not below a nonnegative number; +inf beyond the largest.
double UpperDouble(arf_srcptr x);

// Whether a ball's radius is at most 2^log2 times its value; a ball around 0 so only if it is 0.
bool IsGood(arb_srcptr x, slong log2);

}  // namespace assay::oracle::bulk
