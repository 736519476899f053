// SPDX-License-Identifier: Apache-2.0
//
// What must not matter to a call: that it was made before, what was called in between, what runs beside it.

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "properties/judging.h"
#include "properties/machine_laws.h"
#include "properties/variants.h"

namespace assay::properties {
namespace {

using subjects::Operand;
using subjects::Random;

// The same call on NaN everywhere.
Case AllNaN(Case c) {
  subjects::ForEachInput(c, [](Role role, Operand& operand) {
    if (role == Role::kMask || role == Role::kLabels) return;
    for (std::size_t i = 0; i < operand.values.size(); ++i) {
      operand.values.Set(i, std::numeric_limits<double>::quiet_NaN());
    }
  });
  return c;
}

// The same call on numbers in [0, 1): each row the same, so that a layout that repeats one still can.
Case OtherNumbers(Case c, Random& random) {
  std::vector<double> row(c.cols + 1);
  for (double& x : row) x = random.Uniform();
  subjects::ForEachInput(c, [&](Role role, Operand& operand) {
    if (role == Role::kMask || role == Role::kLabels) return;
    const std::size_t cols = subjects::ShapeOf(c, role).cols;
    for (std::size_t i = 0; i < operand.values.size(); ++i) operand.values.Set(i, row[i % cols]);
  });
  return c;
}

}  // namespace

Judgement CheckRepetition(const Case& c, Context& context) {
  const Run first = RunCase(c, context);
  if (first.failed) return *first.failed;
  for (int call = 2; call <= 4; ++call) {
    const Run again = RunCase(c, context);
    if (again.failed) return *again.failed;
    Judgement judgement = SameBitsOrViolated(c, again.result.out, fmt::format("in call {} of the same", call),
                                             first.result.out, "in the first");
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
      {subjects::Supported(Ordinary(c.op, c.dtype, c.rows + 1, 2 * c.cols + 67, random), info), c,
       "after a call of more and longer rows"},
      {Foreign(c, info, random), c, "after a call of another operation or type"},
  };
  if (info.Can(c.op, ASSAY_FEATURE_STATUS)) {
    Case refused = c;
    refused.temperature = -1;
    disturbances.push_back({refused, c, "after a call that must be refused"});
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
        SameBitsOrViolated(c, again.result.out, disturbance.what, base.result.out, "as the first call of a process");
    if (judgement.verdict == Verdict::kViolated) return judgement;
  }
  return {};
}

// Calls of a few microseconds hardly overlap: the rows are repeated until there are 2^14 elements.
Judgement CheckConcurrentCalls(const Case& c, Context& context) {
  constexpr std::size_t kElements = 1 << 14;
  if (c.rows * c.cols == 0) return {};
  std::vector<std::size_t> rows;
  const std::size_t copies = std::max<std::size_t>(1, std::min(kElements / (c.rows * c.cols), 4096 / c.rows));
  for (std::size_t copy = 0; copy < copies; ++copy) {
    for (std::size_t r = 0; r < c.rows; ++r) rows.push_back(r);
  }
  const Case larger = TakeRows(c, rows);
  const Run alone = RunDerived(larger, context);
  if (alone.failed) return *alone.failed;
  for (int repetition = 0; repetition < 3; ++repetition) {
    const Run together = RunDerived(larger, context, {.threads = subjects::kMaxThreads});
    if (together.failed) return *together.failed;
    std::vector<Array> outs = together.result.others;
    outs.push_back(together.result.out);
    for (const Array& out : outs) {
      Judgement judgement =
          SameBitsOrViolated(larger, out, fmt::format("in one of {} calls at once", subjects::kMaxThreads),
                             alone.result.out, "in a lone call");
      if (judgement.verdict == Verdict::kViolated) return judgement;
    }
  }
  return {};
}

}  // namespace assay::properties
