// SPDX-License-Identifier: Apache-2.0
//
// What a loss is worth: never less than nothing, nothing for rows that are ignored, and the same however it is summed.

#include "properties/loss.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "properties/approx.h"
#include "properties/fit.h"
#include "properties/targets.h"
#include "properties/variants.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Mix;
using subjects::Random;

Judgement ExactlyZero(const Case& c, const Array& out, std::size_t first, std::size_t count, const std::string& why) {
  for (std::size_t i = first; i < first + count; ++i) {
    if (out.Bits(i) != 0) return ViolatedAt(c, out, i, why, 0, kInf);
  }
  return {};
}

// Whether all the mass of a row's targets is at its only visible entry.
bool CostsNothing(const Case& c, std::size_t row) {
  if (ShapeOfRow(c, row).visible != 1) return false;
  for (std::size_t j = 0; j < c.cols; ++j) {
    if (!c.Visible(row, j) && GivenTarget(c, row, j) != 0) return false;
  }
  return true;
}

// Where the ignored row stands in the case with one row more.
std::size_t IgnoredPlace(const Case& c) { return Mix(c.law_key + 21) % (c.rows + 1); }

// The case and a row that is ignored; its logits are loud.
Case WithIgnoredRow(const Case& c) {
  const std::size_t at = IgnoredPlace(c);
  std::vector<std::size_t> rows;
  for (std::size_t r = 0; r < c.rows; ++r) rows.push_back(r);
  rows.insert(rows.begin() + static_cast<std::ptrdiff_t>(at), 0);
  Case more = TakeRows(c, rows);
  more.labels.values.SetBits(at, static_cast<std::uint64_t>(c.ignore_index));
  const double kinds[] = {std::numeric_limits<double>::quiet_NaN(), kInf, -kInf, 3e4};
  const double content = kinds[Mix(c.law_key + 22) % std::size(kinds)];
  for (std::size_t j = 0; j < c.cols; ++j) more.logits.values.Set(at * c.cols + j, content);
  return Settled(std::move(more));
}

template <class T>
std::vector<T> Without(std::vector<T> values, std::size_t first, std::size_t count) {
  const auto begin = values.begin() + static_cast<std::ptrdiff_t>(first);
  values.erase(begin, begin + static_cast<std::ptrdiff_t>(count));
  return values;
}

// One row more, which is ignored: it gets +0 and changes nothing else.
Judgement CheckOneMore(const Case& c, const Array& base, Context& context) {
  const subjects::SubjectInfo& info = context.subject.info();
  const Case more = WithIgnoredRow(c);
  const Run run = RunDerived(more, context);
  if (run.failed) return *run.failed;
  Array rest = run.result.out;
  std::vector<Bound> bounds = BoundsOf(more, info);
  Judgement worst;
  if (rest.size() != base.size()) {  // not reduced
    const std::size_t width = rest.size() / more.rows;
    const std::size_t first = IgnoredPlace(c) * width;
    worst = ExactlyZero(more, rest, first, width, "its row is ignored: exactly +0");
    rest.Filter([&](std::size_t i) { return i < first || i >= first + width; });
    bounds = Without(std::move(bounds), first, width);
  }
  const std::string how = "with an ignored row more";
  KeepWorse(&worst, ClaimsNearest(info, c) ? SameBitsOrViolated(c, rest, how, base, "without it")
                                           : AgreeWithin(c, rest, bounds, how, base, BoundsOf(c, info), "without it"));
  return worst;
}

// Every row ignored: no loss and no gradient, and a mean of nothing.
Judgement CheckAllIgnored(const Case& c, Context& context) {
  Case none = c;
  for (std::size_t r = 0; r < c.rows; ++r) {
    none.labels.values.SetBits(r, static_cast<std::uint64_t>(c.ignore_index));
  }
  none = Settled(std::move(none));
  const Run run = RunDerived(none, context);
  if (run.failed) return *run.failed;
  const Array& out = run.result.out;
  if (c.op == ASSAY_CROSS_ENTROPY && c.reduction == ASSAY_REDUCTION_MEAN) {
    if (std::isnan(out[0])) return {};
    return ViolatedAt(none, out, 0, "every row is ignored, so that the mean is NaN",
                      std::numeric_limits<double>::quiet_NaN(), kInf);
  }
  return ExactlyZero(none, out, 0, out.size(), "every row is ignored: exactly +0");
}

}  // namespace

Case WithIgnoreIndex(Case c) {
  c = WithLabels(std::move(c));
  if (c.has_ignore_index) return c;
  const std::int64_t kinds[] = {-100, -1, 0, static_cast<std::int64_t>(c.cols),
                                std::numeric_limits<std::int64_t>::max()};
  c.has_ignore_index = true;
  c.ignore_index = kinds[Mix(c.law_key + 23) % std::size(kinds)];
  return c;
}

// No law about errors: log p <= 0 and t >= 0, so no term of the sum is negative, and none may become so by rounding.
Judgement CheckNonnegativeLoss(const Case& c, Context& context) {
  const Run run = RunCase(c, context);
  if (run.failed) return *run.failed;
  const Array& out = run.result.out;
  if (c.reduction == ASSAY_REDUCTION_MEAN && CountedRows(c) == 0) return NotApplicable("a mean over no row");
  const std::vector<Bound> bounds = BoundsOf(c, context.subject.info());
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (std::isnan(out[i]) && !std::isfinite(bounds[i].absolute)) continue;
    if (!std::signbit(out[i]) && !std::isnan(out[i])) continue;
    return ViolatedAt(c, out, i, "a loss is at least +0", 0, kInf);
  }
  if (c.reduction != ASSAY_REDUCTION_NONE) return {};
  for (std::size_t r = 0; r < c.rows; ++r) {
    if (!CostsNothing(c, r) || out.Bits(r) == 0) continue;
    return ViolatedAt(c, out, r, "its only visible entry has all the mass: exactly +0", 0, kInf);
  }
  return {};
}

Judgement CheckIgnoredRows(const Case& c, Context& context) {
  if (c.rows == 0) return NotApplicable("the case has no rows");
  const Run base = RunCase(c, context);
  if (base.failed) return *base.failed;
  const Array& out = base.result.out;
  Judgement worst;
  if (!(c.op == ASSAY_CROSS_ENTROPY && c.reduction != ASSAY_REDUCTION_NONE)) {
    const std::size_t width = out.size() / c.rows;
    for (std::size_t r = 0; r < c.rows; ++r) {
      if (Ignored(c, r)) KeepWorse(&worst, ExactlyZero(c, out, r * width, width, "its row is ignored: exactly +0"));
    }
  }
  KeepWorse(&worst, CheckOneMore(c, out, context));
  KeepWorse(&worst, CheckAllIgnored(c, context));
  return worst;
}

namespace {

// sum = the sum of all losses, mean = that over the rows that count.
Judgement CheckLossReductions(const Case& c, Context& context) {
  const KnownRun none = RunKnownDerived(WithReduction(c, ASSAY_REDUCTION_NONE), context);
  if (none.failed) return *none.failed;
  const KnownRun sum = RunKnownDerived(WithReduction(c, ASSAY_REDUCTION_SUM), context);
  if (sum.failed) return *sum.failed;
  Sum losses;
  for (std::size_t r = 0; r < c.rows; ++r) losses.Add((*none.outputs)[r]);
  Judgement worst;
  KeepSeverity(&worst, ZeroSeverity((*sum.outputs)[0] - losses.Value()), [&] {
    return fmt::format("the losses of the rows add up to {:.9g}, but their sum is {}",
                       static_cast<double>(losses.Value().value), Show(sum.outputs->array(), 0));
  });
  const auto count = static_cast<double>(CountedRows(c));
  if (count == 0) return worst;
  const KnownRun mean = RunKnownDerived(WithReduction(c, ASSAY_REDUCTION_MEAN), context);
  if (mean.failed) return *mean.failed;
  KeepSeverity(&worst, ZeroSeverity((*mean.outputs)[0] - OverT(losses.Value(), count)), [&] {
    return fmt::format("the losses of the {} rows that count add up to {:.9g}, but their mean is {}", count,
                       static_cast<double>(losses.Value().value), Show(mean.outputs->array(), 0));
  });
  return worst;
}

// With the same upstream for each row: the gradient of the sum is that of the losses, that of the mean a part of it.
Judgement CheckGradientReductions(const Case& c, Context& context) {
  const KnownRun none = RunKnownDerived(WithReduction(c, ASSAY_REDUCTION_NONE), context);
  if (none.failed) return *none.failed;
  const KnownRun sum = RunKnownDerived(WithReduction(c, ASSAY_REDUCTION_SUM), context);
  if (sum.failed) return *sum.failed;
  const KnownRun mean = RunKnownDerived(WithReduction(c, ASSAY_REDUCTION_MEAN), context);
  if (mean.failed) return *mean.failed;
  const double count = std::max(1.0, static_cast<double>(CountedRows(c)));  // none counts: all gradients are 0
  Judgement worst;
  for (std::size_t i = 0; i < c.rows * c.cols; ++i) {
    const Approx loss = (*none.outputs)[i];
    KeepSeverity(&worst, ZeroSeverity((*sum.outputs)[i] - loss), [&] {
      return fmt::format("entry [{}, {}]: the gradient of the sum is {}, that of the row's loss {}", i / c.cols,
                         i % c.cols, Show(sum.outputs->array(), i), Show(none.outputs->array(), i));
    });
    KeepSeverity(&worst, ZeroSeverity((*mean.outputs)[i] - OverT(loss, count)), [&] {
      return fmt::format("entry [{}, {}]: the gradient of the mean over {} rows is {}, that of the row's loss {}",
                         i / c.cols, i % c.cols, count, Show(mean.outputs->array(), i), Show(none.outputs->array(), i));
    });
  }
  return worst;
}

}  // namespace

Judgement CheckReductionsAgree(const Case& c, Context& context) {
  return c.op == ASSAY_CROSS_ENTROPY ? CheckLossReductions(c, context) : CheckGradientReductions(c, context);
}

}  // namespace assay::properties
