// SPDX-License-Identifier: Apache-2.0
//
// The choice of target, and the one way into every kernel.

#include "kernels.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "fp_environment.h"
#include "hwy/targets.h"
#include "number.h"

namespace assay::internal {
namespace {

using GroupAt = const KernelGroup* (*)(std::size_t);
constexpr GroupAt kGroups[] = {&ExactActivationsAt, &ExactDoublesAt,  &ExactGradientsAt, &ExactLossesAt,
                               &FastActivationsAt,  &FastGradientsAt, &FastLossesAt,     &SparsemaxAt};

constexpr std::size_t kTableEntries = HWY_MAX_DYNAMIC_TARGETS + 2;
using Table = std::array<Kernels, kTableEntries>;

template <class Fn>
void ForAllOperations(Fn&& fn) {
  for (int op = 0; op < ASSAY_NUM_ROW_OPS; ++op) {
    for (int dtype = 0; dtype < ASSAY_NUM_DTYPES; ++dtype) fn(op, dtype);
  }
}

void Merge(const KernelTable& from, KernelTable* to) {
  for (int tier = 0; tier < ASSAY_NUM_TIERS; ++tier) {
    ForAllOperations([&](int op, int dtype) {
      if (from.of[tier][op][dtype] != nullptr) to->of[tier][op][dtype] = from.of[tier][op][dtype];
    });
  }
}

void Complete(KernelTable* table) {
  ForAllOperations([&](int op, int dtype) {
    RowsFn& fast = table->of[ASSAY_TIER_FAST][op][dtype];
    if (fast == nullptr) fast = table->of[ASSAY_TIER_EXACT][op][dtype];
  });
}

Table MakeTable() {
  Table table;
  // All that were compiled, whether they run here or not.
  for (std::int64_t left = HWY_TARGETS; left != 0; left &= left - 1) {
    const std::int64_t target = left & -left;
    const std::size_t index = TableIndex(target);
    Kernels& kernels = table[index];
    kernels.target = target;
    for (const GroupAt group_at : kGroups) {
      const KernelGroup& group = *group_at(index);
      if (group.target != target) kernels.target = 0;  // the dispatch is broken: a test sees it
      Merge(group.rows, &kernels.rows);
    }
    Complete(&kernels.rows);
  }
  return table;
}

const Table& AllKernels() {
  static const Table table = MakeTable();
  return table;
}

void StoreFirst(const Request& request, std::ptrdiff_t row, double value) {
  StoreNumber(request.args.dtype, request.args.out.data, row * request.args.out.row_stride, value);
}

// What assay.h writes at Empty.
void RunEmpty(const Request& request) {
  const assay_row_args& args = request.args;
  if (request.op == ASSAY_LOGSUMEXP) {
    for (std::size_t row = 0; row < args.rows; ++row) {
      StoreFirst(request, static_cast<std::ptrdiff_t>(row), -std::numeric_limits<double>::infinity());
    }
  } else if (request.op == ASSAY_CROSS_ENTROPY && args.reduction != ASSAY_REDUCTION_NONE) {
    StoreFirst(request, 0, args.reduction == ASSAY_REDUCTION_SUM ? 0 : std::numeric_limits<double>::quiet_NaN());
  }
}

}  // namespace

std::size_t TableIndex(std::int64_t target) {
  hwy::ChosenTarget chosen;
  chosen.Update(target);
  return chosen.GetIndex();
}

// Better targets have lower bits. Asked once: SupportedTargets asks the processor, which a virtual machine may make
// slow (16 to 40 us were seen).
std::int64_t TargetAt(std::size_t i) {
  static const std::int64_t all = hwy::SupportedTargets() & HWY_TARGETS;
  std::int64_t targets = all;
  for (; i > 0; --i) targets &= targets - 1;
  return targets & -targets;
}

const Kernels& ChosenKernels() {
  hwy::ChosenTarget& chosen = hwy::GetChosenTarget();
  if (!chosen.IsInitialized()) chosen.Update(hwy::SupportedTargets());
  return AllKernels()[chosen.GetIndex()];
}

const Kernels* KernelsAt(std::size_t i) {
  const std::int64_t target = TargetAt(i);
  return target == 0 ? nullptr : &AllKernels()[TableIndex(target)];
}

assay_status Run(const Kernels& kernels, assay_tier tier, assay_op op, const assay_row_args* args) {
  Request request;
  const assay_status status = CheckRequest(op, args, &request);
  if (status != ASSAY_OK) return status;
  if (args->rows == 0 || args->cols == 0) {
    RunEmpty(request);
    return ASSAY_OK;
  }
  const RowsFn rows = kernels.rows.of[tier][op][args->dtype];
  if (rows == nullptr) return ASSAY_UNSUPPORTED;
  const FpEnvironment environment;
  rows(request);
  return ASSAY_OK;
}

}  // namespace assay::internal
