// SPDX-License-Identifier: Apache-2.0
//
// The mass of many: what a sum over a row may not lose, and rows put together from others.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "properties/row_checks.h"
#include "properties/scores.h"
#include "subjects/random.h"

namespace assay::properties {

// Every entry twice: shares halve, their logs fall by log 2, the LSE rises by it. Half of the nearest number is the
// nearest to the half while that is no subnormal, so correct rounding asks for exact halves there; else both slacks.
Judgement CheckDuplication(const Case& c, Context& context) {
  std::vector<std::size_t> source(2 * c.cols);
  for (std::size_t j = 0; j < source.size(); ++j) source[j] = j % c.cols;
  const Case twice = TakeColumns(c, source);
  const KnownRun once = RunKnown(c, context);
  if (once.failed) return *once.failed;
  const KnownRun both = RunKnownDerived(twice, context);
  if (both.failed) return *both.failed;
  const Array& before = once.outputs->array();
  const Array& after = both.outputs->array();
  const subjects::FloatFormat format = subjects::FormatOf(after.element());
  const double smallest_normal = std::ldexp(1.0, format.min_ulp_log2 + format.precision - 1);
  const bool nearest = ClaimsNearest(context.subject.info(), c);
  const Approx log2 = Log(2.0);
  Judgement worst;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const bool per_row = c.op == ASSAY_LOGSUMEXP;
    const std::size_t from = per_row ? i : i / twice.cols * c.cols + i % twice.cols % c.cols;
    if (!per_row && !c.Visible(from / c.cols, from % c.cols)) continue;
    if (c.op == ASSAY_SOFTMAX && nearest && before[from] >= 2 * smallest_normal) {
      Expect(&worst, twice, after, i, after[i] == before[from] / 2 ? 0 : kInf, before[from] / 2,
             [&] { return fmt::format("once it is {}: twice it is exactly half of that", Show(before, from)); });
      continue;
    }
    const Approx was = (*once.outputs)[from];
    const Approx want = c.op == ASSAY_SOFTMAX ? was * Approx(0.5) : c.op == ASSAY_LOGSUMEXP ? was + log2 : was - log2;
    Expect(&worst, twice, after, i, ZeroSeverity((*both.outputs)[i] - want), want, [&] {
      return fmt::format("once it is {}: with every entry twice that makes {:.9g}", Show(before, from),
                         static_cast<double>(want.value));
    });
  }
  return worst;
}

namespace {

// The exact results of a row of few distinct scores, T = 1 and no bias, each of `repeat` copies: multiplicities times
// exponentials in long double, to 2^-50 relative. No oracle, no sum over entries: nothing is lost.
Judgement JudgeFewValues(const Case& c, const Outputs& out, std::uint64_t repeat) {
  std::map<double, std::uint64_t> counts;
  for (std::size_t j = 0; j < c.cols; ++j) ++counts[c.logits[j]];
  const double max = counts.rbegin()->first;
  Sum sum;
  for (const auto& [x, count] : counts) {
    const Approx times = Approx(static_cast<double>(count)) * Approx(static_cast<double>(repeat));
    sum.Add(times * Exp(Approx(x) - Approx(max)));
  }
  const Approx total = sum.Value();
  if (!EveryPromised(out, 0, out.array().size())) {
    return NotApplicable(fmt::format("nothing is promised for {} terms of {}", c.cols * repeat,
                                     subjects::ElementName(subjects::ElementOf(c.dtype))));
  }
  const auto result = [&](double x) {
    const Approx behind = Approx(x) - Approx(max);
    if (c.op == ASSAY_LOGSUMEXP) return Approx(max) + Log(total);
    return c.op == ASSAY_LOG_SOFTMAX ? behind - Log(total) : Exp(behind) * Reciprocal(total);
  };
  Judgement worst;
  for (const auto& [x, count] : counts) {
    const Approx want = result(x);
    for (std::size_t i = 0; i < out.array().size(); ++i) {
      if (c.op != ASSAY_LOGSUMEXP && c.logits[i] != x) continue;
      Expect(&worst, c, out.array(), i, ZeroSeverity(out[i] - want), want, [&] {
        return fmt::format("its row of {} entries adds up to {:.12g} times the largest, which makes it {:.12g}",
                           c.cols * repeat, static_cast<double>(total.value), static_cast<double>(want.value));
      });
    }
    if (c.op == ASSAY_LOGSUMEXP) break;
  }
  return worst;
}

}  // namespace

Judgement CheckAbsorption(const Case& c, Context& context) {
  const KnownRun run = RunKnown(c, context);
  return run.failed ? *run.failed : JudgeFewValues(c, *run.outputs, 1);
}

// At least 2^24 terms, where adding 1 to a sum in f32 stalls: a page of them, mapped again and again.
Judgement CheckAbsorptionLong(const Case& c, Context& context) {
  subjects::RunOptions options;
  options.repeat = (std::uint64_t{1} << (24 + c.law_key % 2)) / c.cols + 1;
  Run run = RunCase(c, context, options);
  if (run.failed) return *run.failed;
  const Outputs out(c, context.subject.info(), std::move(run.result.out), options.repeat);
  return JudgeFewValues(c, out, options.repeat);
}

namespace {

// Columns [first, last) of the case.
Case Part(const Case& c, std::size_t first, std::size_t last) {
  std::vector<std::size_t> source(last - first);
  std::iota(source.begin(), source.end(), first);
  return TakeColumns(c, source);
}

Case LseOf(Case c) {
  c.op = ASSAY_LOGSUMEXP;
  c.in_place = false;
  return c;
}

}  // namespace

// A row's shares are those of a part of it times the part's weight. The weight is exp(lse(part) - lse(row)) where the
// subject has logsumexp, and in any case the sum of the part's shares in the row. Slack: those of all results used.
Judgement CheckSplitMerge(const Case& c, Context& context) {
  if (c.cols < 2) return {};
  const std::size_t split = 1 + c.law_key % (c.cols - 1);
  const KnownRun whole = RunKnown(c, context);
  if (whole.failed) return *whole.failed;
  const KnownRun whole_lse = RunKnownDerived(LseOf(c), context);
  const bool has_lse = whole_lse.outputs && !whole_lse.failed;
  if (whole_lse.failed && whole_lse.failed->verdict != Verdict::kNotApplicable) return *whole_lse.failed;
  Judgement worst;
  for (const auto& [first, last] : {std::pair<std::size_t, std::size_t>{0, split}, {split, c.cols}}) {
    const Case part = Part(c, first, last);
    // Rows of which the part shows nothing have no shares in it.
    const Run run = RunDerived(part, context);
    if (run.failed) return *run.failed;
    const Outputs shares(part, context.subject.info(), run.result.out);
    std::optional<KnownRun> lse;
    if (has_lse) {
      lse = RunKnownDerived(LseOf(part), context);
      if (lse->failed) return *lse->failed;
    }
    for (std::size_t r = 0; r < c.rows; ++r) {
      Sum weight;
      for (std::size_t j = first; j < last; ++j) {
        if (c.Visible(r, j)) weight.Add((*whole.outputs)[r * c.cols + j]);
      }
      const Approx mass = weight.Value();
      const Approx by_lse = has_lse ? Exp((*lse->outputs)[r] - (*whole_lse.outputs)[r]) : mass;
      for (std::size_t j = first; j < last; ++j) {
        if (!c.Visible(r, j)) continue;
        const std::size_t i = r * c.cols + j;
        const Approx share = shares[r * part.cols + j - first];
        for (const Approx& factor : {mass, by_lse}) {
          const Approx want = share * factor;
          Expect(&worst, c, whole.outputs->array(), i, ZeroSeverity((*whole.outputs)[i] - want), want, [&] {
            return fmt::format("among columns [{}, {}) alone it is {}, and these weigh {:.9g}{}: that makes {:.9g}",
                               first, last, Show(shares.array(), r * part.cols + j - first),
                               static_cast<double>(factor.value), &factor == &mass ? "" : " by their LSE",
                               static_cast<double>(want.value));
          });
        }
      }
    }
  }
  return worst;
}

}  // namespace assay::properties
