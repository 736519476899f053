// SPDX-License-Identifier: Apache-2.0
//
// Which bits a zero has and which a NaN, and that finite inputs never give one.

#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "properties/fit.h"
#include "properties/judging.h"
#include "properties/machine_laws.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Element;
using subjects::Operand;

std::uint64_t CanonicalNaN(Element element) {
  switch (element) {
    case Element::kF64:
      return 0x7FF8'0000'0000'0000;
    case Element::kF16:
      return 0x7E00;
    case Element::kBF16:
      return 0x7FC0;
    default:
      return 0x7FC0'0000;
  }
}

// A NaN with sign and payload of `key`, quiet or signalling.
std::uint64_t AnyNaN(Element element, std::uint64_t key) {
  const int fraction_bits = subjects::FormatOf(element).precision - 1;
  const std::uint64_t sign = std::uint64_t{1} << (8 * subjects::BytesOf(element) - 1);
  const std::uint64_t exponent = sign - (std::uint64_t{1} << fraction_bits);
  const std::uint64_t fraction = (key & ((std::uint64_t{1} << fraction_bits) - 1)) | 1;
  return exponent | fraction | ((key >> 60) % 2 == 0 ? 0 : sign);
}

// In attention a NaN reaches the queries that see it: one in q does where they see anything.
Case AttentionWithNaN(Case c) {
  c = Valid(std::move(c));
  Array& v = c.v.values;
  for (std::size_t i = 0; i < v.size(); ++i) {
    if (std::isnan(v[i])) v.SetBits(i, CanonicalNaN(v.element()));
  }
  Operand& operand = c.op == ASSAY_ATTENTION ? c.q : c.upstream;
  Array& values = operand.values;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) return Settled(std::move(c));
  }
  if (!values.empty()) {
    values.SetBits(subjects::Mix(c.law_key) % values.size(), AnyNaN(values.element(), subjects::Mix(c.law_key + 1)));
  }
  return Settled(std::move(c));
}

bool GivesNaN(const Case& c, std::size_t i) {
  if (subjects::IsBackwardOfActivation(c.op)) {
    return std::isnan(c.saved[i]) || (c.Visible(i / c.cols, i % c.cols) && std::isnan(c.upstream[i]));
  }
  if (!c.Visible(i / c.cols, i % c.cols)) return false;
  const bool infinite = c.logits[i] == kInf || (c.bias.given && c.bias[i] == kInf);
  const bool counts = c.op != ASSAY_LOGSUMEXP && c.op != ASSAY_SIGMOID;
  return std::isnan(c.logits[i]) || (c.bias.given && std::isnan(c.bias[i])) || (infinite && counts);
}

// An operand about to be changed in one row only.
Operand& Changed(Case& c, Role role) {
  c.operand(role).layout.repeats_row = false;
  return c.operand(role);
}

// Violated at the first result, of any output, that is bad.
template <class IsBad>
Judgement NoneOrViolated(const Case& c, const subjects::RunResult& result, IsBad is_bad, const std::string& what,
                         double want) {
  Judgement judgement;
  ForEachOutput(c, result, [&](Role role, const Array& out) {
    for (std::size_t i = 0; i < out.size() && judgement.verdict == Verdict::kHolds; ++i) {
      if (is_bad(out, i)) judgement = ViolatedAt(c, role, out, i, what, want, kInf);
    }
  });
  return judgement;
}

}  // namespace

Case WithNaN(Case c) {
  if (subjects::IsAttention(c.op)) return AttentionWithNaN(std::move(c));
  c = Valid(std::move(c));
  const std::size_t size = c.rows * c.cols;
  for (std::size_t i = 0; i < size; ++i) {
    if (GivesNaN(c, i)) return c;
  }
  if (size == 0) return c;
  const std::size_t i = subjects::Mix(c.law_key) % size;
  const std::uint64_t key = subjects::Mix(c.law_key + 1);
  const Role role = subjects::IsBackwardOfActivation(c.op) ? Role::kSaved : Role::kLogits;
  const bool infinite = role == Role::kLogits && key % 4 == 0 && c.op != ASSAY_LOGSUMEXP && c.op != ASSAY_SIGMOID;
  if (infinite) {
    Changed(c, role).values.Set(i, kInf);
  } else {
    Changed(c, role).values.SetBits(i, AnyNaN(subjects::ElementOf(c.dtype), key));
  }
  if (c.mask.given) Changed(c, Role::kMask).values.SetBits(i, 1);
  if (c.bias.given && c.bias[i] == -kInf) Changed(c, Role::kBias).values.Set(i, 0);
  return c;
}

Case WithPlusZeros(Case c) {
  c = Valid(std::move(c));
  Array& v = c.v.values;
  for (std::size_t i = 0; i < v.size(); ++i) {
    if (v[i] == 0) v.SetBits(i, 0);
  }
  return Settled(std::move(c));
}

Judgement CheckCanonicalNaN(const Case& c, Context& context) {
  const Run run = RunCase(c, context);
  if (run.failed) return *run.failed;
  return NoneOrViolated(
      c, run.result,
      [](const Array& out, std::size_t i) { return std::isnan(out[i]) && out.Bits(i) != CanonicalNaN(out.element()); },
      "every NaN is to be the positive quiet one without payload", std::numeric_limits<double>::quiet_NaN());
}

Judgement CheckPositiveZero(const Case& c, Context& context) {
  const Run run = RunCase(c, context);
  if (run.failed) return *run.failed;
  return NoneOrViolated(
      c, run.result, [](const Array& out, std::size_t i) { return out[i] == 0 && out.Bits(i) != 0; },
      "every zero is to be +0", 0);
}

Judgement CheckFiniteInputsNoNaN(const Case& c, Context& context) {
  const Run run = RunCase(c, context);
  if (run.failed) return *run.failed;
  // The mean over no row is NaN.
  bool counts = c.reduction != ASSAY_REDUCTION_MEAN || (c.rows > 0 && !c.has_ignore_index);
  for (std::size_t r = 0; !counts && c.has_ignore_index && r < c.rows; ++r) {
    counts = static_cast<std::int64_t>(c.labels.values.Bits(r)) != c.ignore_index;
  }
  if (!counts) return {};
  return NoneOrViolated(
      c, run.result, [](const Array& out, std::size_t i) { return std::isnan(out[i]); },
      "every visible input is finite: a NaN is never due", 0);
}

}  // namespace assay::properties
