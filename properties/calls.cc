// SPDX-License-Identifier: Apache-2.0
//
// What must not matter to a call: that it was made before, what was called in between, what runs beside it.

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "properties/judging.h"
#include "properties/machine_laws.h"
#include "properties/shrink_attention.h"
#include "properties/variants.h"

namespace assay::properties {
namespace {

using subjects::Operand;
using subjects::Random;

// The same call on NaN everywhere.
Case AllNaN(Case c) {
  subjects::ForEachInput(c, [](Role role, Operand& operand) {
    if (role == Role::kMask || role == Role::kLabels || role == Role::kLengths) return;
    for (std::size_t i = 0; i < operand.values.size(); ++i) {
      operand.values.Set(i, std::numeric_limits<double>::quiet_NaN());
    }
  });
  return c;
}

// The same call on numbers in [0, 1): each row the same, so that a layout that repeats one still can.
Case OtherNumbers(Case c, Random& random) {
  std::vector<double> row(1 + std::max({c.cols, c.attention.head_dim, c.attention.value_dim, c.attention.seq_kv}));
  for (double& x : row) x = random.Uniform();
  subjects::ForEachInput(c, [&](Role role, Operand& operand) {
    if (role == Role::kMask || role == Role::kLabels || role == Role::kLengths) return;
    const std::size_t cols = subjects::ShapeOf(c, role).cols;
    for (std::size_t i = 0; i < operand.values.size(); ++i) operand.values.Set(i, row[i % cols]);
  });
  return c;
}

// More and longer than c.
Case Larger(const Case& c, Random& random) {
  if (!subjects::IsAttention(c.op)) return Ordinary(c.op, c.dtype, c.rows + 1, 2 * c.cols + 67, random);
  // No more than a reference computes in milliseconds.
  return OrdinaryAttention(c.op, c.dtype, std::min<std::size_t>(c.attention.seq_q, 32) + 1,
                           std::min<std::size_t>(c.attention.seq_kv, 128) + 67, random);
}

// The same call with a parameter that must be refused; nothing where the subject has none.
std::optional<Case> Refused(Case c, const subjects::SubjectInfo& info) {
  if (!info.Can(c.op, ASSAY_FEATURE_STATUS)) return std::nullopt;
  if (!subjects::IsAttention(c.op)) {
    c.temperature = -1;
    return c;
  }
  if (!info.Can(c.op, ASSAY_FEATURE_SCALE)) return std::nullopt;
  c.attention.has_scale = true;
  c.attention.scale = std::numeric_limits<double>::infinity();
  return c;
}

// Rows, or batches, repeated until there is work for a while: calls of a few microseconds hardly overlap.
Case Repeated(const Case& c) {
  const bool attention = subjects::IsAttention(c.op);
  const std::size_t count = attention ? c.attention.batch : c.rows;
  const std::size_t work = attention ? AttentionWork(c) : c.rows * c.cols;
  const std::size_t enough = attention ? 1 << 16 : 1 << 14;
  const std::size_t most = attention ? 64 : 4096;
  const std::size_t copies = std::max<std::size_t>(1, std::min(enough / work, most / count));
  std::vector<std::size_t> indices;
  for (std::size_t copy = 0; copy < copies; ++copy) {
    for (std::size_t i = 0; i < count; ++i) indices.push_back(i);
  }
  return attention ? TakeBatches(c, indices) : TakeRows(c, indices);
}

}  // namespace

Judgement CheckRepetition(const Case& c, Context& context) {
  const Run first = RunCase(c, context);
  if (first.failed) return *first.failed;
  for (int call = 2; call <= 4; ++call) {
    const Run again = RunCase(c, context);
    if (again.failed) return *again.failed;
    Judgement judgement = SameResultsOrViolated(c, again.result, fmt::format("in call {} of the same", call),
                                                first.result, "in the first");
    if (judgement.verdict == Verdict::kViolated) return judgement;
  }
  return {};
}

Judgement CheckHistory(const Case& c, Context& context) {
  const subjects::SubjectInfo& info = context.subject.info();
  const Run base = RunCase(c, context, {.fresh = true});
  if (base.failed) return *base.failed;
  Random random(c.law_key, 15);
  Case moved = c;
  moved.offset = (c.offset + 1) % 16;
  struct Disturbance {
    Case between;
    const Case& again;
    const char* what;
  };
  std::vector<Disturbance> disturbances = {
      {AllNaN(c), c, "after a call of NaN"},
      {OtherNumbers(moved, random), moved, "after a call of other numbers in the same place"},
      {subjects::Supported(Larger(c, random), info), c, "after a call of more and longer rows"},
      {Foreign(c, info, random), c, "after a call of another operation or type"},
  };
  if (const std::optional<Case> refused = Refused(c, info)) {
    disturbances.push_back({*refused, c, "after a call that must be refused"});
  }
  for (const Disturbance& disturbance : disturbances) {
    const subjects::RunResult between = context.subject.Run(disturbance.between);
    if (between.outcome != subjects::Outcome::kReturned) {
      return Violated(
          fmt::format("no result from {}: {}", disturbance.what + std::string_view("after ").size(), between.detail),
          kInf);
    }
    const Run again = RunDerived(disturbance.again, context);
    if (again.failed) return *again.failed;
    Judgement judgement =
        SameResultsOrViolated(c, again.result, disturbance.what, base.result, "as the first call of a process");
    if (judgement.verdict == Verdict::kViolated) return judgement;
  }
  return {};
}

Judgement CheckConcurrentCalls(const Case& c, Context& context) {
  const bool empty = subjects::IsAttention(c.op) ? c.attention.batch == 0 : c.rows * c.cols == 0;
  if (empty) return {};
  const Case larger = Repeated(c);
  const std::vector<Role> roles = subjects::OutputsOf(larger);
  const Run alone = RunDerived(larger, context);
  if (alone.failed) return *alone.failed;
  for (int repetition = 0; repetition < 3; ++repetition) {
    const Run together = RunDerived(larger, context, {.threads = subjects::kMaxThreads});
    if (together.failed) return *together.failed;
    std::vector<Array> outs = {together.result.out};  // those of all threads, thread by thread
    outs.insert(outs.end(), together.result.more.begin(), together.result.more.end());
    outs.insert(outs.end(), together.result.others.begin(), together.result.others.end());
    for (std::size_t i = 0; i < outs.size(); ++i) {
      const std::size_t k = i % roles.size();
      Judgement judgement = SameBitsOrViolated(
          larger, roles[k], outs[i], fmt::format("in one of {} calls at once", subjects::kMaxThreads),
          k == 0 ? alone.result.out : alone.result.more.at(k - 1), "in a lone call");
      if (judgement.verdict == Verdict::kViolated) return judgement;
    }
  }
  return {};
}

}  // namespace assay::properties
