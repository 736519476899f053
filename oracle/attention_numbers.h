// SPDX-License-Identifier: Apache-2.0
//
// Inside the referee of attention only: scores as on paper, in exact rationals and bounds.

#pragma once

#include <optional>

#include "oracle/attention.h"
#include "oracle/attention_bounds.h"

namespace assay::oracle::referee {

inline constexpr long kAttentionBits[kRungs] = {136, 272, 544, 1344, 3328, 8320};

// z = cap(a / sqrt(root)) + b, root = 0: none.
struct Score {
  Rational a;
  Rational b;
};

class ScoreNumbers {
 public:
  // Of all heads of a group: scale, softcap and head_dim are alike.
  explicit ScoreNumbers(const AttentionHead& head);

  Score ScoreOf(const AttentionHead& head, std::size_t i, std::size_t j, double saved_lse = 0) const;

  // Whether z is 0, which is a rational matter: with an irrational root or a softcap both parts are 0 then.
  bool IsZero(const Score& score) const;

  // z = base + rest. Near saturation base is what z tends to.
  void SetZ(Rational& base, RealBounds& rest, const Score& score, long precision) const;
  // 1 - tanh(s / softcap)^2.
  void SetSlope(RealBounds& slope, const Score& score, long precision) const;
  // 1 / sqrt(head_dim) or the scale; the rational part and, if any, the root to divide by.
  const Rational& rational_scale() const { return scale_; }
  bool has_root() const { return root_ != 0; }
  void DivideByRoot(RealBounds& x) const;

 private:
  void SetQuotient(RealBounds& s_over_cap, const Score& score) const;

  Rational scale_{1};
  unsigned long root_ = 0;
  std::optional<Rational> cap_;
};

// (base + x) / divisor, strictly between its bounds. nullopt: undecided.
std::optional<Exact> RoundSum(const Rational& base, RealBounds x, unsigned long divisor, Format format, bool last);

// 1 + the planted error.
Rational PlantedFactorOfAttention();

}  // namespace assay::oracle::referee
