// SPDX-License-Identifier: Apache-2.0
//
// Inside oracle/ only: the magnitudes that bounds need, not truth: upper ends, good to 2^-30, by Arb for both tiers.

#pragma once

#include <span>
#include <vector>

#include "oracle/attention_tiers.h"

namespace assay::oracle {

// sum_j p_j |v_je| of each column that is not skipped.
void SetWeights(const AttentionTerms& terms, std::span<double> weight);

// exp(w) of live pairs times the sum of |upstream_ie v_je| + |upstream_ie saved_out_ie|, and exp(w) alone, from above.
class PairWeights {
 public:
  explicit PairWeights(const BackwardTerms& terms);
  // The weight of result `at` (d or e) of a line.
  double Weight(const PairLine& line, GradientOf what, std::size_t at) const;

 private:
  const BackwardTerms& terms_;
  std::vector<std::vector<bulk::Arf>> share_;     // by head, [seq_q, seq_kv]: p
  std::vector<std::vector<bulk::Arf>> gradient_;  // p sum (|upstream v| + |upstream saved_out|)
  bulk::Arf scale_;
};

}  // namespace assay::oracle
