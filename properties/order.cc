// SPDX-License-Identifier: Apache-2.0
//
// The order of the logits is the order of the results.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "properties/row_checks.h"
#include "properties/scores.h"

namespace assay::properties {
namespace {

std::vector<std::size_t> VisibleOf(const Case& c, std::size_t row) {
  std::vector<std::size_t> visible;
  for (std::size_t j = 0; j < c.cols; ++j) {
    if (c.Visible(row, j)) visible.push_back(row * c.cols + j);
  }
  return visible;
}

// What orders the entries: without bias the logit itself, exactly, as T >= 0 keeps their order.
Approx Key(const Case& c, std::size_t i) { return c.bias.given ? ScoreOf(c, i) : Approx(c.logits[i]); }

double BiasOf(const Case& c, std::size_t i) { return c.bias.given ? c.bias[i] : 0; }

// A result with its slack; rounding is monotone, so none where the nearest numbers are claimed.
Approx Result(const Outputs& out, std::size_t i, bool nearest) {
  return nearest && std::isfinite(out.array()[i]) ? Approx(out.array()[i]) : out[i];
}

Judgement EqualLogitsAgree(const Case& c, const Array& out, std::vector<std::size_t> entries) {
  std::sort(entries.begin(), entries.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(c.logits[a], BiasOf(c, a)) < std::pair(c.logits[b], BiasOf(c, b));
  });
  for (std::size_t k = 1; k < entries.size(); ++k) {
    const std::size_t i = entries[k];
    const std::size_t before = entries[k - 1];
    if (c.logits[before] != c.logits[i] || BiasOf(c, before) != BiasOf(c, i) || SameNumber(out, before, out, i)) {
      continue;
    }
    return ViolatedAt(c, out, i,
                      fmt::format("entry {} of the row has the same logit{} and gets {}", before % c.cols,
                                  c.bias.given ? " and bias" : "", Show(out, before)),
                      out[before], 1 + std::fabs(out[before] - out[i]) / subjects::UlpOf(out.element(), out[before]));
  }
  return {};
}

}  // namespace

// Equal logits (and biases) get equal bits. Of two entries whose scores are certainly ordered, the exact results are
// ordered too: a result below another's by more than both slacks breaks the order.
Judgement CheckOrder(const Case& c, Context& context) {
  const KnownRun run = RunKnown(c, context);
  if (run.failed) return *run.failed;
  const Outputs& out = *run.outputs;
  const bool nearest = ClaimsNearest(context.subject.info(), c);
  Judgement worst;
  for (std::size_t r = 0; r < c.rows; ++r) {
    const std::vector<std::size_t> visible = VisibleOf(c, r);
    KeepWorse(&worst, EqualLogitsAgree(c, out.array(), visible));
    // Entries by the lower end of their scores, and by the upper end; `floor` is the largest result below the former.
    struct Entry {
      std::size_t i;
      Approx key;
    };
    std::vector<Entry> by_low;
    for (const std::size_t i : visible) by_low.push_back({i, Key(c, i)});
    std::vector<Entry> by_high = by_low;
    const auto low = [](const Entry& e) { return e.key.value - e.key.error; };
    const auto high = [](const Entry& e) { return e.key.value + e.key.error; };
    std::sort(by_low.begin(), by_low.end(), [&](const Entry& a, const Entry& b) { return low(a) < low(b); });
    std::sort(by_high.begin(), by_high.end(), [&](const Entry& a, const Entry& b) { return high(a) < high(b); });
    std::size_t k = 0;
    Approx floor(0.0L, std::numeric_limits<long double>::infinity());
    std::size_t floor_at = 0;
    for (const Entry& entry : by_low) {
      for (; k < by_high.size() && high(by_high[k]) < low(entry); ++k) {
        const Approx result = Result(out, by_high[k].i, nearest);
        if (result.value - result.error > floor.value - floor.error) {
          floor = result;
          floor_at = by_high[k].i;
        }
      }
      const Approx result = Result(out, entry.i, nearest);
      const Approx surplus(result.value - floor.value, result.error + floor.error);
      Expect(&worst, c, out.array(), entry.i, NonnegativeSeverity(surplus), floor, [&] {
        return fmt::format("entry {} of the row, which gets {}, has the smaller {} ({} against {})", floor_at % c.cols,
                           Show(out.array(), floor_at), c.bias.given ? "score" : "logit",
                           Show(c.logits.values, floor_at), Show(c.logits.values, entry.i));
      });
    }
  }
  return worst;
}

// The entry of the largest score gets the largest result, within the slacks of both. Without bias, halving T doubles
// all distances to it, so its result does not fall.
Judgement CheckArgmax(const Case& c, Context& context) {
  const KnownRun run = RunKnown(c, context);
  if (run.failed) return *run.failed;
  const bool nearest = ClaimsNearest(context.subject.info(), c);
  Judgement worst;
  std::vector<std::size_t> maxima;
  for (std::size_t r = 0; r < c.rows; ++r) {
    const std::vector<std::size_t> visible = VisibleOf(c, r);
    if (visible.empty()) continue;
    const std::size_t max = *std::max_element(visible.begin(), visible.end(), [&](std::size_t a, std::size_t b) {
      return Key(c, a).value < Key(c, b).value;
    });
    maxima.push_back(max);
    const Approx largest = Result(*run.outputs, max, nearest);
    for (const std::size_t i : visible) {
      const Approx behind = Key(c, max) - Key(c, i);
      if (!(behind.value > behind.error)) continue;
      const Approx result = Result(*run.outputs, i, nearest);
      const Approx surplus(largest.value - result.value, largest.error + result.error);
      Expect(&worst, c, run.outputs->array(), max, NonnegativeSeverity(surplus), result, [&] {
        return fmt::format("it has the largest score of its row and entry {} gets {}", i % c.cols,
                           Show(run.outputs->array(), i));
      });
    }
  }
  const double half = c.temperature / 2;
  if (c.bias.given || !std::isfinite(half) || half == 0 || worst.verdict != Verdict::kHolds) return worst;

  Case colder = c;
  colder.temperature = half;
  const KnownRun cold = RunKnownDerived(colder, context);
  if (cold.failed && cold.failed->verdict == Verdict::kNotApplicable) return worst;  // the first half was judged
  if (cold.failed) return *cold.failed;
  for (const std::size_t max : maxima) {
    const Approx before = Result(*run.outputs, max, nearest);
    const Approx after = Result(*cold.outputs, max, nearest);
    const Approx growth(after.value - before.value, after.error + before.error);
    Expect(&worst, c, run.outputs->array(), max, NonnegativeSeverity(growth), after, [&] {
      return fmt::format("half the temperature makes the largest result smaller: {}", Show(cold.outputs->array(), max));
    });
  }
  return worst;
}

}  // namespace assay::properties
