// SPDX-License-Identifier: Apache-2.0
//
// For tests of the laws of attention: a subject that answers what the oracle says, rounded to the nearest number, and
// the same with a fault; and small cases of every kind.

#pragma once

#include <functional>
#include <limits>
#include <utility>

#include "properties/attention_truth.h"
#include "properties/fit.h"
#include "subjects/random.h"

namespace assay::properties {

class AttentionOracle : public subjects::Subject {
 public:
  // Alters the question before it is answered, or one of the answers.
  using Ask = std::function<void(Case*)>;
  using Answer = std::function<void(const Case&, Role, Array*)>;

  explicit AttentionOracle(Ask ask = {}, Answer answer = {}) : ask_(std::move(ask)), answer_(std::move(answer)) {
    info_.name = "oracle";
    for (const assay_op op : {ASSAY_ATTENTION, ASSAY_ATTENTION_BACKWARD}) {
      info_.For(op).implemented = true;
      info_.For(op).dtypes = (1 << ASSAY_NUM_DTYPES) - 1;
      info_.For(op).features = ASSAY_FEATURES_ALL;
    }
    Claim({ASSAY_CLAIM_CORRECTLY_ROUNDED, 0, 0.5, 0, 0, 0, 0});
  }

  void Claim(const assay_attention_claim& claim) {
    for (subjects::OpInfo& op : info_.ops) op.attention_claims.fill(claim);
  }

  const subjects::SubjectInfo& info() const override { return info_; }

  subjects::RunResult Run(const Case& c, const subjects::RunOptions&) override {
    Case asked = c;
    if (ask_) ask_(&asked);
    subjects::RunResult result;
    bool first = true;
    for (const ExactOutput& truth : AttentionTruth(asked, oracle::Tier::kBulk)) {
      const bool lse = truth.role == Role::kLse;
      Array values(subjects::ElementOf(lse ? c.attention.lse_dtype : c.dtype), truth.exact.size());
      for (std::size_t i = 0; i < values.size(); ++i) {
        values.Set(i,
                   truth.said[i] == Said::kValue ? truth.exact[i].nearest : std::numeric_limits<double>::quiet_NaN());
      }
      if (answer_) answer_(c, truth.role, &values);
      (first ? result.out : result.more.emplace_back()) = std::move(values);
      first = false;
    }
    return result;
  }

 private:
  subjects::SubjectInfo info_;
  Ask ask_;
  Answer answer_;
};

// At most 2 batches, 4 heads, 6 queries, 9 keys, 4 dimensions.
inline Case AnyAttention(assay_op op, subjects::Random& random) {
  Attention a;
  a.batch = 1 + random.Below(2);
  a.num_kv_heads = 1 + random.Below(2);
  a.num_heads = a.num_kv_heads * (1 + random.Below(2));
  a.seq_q = 1 + random.Below(6);
  a.seq_kv = random.Below(20) == 0 ? 0 : 1 + random.Below(9);
  a.head_dim = 1 + random.Below(4);
  a.value_dim = random.Below(2) == 0 ? a.head_dim : 1 + random.Below(4);
  a.has_scale = random.Below(3) == 0;
  if (a.has_scale) a.scale = random.Uniform(-2, 2);
  constexpr double kCaps[] = {0, 0, 0, 0.5, 5, 30};
  a.softcap = kCaps[random.Below(std::size(kCaps))];
  a.window = random.Below(4) == 0 ? 1 + random.Below(8) : 0;
  a.causal = random.Below(3) == 0;
  a.alignment = random.Below(2) == 0 ? ASSAY_TOP_LEFT : ASSAY_BOTTOM_RIGHT;
  a.lse_dtype = random.Below(2) == 0 ? ASSAY_F64 : ASSAY_F32;
  Case c = subjects::MakeAttention(op, static_cast<assay_dtype>(random.Below(ASSAY_NUM_DTYPES)), a);
  c.law_key = random.Bits();
  if (random.Below(3) == 0) Give(c, Role::kBias);
  if (random.Below(3) == 0) Give(c, Role::kMask);
  if (random.Below(4) == 0) Give(c, Role::kLengths);
  if (op == ASSAY_ATTENTION && random.Below(3) == 0) Give(c, Role::kSink);
  constexpr double kScales[] = {1, 1, 1, 4, 0.01, 1000};
  const double scale = kScales[random.Below(std::size(kScales))];
  const bool wild = random.Below(6) == 0;
  subjects::ForEachInput(c, [&](Role role, subjects::Operand& operand) {
    for (std::size_t i = 0; i < operand.values.size(); ++i) {
      if (role == Role::kMask) {
        operand.values.SetBits(i, random.Below(4) != 0);
      } else if (role == Role::kLengths) {
        operand.values.SetBits(i, random.Below(a.seq_kv + 1));
      } else if (wild && random.Below(16) == 0) {
        operand.values.SetBits(i, random.Bits() >> (64 - 8 * subjects::BytesOf(operand.values.element())));
      } else if (role == Role::kSavedLse) {
        operand.values.Set(i, random.Below(8) == 0 ? -kInf : random.Uniform(-1, 4));
      } else {
        operand.values.Set(i, (role == Role::kQ || role == Role::kV ? scale : 1) * random.Uniform(-1, 1));
      }
    }
  });
  return Settled(std::move(c));
}

}  // namespace assay::properties
