#pragma once
// SPDX-License-Identifier: Apache-2.0
// Until the new exact kernel stands.
#include <cstddef>
#include <cstdint>
namespace assay::internal {
struct SoftmaxRows {
  const float* logits;
  float* probs;
  const std::uint8_t* mask;
  std::size_t rows;
  std::size_t cols;
  std::ptrdiff_t logits_row_stride;
  std::ptrdiff_t probs_row_stride;
  std::ptrdiff_t mask_row_stride;
  double temperature;
  float empty_value;
  bool in_place;
  int first_step;
};
}  // namespace assay::internal
