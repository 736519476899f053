// SPDX-License-Identifier: Apache-2.0
//
// What softmax is not for: the figures of the README's section of this name.
#include <assay/softmax.hpp>
#include <cstdio>
#include <vector>

namespace {

bool Ok(assay::Status status) { return status == assay::Status::kOk; }

// Three labels that may all be true of one photograph.
bool IndependentLabels() {
  const std::vector<float> logits = {3.0f, 3.0f, -2.0f};
  std::vector<float> shares(3), each(3);
  if (!Ok(assay::Softmax(logits, shares)) || !Ok(assay::Sigmoid(logits, each))) return false;
  std::printf("outdoors 3, dog 3, night -2: softmax %.3f %.3f %.3f, sigmoid %.3f %.3f %.3f\n", shares[0], shares[1],
              shares[2], each[0], each[1], each[2]);
  return true;
}

// The same logit in other company.
bool CompetingLogits() {
  const std::vector<float> two = {2.0f, 1.0f}, three = {2.0f, 1.0f, 2.0f};
  std::vector<float> of_two(2), of_three(3);
  if (!Ok(assay::Softmax(two, of_two)) || !Ok(assay::Softmax(three, of_three))) return false;
  std::printf("softmax(2, 1) = %.3f %.3f, softmax(2, 1, 2) = %.3f %.3f %.3f, first over second %.4f and %.4f\n",
              of_two[0], of_two[1], of_three[0], of_three[1], of_three[2], of_two[0] / of_two[1],
              of_three[0] / of_three[1]);
  return true;
}

}  // namespace

int main() { return IndependentLabels() && CompetingLogits() ? 0 : 1; }
