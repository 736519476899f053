// SPDX-License-Identifier: Apache-2.0
//
// Attention as people write it who have a BLAS: sgemm of OpenBLAS, a softmax in plain vector loops around glibc's
// vector expf, sgemm; for a single query sgemv. One thread.

#include <cblas.h>

#include <string>

#include "subjects/peers/attention.h"
#include "subjects/peers/vectors.h"

#if defined(__AVX512F__)
extern "C" __m512 _ZGVeN16v_expf(__m512);
#else
extern "C" __m256 _ZGVdN8v_expf(__m256);
#endif

namespace assay::peers {
namespace {

using F = FloatVectors;

#if defined(__AVX512F__)
F::V Exp(F::V x) { return _ZGVeN16v_expf(x); }
#else
F::V Exp(F::V x) { return _ZGVdN8v_expf(x); }
#endif

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr std::size_t kScores = std::size_t{1} << 17;  // in a block: half of a second-level cache

blasint Int(std::size_t n) { return static_cast<blasint>(n); }

// z[j] = exp(z[j] - max) of the first `n`, zeros behind them up to `all`. One over their sum; 0 of none.
float Exponentials(float* z, std::size_t n, std::size_t all) {
  const std::size_t whole = n / F::kLanes * F::kLanes;
  F::V most = F::Set(-kInf);
  for (std::size_t j = 0; j < whole; j += F::kLanes) most = F::Max(most, F::Load(z + j));
  if (whole < n) most = F::Max(most, F::LoadPart(z + whole, n - whole, most));
  const F::V max = F::Set(F::ReduceMax(most));
  F::V sum = F::Set(0);
  for (std::size_t j = 0; j < whole; j += F::kLanes) {
    const F::V e = Exp(F::Load(z + j) - max);
    F::Store(e, z + j);
    sum += e;
  }
  if (whole < n) {
    const F::V e = Exp(F::LoadPart(z + whole, n - whole, F::Set(-kInf)) - max);
    F::StorePart(e, z + whole, n - whole);
    sum += e;
  }
  std::fill(z + n, z + all, 0.0f);
  return n == 0 ? 0 : 1 / F::ReduceAdd(sum);
}

void RunBlock(const assay_attention_args& a, const DenseHead& head, const QueryBlock& block, float* scores) {
  const blasint queries = Int(block.queries), keys = Int(block.keys), dim = Int(a.head_dim), values = Int(a.value_dim);
  const float* const q = head.q + block.first * a.head_dim;
  float* const out = head.out + block.first * a.value_dim;
  const auto scale = static_cast<float>(ScaleOf(a));
  if (block.keys == 0) {
    std::fill_n(out, block.queries * a.value_dim, 0.0f);
    return;
  }
  if (queries == 1) {
    cblas_sgemv(CblasRowMajor, CblasNoTrans, keys, dim, scale, head.k, dim, q, 1, 0, scores, 1);
    const float inverse = Exponentials(scores, block.keys, block.keys);
    cblas_sgemv(CblasRowMajor, CblasTrans, keys, values, inverse, head.v, values, scores, 1, 0, out, 1);
    return;
  }
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, queries, keys, dim, scale, q, dim, head.k, dim, 0, scores, keys);
  thread_local std::vector<float> inverse;
  inverse.resize(block.queries);
  for (std::size_t i = 0; i < block.queries; ++i) {
    inverse[i] = Exponentials(scores + i * block.keys, VisibleKeys(a, block.first + i), block.keys);
  }
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, queries, values, keys, 1, scores, keys, head.v, values, 0, out,
              values);
  for (std::size_t i = 0; i < block.queries; ++i) {
    float* const row = out + i * a.value_dim;
    for (std::size_t e = 0; e < a.value_dim; ++e) row[e] *= inverse[i];
  }
}

assay_status Attention(const assay_attention_args* args) {
  static const bool single = (openblas_set_num_threads(1), true);
  static_cast<void>(single);
  const assay_attention_args& a = *args;
  if (!TakesAttention(a)) return ASSAY_UNSUPPORTED;
  if (!HasProducts(a)) return ASSAY_OK;
  thread_local std::vector<float> scores;
  const std::vector<QueryBlock> blocks = BlocksOf(a, kScores);
  scores.resize(blocks.front().queries * a.seq_kv);
  for (std::size_t head = 0; head < NumHeads(a); ++head) {
    for (const QueryBlock& block : blocks) RunBlock(a, HeadAt(a, head), block, scores.data());
  }
  return ASSAY_OK;
}

assay_subject Table() {
  // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ...": its second word.
  static const std::string version = [] {
    const std::string config = openblas_get_config();
    const std::size_t begin = config.find(' ') + 1;
    return config.substr(begin, config.find(' ', begin) - begin);
  }();
  assay_subject table = {};
  table.struct_size = sizeof table;
  table.abi_major = ASSAY_ABI_MAJOR;
  table.abi_minor = ASSAY_ABI_MINOR;
  table.name = "openblas";
  table.version = version.c_str();
  table.description = "Attention by OpenBLAS's sgemm around plain loops with glibc's vector expf, run by one thread.";
  DeclareAttention(&table, Attention);
  return table;
}

}  // namespace
}  // namespace assay::peers

ASSAY_PEER_EXPORT const assay_subject* assay_subject_v1() {
  static const assay_subject table = assay::peers::Table();
  return &table;
}
