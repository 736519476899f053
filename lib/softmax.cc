// SPDX-License-Identifier: Apache-2.0
//
// Highway compiles the part above HWY_ONCE once for each target; below it stand the C API and the choice of target.

// clang-format off: foreach_target.h must come before anything that includes highway.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "softmax.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

#include "fp_environment.h"
#include "rows.h"
#include "softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {

assay_status SoftmaxOnThisTarget(const assay_row_args* args);

inline constexpr assay_subject kSubject = {
    .struct_size = sizeof(assay_subject),
    .abi_major = ASSAY_ABI_MAJOR,
    .abi_minor = ASSAY_ABI_MINOR,
    .name = "assay",
    .version = ASSAY_VERSION,
    .description = "Assay's own softmax, exact tier",
    .features = ASSAY_FEATURE_MASK | ASSAY_FEATURE_TEMPERATURE | ASSAY_FEATURE_TEMPERATURE_LIMITS |
                ASSAY_FEATURE_ROW_STRIDE | ASSAY_FEATURE_IN_PLACE | ASSAY_FEATURE_EMPTY_ROW | ASSAY_FEATURE_STATUS |
                ASSAY_FEATURE_CONCURRENT | ASSAY_FEATURE_FP_ENVIRONMENT | ASSAY_FEATURE_CANONICAL_NAN,
    .empty_row_unmasked = ASSAY_EMPTY_ROW_NAN,
    .empty_row_masked = ASSAY_EMPTY_ROW_ZERO,
    .plus_inf = ASSAY_PLUS_INF_NAN_ROW,
    .reserved = 0,
    .alignment_bytes = 1,
    .over_read_bytes = 0,
    .softmax = {.run = &SoftmaxOnThisTarget,
                .without = 0,
                .dtypes = 1U << ASSAY_F32,
                .reserved = 0,
                .claims = {{ASSAY_CLAIM_CORRECTLY_ROUNDED, 0, 0.5, 0}}},
    .log_softmax = {},
    .logsumexp = {},
    .sigmoid = {},
    .softmax_backward = {},
    .log_softmax_backward = {},
    .cross_entropy = {},
    .cross_entropy_backward = {},
    .sparsemax = {},
    .sparsemax_backward = {},
};

const internal::Kernels* GetKernels() {
  static constexpr internal::Kernels kKernels = {HWY_TARGET, &kSubject, &SoftmaxRows};
  return &kKernels;
}

assay_status SoftmaxOnThisTarget(const assay_row_args* args) {
  return internal::SoftmaxWith(*GetKernels(), args, nullptr);
}

void ExpLanes(const double* z, double* hi, double* lo, size_t n, bool accurate) {
  const Doubles d;
  const size_t lanes = hn::Lanes(d);
  HWY_ALIGN double in[HWY_MAX_BYTES / sizeof(double)] = {};
  HWY_ALIGN double out[2][HWY_MAX_BYTES / sizeof(double)];
  for (size_t i = 0; i < n; i += lanes) {
    const size_t count = n - i < lanes ? n - i : lanes;
    std::memcpy(in, z + i, count * sizeof(double));
    if (accurate) {
      const Pair<DoubleVec> e = ExpAccurate(d, Pair<DoubleVec>{hn::Load(d, in), hn::Zero(d)});
      hn::Store(e.hi, d, out[0]);
      hn::Store(e.lo, d, out[1]);
      std::memcpy(lo + i, out[1], count * sizeof(double));
    } else {
      hn::Store(Exp(d, hn::Load(d, in)), d, out[0]);
    }
    std::memcpy(hi + i, out[0], count * sizeof(double));
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::internal {

HWY_EXPORT(GetKernels);
HWY_EXPORT(ExpLanes);

namespace {

// The table entry of one target; touches no global state.
std::size_t TableIndex(std::int64_t target) {
  hwy::ChosenTarget chosen;
  chosen.Update(target);
  return chosen.GetIndex();
}

// The bit of the i-th best target that is compiled in and runs here; 0 past the last. Better targets have lower bits.
std::int64_t TargetAt(std::size_t i) {
  std::int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
  for (; i > 0; --i) targets &= targets - 1;
  return targets & -targets;
}

}  // namespace

const Kernels& ChosenKernels() { return *HWY_DYNAMIC_DISPATCH(GetKernels)(); }

const Kernels* KernelsAt(std::size_t i) {
  const std::int64_t target = TargetAt(i);
  return target == 0 ? nullptr : HWY_DISPATCH_TABLE(GetKernels)[TableIndex(target)]();
}

void ExpForTest(std::size_t target, const double* z, double* out, std::size_t n) {
  HWY_DISPATCH_TABLE(ExpLanes)[TableIndex(TargetAt(target))](z, out, nullptr, n, false);
}

void ExpAccurateForTest(std::size_t target, const double* z, double* out_hi, double* out_lo, std::size_t n) {
  HWY_DISPATCH_TABLE(ExpLanes)[TableIndex(TargetAt(target))](z, out_hi, out_lo, n, true);
}

assay_status SoftmaxWith(const Kernels& kernels, const assay_row_args* args, std::int64_t* ran) {
  SoftmaxRows rows;
  const assay_status status = CheckSoftmax(args, &rows);
  if (status != ASSAY_OK || rows.rows == 0 || rows.cols == 0) return status;
  const FpEnvironment environment;
  const std::int64_t target = kernels.softmax(rows);
  if (ran != nullptr) *ran = target;
  return ASSAY_OK;
}

}  // namespace assay::internal
#endif  // HWY_ONCE
