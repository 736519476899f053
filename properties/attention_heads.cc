// SPDX-License-Identifier: Apache-2.0
//
// Heads, batches and queries: which keys a head uses, and that none matters to another.

#include <fmt/format.h>

#include <algorithm>

#include "properties/attention_checks.h"
#include "properties/attention_judging.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Random;

// The outputs of run at (n, h, ...) where `chosen` says so, bit for bit those of another at (n_there(n), ...).
template <class Place>
Judgement SameWhere(const AttentionRun& run, const std::string& how, const AttentionRun& other,
                    const std::string& how_other, Place place) {
  Judgement worst;
  for (const Role output : kAttentionOutputs) {
    if (!run.Has(output) || !other.Has(output)) continue;
    const Dims there = subjects::DimsOf(other.asked(), output);
    const Dims dims = subjects::DimsOf(run.asked(), output);
    Entries entries(run.asked(), output);
    for (std::size_t i = 0; i < other.Out(output).size(); ++i) {
      const std::size_t row = i / there[3];
      Dims at = {row / there[2] / there[1], row / there[2] % there[1], row % there[2], i % there[3]};
      if (!place(output, &at)) continue;
      entries.SameBits(other.Out(output), i, how_other, run.Out(output), At(dims, at[0], at[1], at[2], at[3]), how);
    }
    KeepWorse(&worst, entries.Take());
  }
  return worst;
}

bool IsOfKeyHeads(Role output) { return output == Role::kDk || output == Role::kDv; }

// The case with the listed batches, in that order; one may come several times.
Case TakeBatches(const Case& c, const std::vector<std::size_t>& batches) {
  Case taken = Plain(c);
  taken.attention.batch = batches.size();
  subjects::ForEachInput(c, [&](Role role, const subjects::Operand& operand) {
    if (subjects::AxesOf(c, role)[0] != Axis::kBatch) return;
    Gather(&taken, role, subjects::DimsOf(c, role), operand,
           [&](std::size_t n, std::size_t h, std::size_t i, std::size_t j) {
             return Dims{batches[n], h, i, j};
           });
  });
  return taken;
}

}  // namespace

// Every query head gets a key head of its own; dk and dv of the shared one are the sums of theirs.
Judgement CheckGroupedHeads(const Case& c, Context& context) {
  const Attention& a = c.attention;
  const std::size_t group = GroupSize(a);
  if (group < 2) return {};
  Case apart = Plain(c);
  apart.attention.num_kv_heads = a.num_heads;
  for (const Role role : {Role::kK, Role::kV}) {
    Gather(&apart, role, subjects::DimsOf(c, role), c.operand(role),
           [&](std::size_t n, std::size_t h, std::size_t j, std::size_t d) {
             return Dims{n, h / group, j, d};
           });
  }
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  const AttentionRun other(apart, context);
  if (other.failed()) return *other.failed();
  Judgement worst;
  for (const Role output : kAttentionOutputs) {
    if (!run.Has(output)) continue;
    Entries entries(c, output);
    const Dims dims = subjects::DimsOf(c, output);
    for (std::size_t i = 0; i < run.Out(output).size(); ++i) {
      if (!IsOfKeyHeads(output)) {
        entries.Agree(run, i, fmt::format("with {} heads to a key head", group), other, i,
                      "with a key head of its own");
        continue;
      }
      const std::size_t inner = dims[2] * dims[3];
      Sum sum;
      for (std::size_t k = 0; k < group; ++k) sum.Add(other.Known(output, (i / inner * group + k) * inner + i % inner));
      const Approx want = sum.Value();
      entries.Near(run, i, want,
                   fmt::format("the {} heads that share it, each with a key head of its own, get {:.9g} together",
                               group, static_cast<double>(want.value)));
    }
    KeepWorse(&worst, entries.Take());
  }
  return worst;
}

// Each key head with its query heads alone, and the others beside a head whose queries are NaN.
Judgement CheckHeadsIndependent(const Case& c, Context& context) {
  const Attention& a = c.attention;
  if (a.num_heads == 0 || a.batch == 0) return {};
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  const std::size_t group = GroupSize(a);
  const std::size_t count = std::min<std::size_t>(a.num_kv_heads, 4);
  for (std::size_t k = 0; k < count && a.num_kv_heads > 1; ++k) {
    const std::size_t g = a.num_kv_heads - 1 - k;
    const AttentionRun alone(Only(Plain(c), Axis::kHead, g), context);
    if (alone.failed()) return *alone.failed();
    Judgement judgement =
        SameWhere(run, "among all heads", alone, fmt::format("with key head {} alone", g), [&](Role output, Dims* at) {
          (*at)[1] += IsOfKeyHeads(output) ? g : g * group;
          return true;
        });
    if (judgement.verdict == Verdict::kViolated) return judgement;
  }
  if (c.op != ASSAY_ATTENTION || a.num_heads == 1) return {};
  Random random(c.law_key, 51);
  const std::size_t odd = random.Below(a.num_heads);
  Case other = Plain(c);
  const Dims dims = subjects::DimsOf(c, Role::kQ);
  for (std::size_t i = 0; i < other.q.values.size(); ++i) {
    if (i / (dims[2] * dims[3]) % dims[1] == odd) other.q.values.Set(i, std::numeric_limits<double>::quiet_NaN());
  }
  const AttentionRun beside(other, context);
  if (beside.failed()) return *beside.failed();
  return SameWhere(run, "as it was", beside, fmt::format("with queries of NaN in head {}", odd),
                   [&](Role, Dims* at) { return (*at)[1] != odd; });
}

// Each batch alone, and all of them, and one more, in other places.
Judgement CheckBatchesIndependent(const Case& c, Context& context) {
  const std::size_t count = c.attention.batch;
  if (count == 0) return {};
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  std::vector<std::vector<std::size_t>> calls;
  for (std::size_t n = 0; n < count && count > 1; ++n) calls.push_back({n});
  std::vector<std::size_t> all;
  for (std::size_t n = count; n-- > 0;) all.push_back(n);
  all.push_back(count - 1);
  calls.push_back(all);
  for (const std::vector<std::size_t>& batches : calls) {
    const AttentionRun other(TakeBatches(c, batches), context);
    if (other.failed()) return *other.failed();
    Judgement judgement = SameWhere(run, fmt::format("in its place among {}", count), other,
                                    batches.size() == 1 ? "alone" : fmt::format("elsewhere among {}", batches.size()),
                                    [&](Role, Dims* at) {
                                      (*at)[0] = batches[(*at)[0]];
                                      return true;
                                    });
    if (judgement.verdict == Verdict::kViolated) return judgement;
  }
  return {};
}

Judgement CheckDecodeRow(const Case& c, Context& context) {
  const Attention& a = c.attention;
  if (a.seq_q == 0) return {};
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  const AttentionRun alone(Only(Plain(c), Axis::kQuery, a.seq_q - 1), context);
  if (alone.failed()) return *alone.failed();
  Judgement worst;
  for (const Role output : kForwardOutputs) {
    if (!run.Has(output)) continue;
    Entries entries(c, output);
    const std::size_t cols = subjects::DimsOf(c, output)[3];
    for (std::size_t i = 0; i < alone.Out(output).size(); ++i) {
      entries.Agree(run, ((i / cols + 1) * a.seq_q - 1) * cols + i % cols,
                    fmt::format("as the last of {} queries", a.seq_q), alone, i, "alone");
    }
    KeepWorse(&worst, entries.Take());
  }
  return worst;
}

}  // namespace assay::properties
