// SPDX-License-Identifier: Apache-2.0
//
// What a loss takes for its targets: smoothed over what is visible, labels as ones, masked ones as impossible, and none
// that does not exist.

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "properties/approx.h"
#include "properties/fit.h"
#include "properties/loss.h"
#include "properties/targets.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Mix;

// Whether the row's targets have mass behind the mask (or where a logit is -inf).
bool HasHiddenTarget(const Case& c, std::size_t row) {
  if (Ignored(c, row) || c.label_smoothing == 1) return false;
  for (std::size_t j = 0; j < c.cols; ++j) {
    if (!c.Visible(row, j) && GivenTarget(c, row, j) > 0) return true;
  }
  return false;
}

bool BadSmoothing(const Case& c) { return !(c.label_smoothing >= 0 && c.label_smoothing <= 1); }

bool BadLabel(const Case& c, std::size_t row) {
  const auto label = static_cast<std::int64_t>(c.labels.values.Bits(row));
  return !Ignored(c, row) && (label < 0 || static_cast<std::uint64_t>(label) >= c.cols);
}

bool HasBadLabel(const Case& c) {
  for (std::size_t r = 0; c.labels.given && r < c.rows; ++r) {
    if (BadLabel(c, r)) return true;
  }
  return false;
}

// The mix of two losses (or their gradients) by the smoothing.
Judgement CheckMix(const Case& c, Context& context) {
  Case plain = c;
  plain.label_smoothing = 0;
  Case uniform = c;
  uniform.label_smoothing = 1;
  const KnownRun mixed = RunKnown(c, context);
  if (mixed.failed) return *mixed.failed;
  const KnownRun a = RunKnownDerived(plain, context);
  if (a.failed) return *a.failed;
  const KnownRun b = RunKnownDerived(uniform, context);
  if (b.failed) return *b.failed;
  const Approx s = c.label_smoothing;
  Judgement worst;
  for (std::size_t i = 0; i < mixed.outputs->array().size(); ++i) {
    const Approx want = (Approx(1.0) - s) * (*a.outputs)[i] + s * (*b.outputs)[i];
    KeepSeverity(&worst, ZeroSeverity((*mixed.outputs)[i] - want), [&] {
      return fmt::format("with label_smoothing {:g} output {} is {}, but {} with 0 and {} with 1 mix to {:.9g}",
                         c.label_smoothing, i, Show(mixed.outputs->array(), i), Show(a.outputs->array(), i),
                         Show(b.outputs->array(), i), static_cast<double>(want.value));
    });
  }
  return worst;
}

// With smoothing 1 the visible classes share the target: the row without the others is the same row, and what the
// label was is forgotten.
Judgement CheckSpread(const Case& c, Context& context) {
  Case whole = c;
  whole.label_smoothing = 1;
  const Case part = Settled(subjects::KeepColumns(whole, [&](std::size_t j) { return c.Visible(0, j); }));
  const Run base = RunDerived(whole, context);
  if (base.failed) return *base.failed;
  const Run compact = RunDerived(part, context);
  if (compact.failed) return *compact.failed;
  const subjects::SubjectInfo& info = context.subject.info();
  Array visible = base.result.out;
  std::vector<Bound> bounds = BoundsOf(whole, info);
  if (c.op == ASSAY_CROSS_ENTROPY_BACKWARD) {
    std::vector<Bound> kept;
    for (std::size_t j = 0; j < c.cols; ++j) {
      if (c.Visible(0, j)) kept.push_back(bounds[j]);
    }
    bounds = std::move(kept);
    visible.Filter([&](std::size_t j) { return c.Visible(0, j); });
  }
  const std::string how = "without the invisible classes";
  if (ClaimsNearest(info, c)) return SameBitsOrViolated(part, visible, "with them", compact.result.out, how);
  return AgreeWithin(part, visible, bounds, "with them", compact.result.out, BoundsOf(part, info), how);
}

}  // namespace

Case WithLabels(Case c) {
  if (!c.labels.given) {
    Take(c, Role::kTargets);
    Give(c, Role::kLabels);
  }
  return WithFiniteRows(std::move(c));
}

Case WithLabelsThatCount(Case c) {
  c.has_ignore_index = false;
  return WithLabels(std::move(c));
}

Case WithSmoothing(Case c) {
  c = WithFiniteRows(OneRowOf(std::move(c)));
  if (c.label_smoothing == 0) {
    constexpr double kKinds[] = {0.1, 0.5, 0x1p-10, 1, 0.9};
    c.label_smoothing = kKinds[Mix(c.law_key + 31) % std::size(kKinds)];
  }
  c.has_ignore_index = false;
  return Valid(std::move(c));  // a label that was ignored must be one now
}

Judgement CheckLabelSmoothing(const Case& c, Context& context) {
  Judgement worst = CheckMix(c, context);
  if (worst.verdict == Verdict::kNotApplicable) return worst;
  KeepWorse(&worst, CheckSpread(c, context));
  return worst;
}

Judgement CheckLabelsEqualOneHot(const Case& c, Context& context) {
  Case one_hot = c;
  one_hot.has_ignore_index = false;
  Take(one_hot, Role::kLabels);
  Give(one_hot, Role::kTargets);
  for (std::size_t r = 0; r < c.rows; ++r) one_hot.targets.values.Set(r * c.cols + c.labels.values.Bits(r), 1);
  const Run labels = RunCase(c, context);
  if (labels.failed) return *labels.failed;
  const Run targets = RunDerived(one_hot, context);
  if (targets.failed) return *targets.failed;
  const subjects::SubjectInfo& info = context.subject.info();
  const std::string how = "with the same targets of 1 and 0";
  if (ClaimsNearest(info, c)) {
    return SameBitsOrViolated(c, labels.result.out, "with labels", targets.result.out, how);
  }
  return AgreeWithin(c, labels.result.out, BoundsOf(c, info), "with labels", targets.result.out,
                     BoundsOf(one_hot, info), how);
}

Case WithMaskedTarget(Case c) {
  c = WithMask(std::move(c));
  if (c.label_smoothing == 1) c.label_smoothing = 0;
  for (std::size_t r = 0; r < c.rows; ++r) {
    if (HasHiddenTarget(c, r)) return c;
  }
  for (std::size_t i = 0; i < c.rows * c.cols; ++i) {
    const std::size_t row = i / c.cols;
    if (c.Visible(row, i % c.cols)) continue;
    if (c.targets.given) {
      c.targets.values.Set(i, 1);
    } else {
      c.labels.values.SetBits(row, i % c.cols);
      if (Ignored(c, row)) c.has_ignore_index = false;
    }
    break;
  }
  return Valid(std::move(c));
}

Judgement CheckMaskedTarget(const Case& c, Context& context) {
  const Run run = RunCase(c, context);
  if (run.failed) return *run.failed;
  const Array& out = run.result.out;
  const std::vector<Bound> bounds = BoundsOf(c, context.subject.info());
  bool any = false;
  for (std::size_t r = 0; r < c.rows; ++r) {
    if (!HasHiddenTarget(c, r)) continue;
    any = true;
    if (c.op == ASSAY_CROSS_ENTROPY) {
      const std::size_t i = c.reduction == ASSAY_REDUCTION_NONE ? r : 0;
      if (out[i] == kInf) continue;
      return ViolatedAt(c, out, i, fmt::format("a target of row {} is masked: it costs +inf", r), kInf, kInf);
    }
    for (std::size_t i = r * c.cols; i < (r + 1) * c.cols; ++i) {
      if (!c.Visible(r, i % c.cols) && out.Bits(i) != 0) {
        return ViolatedAt(c, out, i, "it is masked, target or not: its gradient is exactly +0", 0, kInf);
      }
      if (std::isnan(out[i]) && std::isfinite(bounds[i].absolute)) {
        return ViolatedAt(c, out, i, "a masked target leaves the other gradients numbers", 0, kInf);
      }
    }
  }
  return any ? Judgement{} : NotApplicable("nothing is masked in rows of one entry");
}

Case WithBadLabels(Case c) {
  if (c.rows == 0 || c.cols == 0) {
    Case small = subjects::MakeCase(c.op, c.dtype, 1, 1);
    small.law_key = c.law_key;
    small.label_smoothing = c.label_smoothing;
    c = std::move(small);
  }
  Case valid = OutOfPlace(c);
  if (BadSmoothing(c)) {
    valid.label_smoothing = c.label_smoothing;
  } else if (HasBadLabel(c) && valid.labels.given) {
    valid.labels = c.labels;
  } else if (!valid.labels.given || Mix(c.law_key + 32) % 4 == 0) {
    constexpr double kKinds[] = {-0.25, 1.5, -0x1p-1074, 1 + 0x1p-52, kInf, std::numeric_limits<double>::quiet_NaN()};
    valid.label_smoothing = kKinds[Mix(c.law_key + 33) % std::size(kKinds)];
  } else {
    // 2^32 is 0 in 32 bits.
    const auto cols = static_cast<std::int64_t>(c.cols);
    const std::int64_t kinds[] = {-1,
                                  cols,
                                  cols + 1,
                                  std::int64_t{1} << 32,
                                  std::numeric_limits<std::int64_t>::min(),
                                  std::numeric_limits<std::int64_t>::max(),
                                  -cols};
    const std::size_t row = Mix(c.law_key + 34) % c.rows;
    std::uint64_t kind = Mix(c.law_key + 35);
    do {
      valid.labels.values.SetBits(row, static_cast<std::uint64_t>(kinds[kind++ % std::size(kinds)]));
    } while (!BadLabel(valid, row));
  }
  return Settled(std::move(valid));
}

Judgement CheckBadLabels(const Case& c, Context& context) {
  const subjects::RunOptions options;
  const subjects::RunResult result = context.subject.Run(c, options);
  if (result.outcome != subjects::Outcome::kReturned) return Violated(result.detail, kInf);
  if (result.status == ASSAY_UNSUPPORTED) return NotApplicable("the subject answered ASSAY_UNSUPPORTED");
  const assay_status want = BadSmoothing(c) ? ASSAY_BAD_PARAMETER : ASSAY_BAD_LABEL;
  const std::string what = BadSmoothing(c) ? fmt::format("label_smoothing = {:g}", c.label_smoothing)
                                           : "a label outside [0, cols) that is not ignore_index";
  if (result.status != want) {
    return Violated(fmt::format("{} is an error, {}, but the call answered {}", what, assay_status_name(want),
                                assay_status_name(result.status)),
                    kInf);
  }
  Array untouched = result.out;
  std::memset(untouched.data(), options.poison, untouched.size_bytes());
  if (!(result.out == untouched) || !result.outside_intact) {
    return Violated(fmt::format("{} was refused, but results were written", what), kInf);
  }
  return {};
}

}  // namespace assay::properties
