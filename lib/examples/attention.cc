// SPDX-License-Identifier: Apache-2.0
//
// Attention from C++: what attention.c does, then the gradients of the sum of its outputs.
#include <assay/attention.hpp>
#include <cstdio>
#include <vector>

int main() {
  constexpr std::size_t kQueries = 2, kKeys = 3, kDim = 2;
  const std::vector<float> q = {1, 0, 0, 2};
  const std::vector<float> k = {1, 1, -1, 0, 0, 2};
  const std::vector<float> v = {1, 0, 0, 2, 4, 4};
  std::vector<float> out(kQueries * kDim);
  std::vector<double> lse(kQueries);
  const auto view = [](auto& data, std::size_t positions, std::size_t dim) {
    return assay::TensorView(data.data(), 1, 1, positions, dim);
  };
  const auto queries = view(q, kQueries, kDim), keys = view(k, kKeys, kDim), values = view(v, kKeys, kDim);

  // Depends on the dimensions alone, so one serves every call of a model.
  std::vector<assay::ScratchBlock> scratch(assay::AttentionScratchBlocks(kDim, kDim));
  assay::AttentionOptions options;
  options.causal = true;
  assay::Status status =
      assay::Attention(queries, keys, values, view(out, kQueries, kDim), scratch, options, view(lse, kQueries, 1));
  if (status != assay::Status::kOk) return 1;
  for (std::size_t i = 0; i < kQueries; ++i) {
    std::printf("%.9g %.9g lse %.6f\n", out[i * kDim], out[i * kDim + 1], lse[i]);
  }

  // Of the sum of all outputs: its gradient with respect to out is 1 everywhere.
  const std::vector<float> upstream(kQueries * kDim, 1.0f);
  std::vector<float> dq(q.size()), dk(k.size()), dv(v.size());
  assay::AttentionGradients<float> gradients;
  gradients.q = view(dq, kQueries, kDim);
  gradients.k = view(dk, kKeys, kDim);
  gradients.v = view(dv, kKeys, kDim);
  status = assay::AttentionBackward(queries, keys, values, view(out, kQueries, kDim), view(lse, kQueries, 1),
                                    view(upstream, kQueries, kDim), gradients, scratch, options);
  if (status != assay::Status::kOk) return 1;
  for (std::size_t j = 0; j < kKeys; ++j) {
    std::printf("key %zu: dk %.6f %.6f dv %.6f %.6f\n", j, dk[j * kDim], dk[j * kDim + 1], dv[j * kDim],
                dv[j * kDim + 1]);
  }
}
