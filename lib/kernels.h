// SPDX-License-Identifier: Apache-2.0
//
// The table of kernels: for each target, tier and operation the function that serves a checked request.

#pragma once

#include <cstddef>
#include <cstdint>

#include "assay/assay.h"
#include "request.h"

namespace assay::internal {

// Serves a request with rows, cols > 0, inside an FpEnvironment.
using RowsFn = void (*)(const Request& request);

// By tier, operation and type; null: none.
struct KernelTable {
  RowsFn of[ASSAY_NUM_TIERS][ASSAY_NUM_ROW_OPS][ASSAY_NUM_DTYPES] = {};

  // The same function for several types: a set of 1 << assay_dtype.
  constexpr KernelTable& Set(assay_tier tier, assay_op op, unsigned dtypes, RowsFn fn) {
    for (int dtype = 0; dtype < ASSAY_NUM_DTYPES; ++dtype) {
      if ((dtypes >> dtype & 1u) != 0) of[tier][op][dtype] = fn;
    }
    return *this;
  }
};

inline constexpr unsigned kF32Only = 1u << ASSAY_F32;
inline constexpr unsigned kF64Only = 1u << ASSAY_F64;
inline constexpr unsigned kUpTo32Bits = 1u << ASSAY_F32 | 1u << ASSAY_F16 | 1u << ASSAY_BF16;
inline constexpr unsigned kAllDtypes = kF64Only | kUpTo32Bits;

// The kernels that one source file has for one target. Where the fast tier has none, the exact one serves.
struct KernelGroup {
  std::int64_t target = 0;  // hwy's bit, set by the code of that target itself
  KernelTable rows = {};
};

// Each source file's group for an entry of Highway's dispatch tables (hwy::ChosenTarget::GetIndex()).
const KernelGroup* ExactActivationsAt(std::size_t table_index);
const KernelGroup* ExactDoublesAt(std::size_t table_index);
const KernelGroup* ExactGradientsAt(std::size_t table_index);
const KernelGroup* ExactLossesAt(std::size_t table_index);
const KernelGroup* FastActivationsAt(std::size_t table_index);
const KernelGroup* FastGradientsAt(std::size_t table_index);
const KernelGroup* FastLossesAt(std::size_t table_index);
const KernelGroup* SparsemaxAt(std::size_t table_index);

// All groups of one target put together.
struct Kernels {
  std::int64_t target = 0;
  KernelTable rows = {};
};

// Those of the best target of this machine, and of the i-th best (null past the last).
const Kernels& ChosenKernels();
const Kernels* KernelsAt(std::size_t i);

// The entry of Highway's dispatch tables for a target's bit; touches no global state.
std::size_t TableIndex(std::int64_t target);
// The bit of the i-th best target that is compiled in and runs here; 0 past the last.
std::int64_t TargetAt(std::size_t i);

// exp(z[i]) for z[i] <= 0 by the lanes of the i-th best target, for the exhaustive test of its error.
void ExpForTest(std::size_t target, const double* z, double* out, std::size_t n);

// The double-double exponential of exact z[i] in [-700, 0]: out_hi + out_lo.
void ExpAccurateForTest(std::size_t target, const double* z, double* out_hi, double* out_lo, std::size_t n);

// exp(z[i]) for z[i] <= 60 by the fast tier's lanes, rounded to f32; within bounds::kFastExpRelative, and half a unit
// in the last place more where the result is subnormal. Targets without such lanes round the double exponential.
void FastExpForTest(std::size_t target, const float* z, float* out, std::size_t n);

// Checks, does what assay.h says of empty calls, then runs the kernel between a saved and a restored environment.
assay_status Run(const Kernels& kernels, assay_tier tier, assay_op op, const assay_row_args* args);

}  // namespace assay::internal
