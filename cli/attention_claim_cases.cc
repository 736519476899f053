// SPDX-License-Identifier: Apache-2.0

#include "cli/attention_claim_cases.h"

#include <fmt/format.h>

#include <span>

#include "properties/attention_truth.h"
#include "subjects/random.h"

namespace assay::cli {
namespace {

using subjects::Case;
using subjects::Operand;
using subjects::Random;
using subjects::Role;

struct Form {
  std::size_t num_heads;
  std::size_t seq_q;
  std::size_t seq_kv;
  bool causal;
};
// Few keys, many, and a single query; with so many results that the tail of their errors is seen.
constexpr Form kForward[] = {
    {16, 16, 16, false}, {2, 128, 128, false}, {2, 128, 128, true}, {1, 16, 4096, true}, {16, 1, 4096, false}};
// The oracle's work is three times that of the forward.
constexpr Form kBackward[] = {{8, 16, 16, false}, {1, 64, 64, true}, {1, 8, 1024, false}};
constexpr std::size_t kHeadDims[] = {64, 128};

void FillNormal(Operand& operand, double factor, std::uint64_t seed, std::uint64_t stream) {
  Random random(seed, stream);
  for (std::size_t i = 0; i < operand.values.size(); ++i) operand.values.Set(i, factor * random.Normal());
}

}  // namespace

std::string AttentionShape::Text() const {
  return fmt::format("{} head{} {}x{} d {}{}", num_heads, num_heads == 1 ? "" : "s", seq_q, seq_kv, head_dim,
                     causal ? ", causal" : "");
}

std::vector<AttentionShape> AttentionShapes(assay_op op, std::size_t min_keys, std::size_t max_keys) {
  const std::span<const Form> forms = op == ASSAY_ATTENTION ? std::span<const Form>(kForward) : kBackward;
  std::vector<AttentionShape> shapes;
  for (const std::size_t head_dim : kHeadDims) {
    for (const Form& form : forms) {
      if (form.seq_kv < min_keys || form.seq_kv > max_keys) continue;
      shapes.push_back({form.num_heads, form.seq_q, form.seq_kv, head_dim, form.causal});
    }
  }
  return shapes;
}

Case DrawAttentionClaimCase(const AttentionShape& shape, double spread, assay_op op, assay_dtype dtype,
                            std::uint64_t seed, oracle::Tier tier) {
  subjects::Attention a;
  a.num_heads = a.num_kv_heads = shape.num_heads;
  a.seq_q = shape.seq_q;
  a.seq_kv = shape.seq_kv;
  a.head_dim = a.value_dim = shape.head_dim;
  a.causal = shape.causal;
  const std::uint64_t stream = subjects::Fnv1a(fmt::format("{}, spread {}", shape.Text(), spread));
  const auto fill = [&](Case& c) {
    FillNormal(c.q, spread, seed, stream);
    FillNormal(c.k, 1, seed, stream + 1);
    FillNormal(c.v, 1, seed, stream + 2);
  };
  Case forward = subjects::MakeAttention(ASSAY_ATTENTION, dtype, a);
  fill(forward);
  if (op == ASSAY_ATTENTION) return forward;
  Case c = subjects::MakeAttention(op, dtype, a);
  fill(c);
  FillNormal(c.upstream, 1, seed, stream + 3);
  for (const properties::ExactOutput& truth : properties::AttentionTruth(forward, tier)) {
    Operand& saved = truth.role == Role::kLse ? c.saved_lse : c.saved_out;
    for (std::size_t i = 0; i < truth.exact.size(); ++i) saved.values.Set(i, truth.exact[i].nearest);
  }
  return c;
}

}  // namespace assay::cli
