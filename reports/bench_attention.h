// SPDX-License-Identifier: Apache-2.0
//
// Benchmarks of attention: the call, its operands, how far results are from the truth, and what memory a call takes.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "assay/assay.h"
#include "oracle/attention.h"
#include "reports/bench_buffer.h"
#include "subjects/case.h"

namespace assay::reports {

// Forward, dense [batch, heads, positions, head_dim], every head with keys of its own, default scale, no lse.
struct AttentionCall {
  assay_dtype dtype = ASSAY_F32;
  std::size_t batch = 1;
  std::size_t num_heads = 8;
  std::size_t seq_q = 0;
  std::size_t seq_kv = 0;
  std::size_t head_dim = 64;
  bool causal = false;
  std::uint64_t seed = 1;  // of the values: N(0, 1)

  bool IsDecode() const { return seq_q == 1; }  // bound by reading K and V rather than by arithmetic
  double Tokens() const { return static_cast<double>(batch) * static_cast<double>(seq_q); }
  // A multiplication and an addition for each dimension of each visible pair, in q k and in p v: 4 d.
  double Flops() const;
  double KeyValueBytes() const;
};

// Throws BadBenchCall where the call cannot be made.
void CheckCall(const AttentionCall& call);

// The same for 2 heads, 2 queries, 4 keys: what a subject must be able to do.
subjects::Case FeaturesOf(const AttentionCall& call);

// "attention f32 8 heads 2048x2048 d 64, causal".
std::string TitleOf(const AttentionCall& call);

class AttentionData {
 public:
  explicit AttentionData(const AttentionCall& call);  // BadBenchCall

  const assay_attention_args& args() const { return args_; }
  // The same with as much scratch as the kernel asks for; all kernels share it.
  assay_attention_args ArgsFor(const assay_attention_kernel& kernel);
  const void* k() const { return args_.k.data; }
  const void* v() const { return args_.v.data; }
  std::size_t kv_bytes() const { return buffers_[1]->size(); }  // of each

  void ClearOut();
  // The largest error of what is in out now, of the first, a middle and the last query of the first and the last head,
  // in units of (8 + 2 S) u W, S and W as at assay_attention_claim, u of the dtype; inf where a number is missing.
  // Nothing where the oracle cannot decide.
  std::optional<double> MaxError();

 private:
  struct Query {
    std::size_t head;
    std::size_t index;
  };

  assay_const_tensor AddTensor(std::size_t positions, std::uint64_t stream);
  std::vector<double> Numbers(const assay_const_tensor& tensor, std::size_t first, std::size_t count) const;
  oracle::AttentionResult Exact(const Query& query) const;
  double ErrorAt(const Query& query, const oracle::AttentionResult& exact) const;

  AttentionCall call_;
  assay_attention_args args_ = {};
  std::vector<std::unique_ptr<BenchBuffer>> buffers_;
  std::unique_ptr<BenchBuffer> scratch_;
  std::vector<Query> queries_;  // that are judged
  std::vector<oracle::AttentionResult> exact_;
};

// By how much one call raised the peak of resident memory, in bytes, in a process of its own; the operands are there
// before. Nothing where the call fails, by a crash, too.
std::optional<std::size_t> MemoryOfCall(const assay_attention_kernel& kernel, const AttentionCall& call);

}  // namespace assay::reports
