// SPDX-License-Identifier: Apache-2.0

#include "properties/attention_truth.h"

#include <cmath>
#include <span>
#include <stdexcept>

#include "properties/truth.h"

namespace assay::properties {
namespace {

std::vector<double> Numbers(const subjects::Operand& operand) {
  std::vector<double> numbers(operand.values.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = operand[i];
  return numbers;
}

// The operands as doubles, and one head's share of them.
struct Numbered {
  const Case& c;
  std::vector<double> q = Numbers(c.q);
  std::vector<double> k = Numbers(c.k);
  std::vector<double> v = Numbers(c.v);
  std::vector<double> bias = Numbers(c.bias);
  std::vector<double> saved_out = Numbers(c.saved_out);
  std::vector<double> saved_lse = Numbers(c.saved_lse);
  std::vector<double> upstream = Numbers(c.upstream);
  std::vector<std::uint8_t> mask;

  explicit Numbered(const Case& of) : c(of) {
    for (std::size_t i = 0; i < c.mask.values.size(); ++i) mask.push_back(c.mask.values.Bits(i) != 0 ? 1 : 0);
  }

  template <class T>
  std::span<const T> Part(const std::vector<T>& all, std::size_t index, std::size_t rows, std::size_t cols) const {
    if (all.empty()) return {};
    return std::span<const T>(all).subspan(index * rows * cols, rows * cols);
  }

  oracle::AttentionHead Head(std::size_t n, std::size_t h) const {
    const Attention& a = c.attention;
    const std::size_t query = n * a.num_heads + h;
    const std::size_t key = n * a.num_kv_heads + h / GroupSize(a);
    oracle::AttentionHead head;
    head.seq_q = a.seq_q;
    head.seq_kv = a.seq_kv;
    head.head_dim = a.head_dim;
    head.value_dim = a.value_dim;
    head.q = Part(q, query, a.seq_q, a.head_dim);
    head.k = Part(k, key, a.seq_kv, a.head_dim);
    head.v = Part(v, key, a.seq_kv, a.value_dim);
    head.bias = Part(bias, query, a.seq_q, a.seq_kv);
    head.mask = Part(mask, query, a.seq_q, a.seq_kv);
    head.length = KeyLength(c, n);
    head.causal = a.causal;
    head.top_left = a.alignment == ASSAY_TOP_LEFT;
    head.window = a.window;
    if (a.has_scale) head.scale = a.scale;
    head.softcap = a.softcap;
    if (c.sink.given && c.op == ASSAY_ATTENTION) head.sink = c.sink[h];
    head.format = FormatOf(c.dtype);
    head.lse_format = FormatOf(a.lse_dtype);
    return head;
  }
};

template <class T>
void Append(std::vector<T>* to, const std::vector<T>& from) {
  to->insert(to->end(), from.begin(), from.end());
}

void AppendGradient(ExactOutput* to, const oracle::AttentionGradient& from) {
  Append(&to->exact, from.exact);
  Append(&to->weight, from.weight);
  Append(&to->scores, from.scores);
  for (const std::uint8_t odd : from.unchecked) to->said.push_back(odd != 0 ? Said::kNothing : Said::kValue);
}

void AppendOut(ExactOutput* to, const oracle::AttentionResult& from, std::size_t cols) {
  Append(&to->exact, from.out);
  Append(&to->weight, from.weight);
  for (std::size_t i = 0; i < from.out.size(); ++i) to->scores.push_back(from.scores[i / cols]);
  for (const std::uint8_t odd : from.unbounded) to->said.push_back(odd != 0 ? Said::kNotFinite : Said::kValue);
}

// W of lse is 1 + |lse|, here of the nearest number and an ulp more.
void AppendLse(ExactOutput* to, const oracle::AttentionResult& from) {
  Append(&to->exact, from.lse);
  Append(&to->scores, from.scores);
  for (const oracle::Exact& lse : from.lse) {
    to->weight.push_back(std::isfinite(lse.nearest) ? 1 + std::fabs(lse.nearest) + lse.ulp : 1);
  }
  to->said.resize(to->exact.size(), Said::kValue);
}

void AppendForward(const Numbered& numbered, oracle::Tier tier, std::vector<ExactOutput>* outputs) {
  const Attention& a = numbered.c.attention;
  for (std::size_t n = 0; n < a.batch; ++n) {
    for (std::size_t h = 0; h < a.num_heads; ++h) {
      const oracle::AttentionResult result = oracle::Attention(numbered.Head(n, h), tier);
      for (ExactOutput& output : *outputs) {
        if (output.role == Role::kOut) AppendOut(&output, result, a.value_dim);
        if (output.role == Role::kLse) AppendLse(&output, result);
      }
    }
  }
}

void AppendBackward(const Numbered& numbered, oracle::Tier tier, std::vector<ExactOutput>* outputs) {
  const Attention& a = numbered.c.attention;
  const std::size_t group = GroupSize(a);
  for (std::size_t n = 0; n < a.batch; ++n) {
    for (std::size_t g = 0; g < a.num_kv_heads; ++g) {
      std::vector<oracle::AttentionBackwardHead> heads;
      for (std::size_t h = g * group; h < (g + 1) * group; ++h) {
        const std::size_t query = n * a.num_heads + h;
        heads.push_back({numbered.Head(n, h), numbered.Part(numbered.saved_out, query, a.seq_q, a.value_dim),
                         numbered.Part(numbered.saved_lse, query, a.seq_q, 1),
                         numbered.Part(numbered.upstream, query, a.seq_q, a.value_dim)});
      }
      const oracle::AttentionGradients result = oracle::AttentionBackward(heads, tier);
      for (ExactOutput& output : *outputs) {
        if (output.role == Role::kDk) AppendGradient(&output, result.dk);
        if (output.role == Role::kDv) AppendGradient(&output, result.dv);
        for (std::size_t k = 0; k < group; ++k) {
          if (output.role == Role::kDq) AppendGradient(&output, result.dq[k]);
          if (output.role == Role::kDbias) AppendGradient(&output, result.dbias[k]);
        }
      }
    }
  }
}

}  // namespace

std::vector<ExactOutput> AttentionTruth(const Case& c, oracle::Tier tier) {
  std::vector<ExactOutput> outputs;
  for (const Role role : subjects::OutputsOf(c)) outputs.push_back({role, {}, {}, {}, {}});
  const Numbered numbered(c);
  if (c.op == ASSAY_ATTENTION) {
    AppendForward(numbered, tier, &outputs);
  } else {
    AppendBackward(numbered, tier, &outputs);
  }
  for (const ExactOutput& output : outputs) {
    const std::size_t size = SizeOf(subjects::DimsOf(c, output.role));
    if (output.exact.size() != size || output.said.size() != size || output.weight.size() != size ||
        output.scores.size() != size) {
      throw std::logic_error(std::string("AttentionTruth: the oracle's ") + subjects::RoleName(output.role) +
                             " has another size than the case's");
    }
  }
  return outputs;
}

Magnitudes MagnitudesOf(const Case& c, const AttentionModel& model, const ExactOutput& truth) {
  Magnitudes magnitudes = MagnitudesOf(c, model, truth.role);
  magnitudes.weight = truth.weight;
  magnitudes.scores = truth.scores;
  return magnitudes;
}

std::vector<Bound> BoundsOf(const Case& c, const subjects::SubjectInfo& info, const AttentionModel& model,
                            const ExactOutput& truth) {
  return AttentionBounds(c, info, model, truth.role, MagnitudesOf(c, model, truth));
}

}  // namespace assay::properties
