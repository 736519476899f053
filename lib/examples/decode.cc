// SPDX-License-Identifier: Apache-2.0
//
// Decoding with a cache of keys and values, as an inference engine does it: two sequences of different lengths in one
// batch, four query heads over two key heads, a cache with room to spare whose length grows by one with every token. In
// the exact tier each step gives the bits that the whole sequence at once gives.
#include <algorithm>
#include <assay/attention.hpp>
#include <cstdio>
#include <cstring>
#include <vector>

namespace {

constexpr std::size_t kBatch = 2, kHeads = 4, kKvHeads = 2, kDim = 16, kRoom = 64;
constexpr std::size_t kPrompt[kBatch] = {5, 9};
constexpr std::size_t kSteps = 12;

// What the projections of a model would give: number `index` of the stream, in [-1, 1).
float Number(std::size_t stream, std::size_t index) {
  const std::size_t mixed = (index + 1) * 2654435761U + stream * 40503U;
  return static_cast<float>(mixed >> 7 & 0xFFFF) / 32768.0f - 1.0f;
}

// Keys and values of a batch, [batch, key heads, room, dim]; sequence b holds lengths[b] of them.
struct Cache {
  std::vector<float> k = std::vector<float>(kBatch * kKvHeads * kRoom * kDim);
  std::vector<float> v = k;
  std::vector<std::int64_t> lengths = std::vector<std::int64_t>(kBatch);

  // The token at this position: its key and value of every key head go behind those that are there.
  void Append(std::size_t b) {
    const auto at = static_cast<std::size_t>(lengths[b]++);
    for (std::size_t head = 0; head < kKvHeads; ++head) {
      for (std::size_t j = 0; j < kDim; ++j) {
        const std::size_t place = ((b * kKvHeads + head) * kRoom + at) * kDim + j;
        k[place] = Number(1, place);
        v[place] = Number(2, place);
      }
    }
  }

  // Up to the longest sequence; what lies behind the others is hidden by `lengths`.
  std::size_t Longest() const { return static_cast<std::size_t>(std::max(lengths[0], lengths[1])); }
  assay::TensorView<float> Keys() {
    return assay::TensorView(k.data(), kBatch, kKvHeads, kRoom, kDim).First(Longest());
  }
  assay::TensorView<float> Values() {
    return assay::TensorView(v.data(), kBatch, kKvHeads, kRoom, kDim).First(Longest());
  }
};

// The query of sequence b at a position of it.
void SetQuery(std::size_t b, std::size_t position, float* q, std::ptrdiff_t head_stride) {
  for (std::size_t head = 0; head < kHeads; ++head) {
    for (std::size_t j = 0; j < kDim; ++j) {
      q[static_cast<std::ptrdiff_t>(head) * head_stride + static_cast<std::ptrdiff_t>(j)] =
          Number(3, ((b * kHeads + head) * kRoom + position) * kDim + j);
    }
  }
}

}  // namespace

int main() {
  Cache cache;
  std::vector<assay::ScratchBlock> scratch(assay::AttentionScratchBlocks(kDim, kDim));
  std::vector<float> q(kBatch * kHeads * kDim), out(q.size());
  std::vector<float> steps(kBatch * kHeads * kRoom * kDim);  // every step's output, by position
  for (std::size_t b = 0; b < kBatch; ++b) {
    for (std::size_t i = 0; i < kPrompt[b]; ++i) cache.Append(b);
  }
  for (std::size_t step = 0; step < kSteps; ++step) {
    for (std::size_t b = 0; b < kBatch; ++b) {
      cache.Append(b);
      SetQuery(b, static_cast<std::size_t>(cache.lengths[b]) - 1, q.data() + b * kHeads * kDim, kDim);
    }
    assay::AttentionOptions options;
    options.lengths = cache.lengths;
    const assay::TensorView one(q.data(), kBatch, kHeads, 1, kDim);
    const assay::Status status = assay::Attention(
        one, cache.Keys(), cache.Values(), assay::TensorView(out.data(), kBatch, kHeads, 1, kDim), scratch, options);
    if (status != assay::Status::kOk) return 1;
    for (std::size_t b = 0; b < kBatch; ++b) {
      const auto position = static_cast<std::size_t>(cache.lengths[b]) - 1;
      for (std::size_t head = 0; head < kHeads; ++head) {
        std::memcpy(&steps[((b * kHeads + head) * kRoom + position) * kDim], &out[(b * kHeads + head) * kDim],
                    kDim * sizeof(float));
      }
    }
  }

  // All positions of each sequence at once, causal.
  std::size_t different = 0, compared = 0;
  for (std::size_t b = 0; b < kBatch; ++b) {
    const auto length = static_cast<std::size_t>(cache.lengths[b]);
    std::vector<float> all(kHeads * length * kDim), whole(all.size());
    for (std::size_t i = 0; i < length; ++i) {
      SetQuery(b, i, all.data() + i * kDim, static_cast<std::ptrdiff_t>(length * kDim));
    }
    const std::size_t offset = b * kKvHeads * kRoom * kDim;
    assay::AttentionOptions options;
    options.causal = true;
    const assay::Status status =
        assay::Attention(assay::TensorView(all.data(), 1, kHeads, length, kDim),
                         assay::TensorView(cache.k.data() + offset, 1, kKvHeads, kRoom, kDim).First(length),
                         assay::TensorView(cache.v.data() + offset, 1, kKvHeads, kRoom, kDim).First(length),
                         assay::TensorView(whole.data(), 1, kHeads, length, kDim), scratch, options);
    if (status != assay::Status::kOk) return 1;
    for (std::size_t head = 0; head < kHeads; ++head) {
      for (std::size_t i = kPrompt[b]; i < length; ++i) {
        compared += 1;
        different += std::memcmp(&steps[((b * kHeads + head) * kRoom + i) * kDim], &whole[(head * length + i) * kDim],
                                 kDim * sizeof(float)) != 0;
      }
    }
  }
  std::printf("%zu of %zu decoded rows differ from the whole sequence's\n", different, compared);
  return different == 0 ? 0 : 1;
}
