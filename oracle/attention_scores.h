// SPDX-License-Identifier: Apache-2.0
//
// Inside oracle/ only: what is decided exactly about the scores of attention before any ladder: which pairs are
// visible, what special values give, and which z are equal. As exact_order.h, for dot products.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "oracle/attention.h"
#include "oracle/bulk_numbers.h"

namespace assay::oracle {

// The real number that multiplies a dot product: factor, a double, or factor / sqrt(root) with factor = 1.
struct ScoreScale {
  double factor = 1;
  std::uint64_t root = 0;          // 0: none
  std::uint64_t integer_root = 0;  // sqrt(root) where that is an integer, else 0
  double softcap = 0;
};
ScoreScale ScaleOf(const AttentionHead& head);

// z = cap(a / sqrt(root)) + b, cap(s) = softcap tanh(s / softcap) or s; without a root a alone. Exact. Two z of the
// same scale are equal iff both a and b are:
//   no softcap, no root     z is dyadic, all of it in b
//   no softcap, integer m   m z is dyadic, all of it in a
//   no softcap, other root  sqrt(root) is irrational: (a - a') = sqrt(root) (b' - b) only if both sides are 0
//   softcap c               with t = exp(2 s / (c N)), N a common denominator of the s / c: a difference of two
//                           tanh(s / c) is a rational function of t, constant only for equal s, and t is transcendental
struct ScoreKey {
  bulk::Arf a;
  bulk::Arf b;
  bulk::Arf about;  // z to within 2^-20 or exactly, for an order; equal for equal keys
};

enum class PairKind : std::uint8_t { kInvisible, kFinite, kPlusInf, kNaN };

// The pairs of a head. With saved_lse, z - saved_lse takes the place of z, where saved_lse is finite.
class Scores {
 public:
  explicit Scores(const AttentionHead& head, std::span<const double> saved_lse = {});

  const ScoreScale& scale() const { return scale_; }
  PairKind kind(std::size_t i, std::size_t j) const { return kinds_[i * seq_kv_ + j]; }
  const ScoreKey& key(std::size_t i, std::size_t j) const { return keys_[i * seq_kv_ + j]; }  // of kFinite
  const ScoreKey& sink() const { return sink_; }                                              // if finite

 private:
  void SetKey(ScoreKey& key, bulk::Arf& dot, double bias, double minus) const;

  ScoreScale scale_;
  std::size_t seq_kv_;
  std::vector<PairKind> kinds_;
  std::vector<ScoreKey> keys_;
  ScoreKey sink_;
};

// The class of s_ij where q or k are infinite or NaN: as IEEE sums have it. 0: finite; +-inf; NaN.
double SpecialScore(const AttentionHead& head, std::size_t i, std::size_t j);

// Terms of a sum, by number, with equal z together: largest z first as far as `about` tells.
using Groups = std::vector<std::vector<std::size_t>>;
Groups GroupsOf(std::span<const ScoreKey* const> keys);

// |scale| sum_d |q_id k_jd| + |bias_ij| as a double, not below it and at most 2^-40 (relative) above; NaN for NaN.
double ScoreSize(const AttentionHead& head, std::size_t i, std::size_t j);

// The least double that is not below x >= 0.
double UpperDouble(long double x);

}  // namespace assay::oracle
