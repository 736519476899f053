// SPDX-License-Identifier: Apache-2.0
//
// Softmax from C++: one row at temperature 0.5, and what a sampler with top-p 0.9 draws from.
#include <assay/sampling.hpp>
#include <assay/softmax.hpp>
#include <cstdio>
#include <vector>

int main() {
  const std::vector<float> logits = {2.0f, 1.0f, 0.0f};
  std::vector<float> probs(3), nucleus(3);
  if (assay::Softmax(logits, probs, {.temperature = 0.5}) != assay::Status::kOk) return 1;
  std::printf("%.9g %.9g %.9g\n", probs[0], probs[1], probs[2]);
  if (assay::TopP(logits, 0.9, nucleus, {.temperature = 0.5}) != assay::Status::kOk) return 1;
  std::printf("top-p 0.9: %.9g %.9g %.9g\n", nucleus[0], nucleus[1], nucleus[2]);
}
