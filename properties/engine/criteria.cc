// SPDX-License-Identifier: Apache-2.0

#include "properties/engine/criteria.h"

#include <cmath>
#include <vector>

#include "oracle/attention.h"
#include "oracle/oracle.h"
#include "properties/truth.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Case;
using subjects::Operand;
using subjects::Role;

bool AllClose(std::span<const double> got, std::span<const double> want, double rtol, double atol) {
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (got[i] == want[i]) continue;  // infinities
    if (!(std::fabs(got[i] - want[i]) <= atol + rtol * std::fabs(want[i]))) return false;
  }
  return true;
}

bool MeanSquare(std::span<const double> got, std::span<const double> want) {
  double error = 0;
  double size = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (got[i] == want[i]) continue;
    error += (got[i] - want[i]) * (got[i] - want[i]);
  }
  for (const double w : want) size += std::isfinite(w) ? w * w : 0;
  return error <= 1e-6 * size;
}

void FillNormal(Operand& operand, subjects::Random& random) {
  for (std::size_t i = 0; i < operand.values.size(); ++i) operand.values.Set(i, random.Normal());
}

// The forward result of N(0, 1) logits, rounded to the case's dtype.
void FillSaved(Case& c, subjects::Random& random) {
  std::vector<double> logits(c.cols);
  for (std::size_t r = 0; r < c.rows; ++r) {
    for (double& x : logits) x = subjects::RoundTo(subjects::ElementOf(c.dtype), random.Normal());
    oracle::Row row;
    row.logits = logits;
    row.format = FormatOf(c.dtype);
    const auto exact = c.op == ASSAY_SOFTMAX_BACKWARD       ? oracle::Softmax(row, oracle::Tier::kBulk)
                       : c.op == ASSAY_LOG_SOFTMAX_BACKWARD ? oracle::LogSoftmax(row, oracle::Tier::kBulk)
                                                            : oracle::Sparsemax(row, oracle::Tier::kBulk);
    for (std::size_t j = 0; j < c.cols; ++j) c.saved.values.Set(r * c.cols + j, exact[j].nearest);
  }
}

// ---- Attention: one head, everything visible ------------------------------------------------------------------------

std::vector<double> Doubles(const Operand& operand) {
  std::vector<double> values(operand.values.size());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = operand[i];
  return values;
}

// The numbers of the case's operands, and the question that looks at them.
struct Head {
  explicit Head(const Case& c)
      : q(Doubles(c.q)),
        k(Doubles(c.k)),
        v(Doubles(c.v)),
        saved_out(Doubles(c.saved_out)),
        saved_lse(Doubles(c.saved_lse)),
        upstream(Doubles(c.upstream)) {
    const subjects::Attention& a = c.attention;
    backward.head.seq_q = a.seq_q;
    backward.head.seq_kv = backward.head.length = a.seq_kv;
    backward.head.head_dim = a.head_dim;
    backward.head.value_dim = a.value_dim;
    backward.head.q = q;
    backward.head.k = k;
    backward.head.v = v;
    backward.head.format = FormatOf(c.dtype);
    backward.head.lse_format = FormatOf(a.lse_dtype);
    backward.saved_out = saved_out;
    backward.saved_lse = saved_lse;
    backward.upstream = upstream;
  }
  Head(const Head&) = delete;
  Head& operator=(const Head&) = delete;

  std::vector<double> q, k, v, saved_out, saved_lse, upstream;
  oracle::AttentionBackwardHead backward;
};

void Append(const std::vector<oracle::Exact>& exact, std::vector<double>* to) {
  for (const oracle::Exact& one : exact) to->push_back(one.nearest);
}

// The exact results of all outputs, rounded, one behind the other.
std::vector<double> ExactAttention(const Case& c) {
  const Head head(c);
  std::vector<double> want;
  if (c.op == ASSAY_ATTENTION) {
    const oracle::AttentionResult exact = oracle::Attention(head.backward.head, oracle::Tier::kBulk);
    Append(exact.out, &want);
    Append(exact.lse, &want);
  } else {
    const oracle::AttentionGradients exact = oracle::AttentionBackward({&head.backward, 1}, oracle::Tier::kBulk);
    for (const oracle::AttentionGradient* one : {&exact.dq[0], &exact.dk, &exact.dv}) Append(one->exact, &want);
  }
  return want;
}

Case BenignAttention(assay_op op, assay_dtype dtype, std::size_t seq_q, std::size_t seq_kv, subjects::Random& random) {
  subjects::Attention sizes;
  sizes.seq_q = seq_q;
  sizes.seq_kv = seq_kv;
  sizes.head_dim = sizes.value_dim = 16;
  Case c = subjects::MakeAttention(op, dtype, sizes);
  for (Operand* operand : {&c.q, &c.k, &c.v, &c.upstream}) FillNormal(*operand, random);
  if (op == ASSAY_ATTENTION_BACKWARD) {
    const Head head(c);
    const oracle::AttentionResult exact = oracle::Attention(head.backward.head, oracle::Tier::kBulk);
    for (std::size_t i = 0; i < exact.out.size(); ++i) c.saved_out.values.Set(i, exact.out[i].nearest);
    for (std::size_t i = 0; i < exact.lse.size(); ++i) c.saved_lse.values.Set(i, exact.lse[i].nearest);
  }
  return c;
}

std::vector<double> WantOf(const Case& c, const subjects::SubjectInfo& info) {
  if (subjects::IsAttention(c.op)) return ExactAttention(c);
  std::vector<double> want;
  Append(ExactOf(c, info, oracle::Tier::kBulk), &want);
  return want;
}

}  // namespace

const std::array<Criterion, kCriteria>& Criteria() {
  using Values = std::span<const double>;
  static constexpr std::array<Criterion, kCriteria> kAll = {{
      {"rtol 1e-3, atol 1e-7", [](Values got, Values want) { return AllClose(got, want, 1e-3, 1e-7); }},
      {"rtol 1.3e-6, atol 1e-5", [](Values got, Values want) { return AllClose(got, want, 1.3e-6, 1e-5); }},
      {"rtol 1e-2, atol 1e-2", [](Values got, Values want) { return AllClose(got, want, 1e-2, 1e-2); }},
      {"NMSE 1e-6", MeanSquare},
  }};
  return kAll;
}

Case BenignCase(assay_op op, assay_dtype dtype, std::size_t rows, std::size_t cols, std::uint64_t seed) {
  subjects::Random random(subjects::Mix(seed) + static_cast<std::uint64_t>(op), cols);
  if (subjects::IsAttention(op)) {
    Case attention = BenignAttention(op, dtype, rows, cols, random);
    attention.origin = "benign";
    return attention;
  }
  Case c = subjects::MakeCase(op, dtype, rows, cols);
  if (subjects::IsBackwardOfActivation(op)) {
    FillSaved(c, random);
    FillNormal(c.upstream, random);
  } else {
    FillNormal(c.logits, random);
  }
  for (std::size_t r = 0; r < c.labels.values.size(); ++r) c.labels.values.SetBits(r, random.Below(cols));
  c.origin = "benign";
  return c;
}

Acceptance AcceptanceOf(subjects::Subject& subject, assay_op op, assay_dtype dtype, std::uint64_t seed) {
  Acceptance from;
  for (const std::size_t cols : kBenignCols) {
    if (subjects::IsAttention(op) && cols > 1000) break;
    // A subject without lse is asked for none; the reference has it all the same.
    const Case c = BenignCase(op, dtype, cols > 4096 ? 2 : 8, cols, seed);
    const Case asked = subjects::Supported(c, subject.info());
    const subjects::RunResult run = subject.Run(asked);
    const std::vector<double> want = WantOf(c, subject.info());
    std::vector<double> got;
    const auto append = [&](const subjects::Array& out) {
      for (std::size_t i = 0; i < out.size() && got.size() < want.size(); ++i) got.push_back(out[i]);
    };
    append(run.out);
    for (const subjects::Array& out : run.more) append(out);
    const bool ran = run.outcome == subjects::Outcome::kReturned && run.status == ASSAY_OK;
    for (std::size_t k = 0; k < kCriteria; ++k) {
      if (!ran || !Criteria()[k].accepts(got, std::span(want).first(got.size()))) {
        from[k].reset();
      } else if (!from[k]) {
        from[k] = cols;
      }
    }
  }
  return from;
}

}  // namespace assay::properties
