// SPDX-License-Identifier: Apache-2.0
//
// The inputs on which `assay claims` looks for the largest error of attention: every shape at each spread of the
// scores. A pure function of (seed, shape, spread), but for the dtype that the numbers are rounded to.

#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include "assay/assay.h"
#include "oracle/oracle.h"
#include "subjects/case.h"

namespace assay::cli {

// The standard deviation of the scores scale q k, before any of them is hidden.
inline constexpr double kSpreads[] = {1, 16, 100};
inline constexpr std::size_t kNumSpreads = std::size(kSpreads);

// Dense heads with keys of their own, default scale: what peers can do, too.
struct AttentionShape {
  std::size_t num_heads = 1;
  std::size_t seq_q = 1;
  std::size_t seq_kv = 1;
  std::size_t head_dim = 64;
  bool causal = false;

  std::string Text() const;  // "2 heads 128x128 d 64, causal"
};

// Those of the operation with so many keys.
std::vector<AttentionShape> AttentionShapes(assay_op op, std::size_t min_keys, std::size_t max_keys);

// q is `spread` N(0, 1), k, v and upstream are N(0, 1), all rounded to the type. What a backward has saved are the
// numbers nearest to the exact results: the oracle's.
subjects::Case DrawAttentionClaimCase(const AttentionShape& shape, double spread, assay_op op, assay_dtype dtype,
                                      std::uint64_t seed, oracle::Tier tier);

}  // namespace assay::cli
