// SPDX-License-Identifier: Apache-2.0
//
// Results as means of the visible values: in their hull, linear in them, with the shares as weights.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "properties/attention_checks.h"
#include "properties/attention_judging.h"
#include "properties/attention_numbers.h"
#include "properties/scores.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Random;

// Calls visit(at, n, h, i, e) for every entry of out.
template <class Visit>
void ForEachOut(const Case& c, Visit visit) {
  const Dims dims = subjects::DimsOf(c, Role::kOut);
  ForEachQuery(c, [&](std::size_t n, std::size_t h, std::size_t i) {
    for (std::size_t e = 0; e < c.attention.value_dim; ++e) visit(At(dims, n, h, i, e), n, h, i, e);
  });
}

bool HasMassOfSink(const Case& c, std::size_t h) { return c.sink.given && c.sink[h] != -kInf; }

}  // namespace

Judgement CheckValuesHull(const Case& c, Context& context) {
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  const Array& out = run.Out(Role::kOut);
  const Tensor v(c, Role::kV);
  Entries entries(c, Role::kOut);
  ForEachOut(c, [&](std::size_t at, std::size_t n, std::size_t h, std::size_t i, std::size_t e) {
    const QueryModel& query = run.model().Query(n, h, i);
    double low = HasMassOfSink(c, h) ? 0 : kInf;
    double high = HasMassOfSink(c, h) ? 0 : -kInf;
    for (std::size_t j = 0; j < c.attention.seq_kv; ++j) {
      if (query.visible[j] == 0) continue;
      const double value = v(n, h / GroupSize(c.attention), j, e);
      low = std::min(low, value);
      high = std::max(high, value);
    }
    if (query.count == 0 || (out[at] >= low && out[at] <= high)) return;
    const double end = out[at] < low ? low : high;
    entries.Near(run, at, end,
                 fmt::format("{} {}lies in [{:g}, {:g}]", "what its query sees in that column",
                             HasMassOfSink(c, h) ? "(0 for the sink included) " : "", low, high));
  });
  return entries.Take();
}

Judgement CheckConstantValues(const Case& c, Context& context) {
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  const Tensor v(c, Role::kV);
  Entries entries(c, Role::kOut);
  ForEachOut(c, [&](std::size_t at, std::size_t n, std::size_t h, std::size_t i, std::size_t e) {
    if (run.model().Query(n, h, i).count == 0) return;
    const double value = v(n, h / GroupSize(c.attention), 0, e);
    entries.Near(run, at, value, fmt::format("every value of that column is {:.9g}", value));
  });
  return entries.Take();
}

// V = A + B without rounding: an entry is in A, or in B, or its leading digits are in A and its last ones in B.
Judgement CheckLinearValues(const Case& c, Context& context) {
  Random random(c.law_key, 41);
  Case first = Plain(c);
  Case second = first;
  const int half = subjects::FormatOf(subjects::ElementOf(c.dtype)).precision / 2;
  for (std::size_t i = 0; i < c.v.values.size(); ++i) {
    const double x = c.v[i];
    const std::uint64_t kind = random.Below(3);
    double lead = kind == 0 ? x : 0;
    if (kind == 1 && std::isfinite(x)) {
      const double ulp = subjects::UlpOf(c.v.values.element(), x);
      lead = std::trunc(std::ldexp(x / ulp, -half)) * std::ldexp(ulp, half);
    }
    first.v.values.Set(i, lead);
    second.v.values.Set(i, std::isfinite(x) ? x - lead : 0);
  }
  const AttentionRun whole(c, context);
  if (whole.failed()) return *whole.failed();
  const AttentionRun a(first, context);
  if (a.failed()) return *a.failed();
  const AttentionRun b(second, context);
  if (b.failed()) return *b.failed();
  Entries entries(c, Role::kOut);
  ForEachOut(c, [&](std::size_t at, std::size_t, std::size_t, std::size_t, std::size_t) {
    const Approx sum = a.Known(Role::kOut, at) + b.Known(Role::kOut, at);
    entries.Near(whole, at, sum,
                 fmt::format("with some values 0 it is {:.9g}, with the others 0 {:.9g}", a.Out(Role::kOut)[at],
                             b.Out(Role::kOut)[at]));
  });
  return entries.Take();
}

// Products, sums and quotients keep their digits when all values double. Results smaller than any value, of small
// shares alone or of cancellation, may be computed in another way, against underflow: those agree within their bounds.
Judgement CheckPowerOfTwoValues(const Case& c, Context& context) {
  Random random(c.law_key, 42);
  const auto reach = static_cast<std::uint64_t>(MiddleReach(c.dtype) / 2);
  const int k = static_cast<int>(1 + random.Below(reach)) * (random.Below(2) == 0 ? 1 : -1);
  Case scaled = c;
  for (std::size_t i = 0; i < c.v.values.size(); ++i) scaled.v.values.Set(i, std::ldexp(c.v[i], k));
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  const AttentionRun other(scaled, context);
  if (other.failed()) return *other.failed();

  // Values are at least 2^-(reach + 1) and are moved by half of reach at most.
  const double least = std::ldexp(1.0, -(MiddleReach(c.dtype) + 1) * 3 / 2);
  const Array& out = run.Out(Role::kOut);
  const Array& moved = other.Out(Role::kOut);
  Array back = moved;
  Entries entries(c, Role::kOut);
  ForEachOut(c, [&](std::size_t at, std::size_t, std::size_t, std::size_t, std::size_t) {
    back.Set(at, std::ldexp(moved[at], -k));
    if (std::fabs(out[at]) < least || std::fabs(moved[at]) < least) {
      entries.Near(run, at, other.Known(Role::kOut, at) * Approx(std::ldexp(1.0, -k)),
                   fmt::format("it is {:.9g} with all values times 2^{}", moved[at], k));
    } else {
      entries.SameBits(out, at, "", back, at, fmt::format("over 2^{} with all values times 2^{}", k, k));
    }
  });
  if (entries.Violated() || !run.Has(Role::kLse)) return entries.Take();
  Entries lse(c, Role::kLse);
  for (std::size_t at = 0; at < run.Out(Role::kLse).size(); ++at) {
    lse.SameBits(run.Out(Role::kLse), at, "", other.Out(Role::kLse), at, "with other values");
  }
  return lse.Take();
}

// Column e holds the shares of the keys e, e + value_dim ... The same follow from the scores and the LSE returned.
Judgement CheckOneHotValues(const Case& c, Context& context) {
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  Entries entries(c, Role::kOut);
  std::size_t row = 0;
  ForEachQuery(c, [&](std::size_t n, std::size_t h, std::size_t i) {
    const QueryModel& query = run.model().Query(n, h, i);
    const bool has_lse = run.Has(Role::kLse) && query.count > 0;
    const Approx lse = has_lse ? run.Known(Role::kLse, row) : Approx();
    const std::size_t cols = c.attention.value_dim;
    for (std::size_t e = 0; e < cols; ++e) {
      Sum share;
      Sum by_lse;
      for (std::size_t j = e; j < c.attention.seq_kv; j += cols) {
        if (query.visible[j] == 0) continue;
        share.Add(query.Share(j));
        if (has_lse) by_lse.Add(Exp(Approx(query.z[j], static_cast<long double>(query.blur)) - lse));
      }
      const std::size_t at = row * cols + e;
      const Approx want = share.Value();
      entries.Near(run, at, want, fmt::format("its keys have a share of {:.9g}", static_cast<double>(want.value)));
      if (!has_lse) continue;
      const Approx other = by_lse.Value();
      entries.Near(run, at, other,
                   fmt::format("by the LSE returned, {:.9g}, its keys have a share of {:.9g}", run.Out(Role::kLse)[row],
                               static_cast<double>(other.value)));
    }
    ++row;
  });
  return entries.Take();
}

}  // namespace assay::properties
