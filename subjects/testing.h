// SPDX-License-Identifier: Apache-2.0
//
// Cases for the tests of this folder.

#pragma once

#include <bit>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "subjects/case.h"

namespace assay::subjects {

inline Case DenseCase(std::size_t rows, std::size_t cols, std::vector<float> logits) {
  Case c;
  c.rows = rows;
  c.cols = cols;
  c.logits = std::move(logits);
  return c;
}

inline Case NormalCase(std::size_t rows, std::size_t cols, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> logits(rows * cols);
  for (float& logit : logits) logit = normal(random);
  return DenseCase(rows, cols, std::move(logits));
}

inline std::vector<std::uint32_t> Bits(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<std::uint32_t>(value));
  return bits;
}

#ifdef ASSAY_TEST_SUBJECTS
inline std::string TestSubject(const std::string& name) { return ASSAY_TEST_SUBJECTS "/" + name + ".so"; }
#endif

}  // namespace assay::subjects
