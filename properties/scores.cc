// SPDX-License-Identifier: Apache-2.0

#include "properties/scores.h"

#include <cmath>

namespace assay::properties {
namespace {

constexpr long double kUnknown = std::numeric_limits<long double>::infinity();
// glibc's manual states at most 2 ULP for logl; as many as Exp allows are allowed for.
constexpr long double kFunction = 64 * std::numeric_limits<long double>::epsilon();

// Whether an input has an element for each entry of the case.
bool HasEntries(const Case& c, Role role) {
  return role != Role::kLabels && (role != Role::kUpstream || subjects::IsBackwardOfActivation(c.op));
}

bool OutHasEntries(const Case& c) { return c.op != ASSAY_LOGSUMEXP && c.op != ASSAY_CROSS_ENTROPY; }

double PaddingOf(Role role) {
  if (role == Role::kMask) return 1;
  return role == Role::kLogits ? -kInf : 0;
}

}  // namespace

Approx ScoreOf(const Case& c, std::size_t i) {
  const Approx scaled = c.temperature == 1 ? Approx(c.logits[i]) : OverT(c.logits[i], c.temperature);
  return c.bias.given ? scaled + Approx(c.bias[i]) : scaled;
}

Approx ScoreDifference(const Case& c, std::size_t i, std::size_t j) {
  const Approx scaled = OverT(Approx(c.logits[i]) - Approx(c.logits[j]), c.temperature);
  return c.bias.given ? scaled + (Approx(c.bias[i]) - Approx(c.bias[j])) : scaled;
}

// |log(v + d) - log v| <= -log(1 - |d| / v).
Approx Log(const Approx& a) {
  if (!(a.value > a.error)) return {0.0L, kUnknown};
  const long double value = std::log(a.value);
  const long double relative = a.error / a.value;
  return {value, kFunction * std::fabs(value) - std::log1p(-relative) * (1 + kFunction) + kFunction * relative};
}

// |1 / (v + d) - 1 / v| <= |d| / (v (v - |d|)).
Approx Reciprocal(const Approx& a) {
  if (!(a.value > a.error)) return {0.0L, kUnknown};
  const long double value = 1 / a.value;
  return {value, (value * (a.error / (a.value - a.error)) + value * 0x1p-63L) * (1 + kFunction)};
}

Approx Logistic(const Approx& z) {
  if (z.value >= 0) return Reciprocal(Approx(1.0) + Exp(-z));
  const Approx e = Exp(z);
  return e * Reciprocal(Approx(1.0) + e);
}

bool EveryPromised(const Outputs& outputs, std::size_t first, std::size_t count) {
  for (std::size_t i = first; i < first + count; ++i) {
    if (std::isinf(outputs.bounds()[i].absolute)) return false;
  }
  return true;
}

Judgement AgreeEach(const Case& c, const subjects::SubjectInfo& info, const Array& a, const std::string& how_a,
                    const Array& b, const std::vector<Bound>& bounds_b, const std::string& how_b) {
  if (ClaimsNearest(info, c)) return SameBitsOrViolated(c, a, how_a, b, how_b);
  return AgreeWithin(c, a, BoundsOf(c, info), how_a, b, bounds_b, how_b);
}

Case TakeColumns(const Case& c, const std::vector<std::size_t>& source) {
  Case taken = c;
  taken.cols = source.size();
  // No label may come to be the ignored one.
  if (c.has_ignore_index) taken.ignore_index = -1;
  ForEachInput(taken, [&](Role role, subjects::Operand& operand) {
    if (role == Role::kLabels) {
      for (std::size_t r = 0; r < c.rows; ++r) {
        const std::uint64_t label = c.labels.values.Bits(r);
        if (c.has_ignore_index && static_cast<std::int64_t>(label) == c.ignore_index) {
          operand.values.SetBits(r, static_cast<std::uint64_t>(taken.ignore_index));
          continue;
        }
        for (std::size_t j = source.size(); j-- > 0;) {
          if (source[j] == label) operand.values.SetBits(r, j);
        }
      }
      return;
    }
    if (!HasEntries(c, role)) return;
    const Array& old = c.operand(role).values;
    Array values(old.element(), c.rows * source.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t from = source[i % source.size()];
      if (from == kPadding) {
        values.Set(i, PaddingOf(role));
      } else {
        values.SetBits(i, old.Bits(i / source.size() * c.cols + from));
      }
    }
    operand.values = std::move(values);
  });
  return taken;
}

Rearranged Restore(const Case& c, const std::vector<std::size_t>& source, const Array& out,
                   const std::vector<Bound>& bounds) {
  if (!OutHasEntries(c)) return {out, bounds};
  Rearranged restored{Array(out.element(), c.rows * c.cols), std::vector<Bound>(c.rows * c.cols)};
  for (std::size_t r = 0; r < c.rows; ++r) {
    for (std::size_t j = source.size(); j-- > 0;) {
      if (source[j] == kPadding) continue;
      restored.out.SetBits(r * c.cols + source[j], out.Bits(r * source.size() + j));
      restored.bounds[r * c.cols + source[j]] = bounds[r * source.size() + j];
    }
  }
  return restored;
}

}  // namespace assay::properties
