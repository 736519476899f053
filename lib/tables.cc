// SPDX-License-Identifier: Apache-2.0
//
// The library as subjects: for each target and tier a table whose functions run there and nowhere else.

#include <cstddef>
#include <utility>

#include "assay/assay.h"
#include "attention.h"
#include "error_bounds.h"
#include "kernels.h"

namespace assay::internal {
namespace {

constexpr std::size_t kMaxTargets = 10;

template <std::size_t kTarget, assay_tier kTier, assay_op kOp>
assay_status Entry(const assay_row_args* args) {
  return Run(*KernelsAt(kTarget), kTier, kOp, args);
}

template <std::size_t kTarget, assay_tier kTier, assay_op kOp>
constexpr assay_row_kernel MakeKernel() {
  assay_row_kernel kernel{};
  kernel.run = &Entry<kTarget, kTier, kOp>;
  for (int dtype = 0; dtype < ASSAY_NUM_DTYPES; ++dtype) {
    kernel.dtypes |= 1u << dtype;
    kernel.claims[dtype] = bounds::ClaimOf(kTier, kOp, static_cast<assay_dtype>(dtype));
  }
  return kernel;
}

template <std::size_t kTarget, assay_tier kTier, assay_op kOp>
assay_status AttentionEntry(const assay_attention_args* args) {
  return RunAttention(AttentionKernelAt(TableIndex(TargetAt(kTarget)), kTier, kOp), kOp, args);
}

template <std::size_t kTarget, assay_tier kTier, assay_op kOp>
std::size_t ScratchEntry(const assay_attention_args* args) {
  return AttentionScratch(AttentionKernelAt(TableIndex(TargetAt(kTarget)), kTier, kOp), args);
}

template <std::size_t kTarget, assay_tier kTier, assay_op kOp>
constexpr assay_attention_kernel MakeAttention() {
  assay_attention_kernel kernel{};
  kernel.run = &AttentionEntry<kTarget, kTier, kOp>;
  kernel.scratch_bytes = &ScratchEntry<kTarget, kTier, kOp>;
  kernel.without = kOp == ASSAY_ATTENTION ? 0 : ASSAY_FEATURE_IN_PLACE;
  kernel.dtypes = kUpTo32Bits;
  for (int dtype = 0; dtype < ASSAY_NUM_DTYPES; ++dtype) {
    kernel.claims[dtype] = bounds::AttentionClaimOf(kTier, kOp);
  }
  return kernel;
}

template <std::size_t kTarget, assay_tier kTier>
constexpr assay_subject MakeSubject() {
  assay_subject subject{};
  subject.struct_size = sizeof(assay_subject);
  subject.abi_major = ASSAY_ABI_MAJOR;
  subject.abi_minor = ASSAY_ABI_MINOR;
  subject.name = kTier == ASSAY_TIER_EXACT ? "assay" : "assay-fast";
  subject.version = ASSAY_VERSION;
  subject.description =
      kTier == ASSAY_TIER_EXACT ? "Assay's own kernels, exact tier" : "Assay's own kernels, fast tier";
  subject.features = ASSAY_FEATURES_ALL;
  subject.empty_row_unmasked = ASSAY_EMPTY_ROW_NAN;
  subject.empty_row_masked = ASSAY_EMPTY_ROW_ZERO;
  subject.plus_inf = ASSAY_PLUS_INF_NAN_ROW;
  subject.alignment_bytes = 1;
  subject.over_read_bytes = 0;
  subject.softmax = MakeKernel<kTarget, kTier, ASSAY_SOFTMAX>();
  subject.log_softmax = MakeKernel<kTarget, kTier, ASSAY_LOG_SOFTMAX>();
  subject.logsumexp = MakeKernel<kTarget, kTier, ASSAY_LOGSUMEXP>();
  subject.sigmoid = MakeKernel<kTarget, kTier, ASSAY_SIGMOID>();
  subject.softmax_backward = MakeKernel<kTarget, kTier, ASSAY_SOFTMAX_BACKWARD>();
  subject.log_softmax_backward = MakeKernel<kTarget, kTier, ASSAY_LOG_SOFTMAX_BACKWARD>();
  subject.cross_entropy = MakeKernel<kTarget, kTier, ASSAY_CROSS_ENTROPY>();
  subject.cross_entropy_backward = MakeKernel<kTarget, kTier, ASSAY_CROSS_ENTROPY_BACKWARD>();
  subject.sparsemax = MakeKernel<kTarget, kTier, ASSAY_SPARSEMAX>();
  subject.sparsemax_backward = MakeKernel<kTarget, kTier, ASSAY_SPARSEMAX_BACKWARD>();
  subject.attention = MakeAttention<kTarget, kTier, ASSAY_ATTENTION>();
  subject.attention_backward = MakeAttention<kTarget, kTier, ASSAY_ATTENTION_BACKWARD>();
  return subject;
}

struct Subjects {
  assay_subject tiers[kMaxTargets][ASSAY_NUM_TIERS];
};

template <std::size_t... kTarget>
constexpr Subjects MakeSubjects(std::index_sequence<kTarget...>) {
  return {{{MakeSubject<kTarget, ASSAY_TIER_EXACT>(), MakeSubject<kTarget, ASSAY_TIER_FAST>()}...}};
}

constexpr Subjects kSubjects = MakeSubjects(std::make_index_sequence<kMaxTargets>());

}  // namespace
}  // namespace assay::internal

extern "C" const assay_subject* assay_target_subject(size_t i, assay_tier tier) {
  using namespace assay::internal;  // NOLINT: the one function of C here
  if (i >= kMaxTargets || KernelsAt(i) == nullptr) return nullptr;
  return tier == ASSAY_TIER_EXACT || tier == ASSAY_TIER_FAST ? &kSubjects.tiers[i][tier] : nullptr;
}
