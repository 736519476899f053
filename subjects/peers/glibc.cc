// SPDX-License-Identifier: Apache-2.0
//
// The loops as one writes them in C, around the scalar exp of the C library, in float and in double.

#include <gnu/libc-version.h>

#include <cmath>

#include "subjects/peers/loops.h"

namespace assay::peers {
namespace {

template <class Number>
struct Libm {
  using T = Number;
  using V = Number;
  static constexpr std::size_t kLanes = 1;

  static V Set(T x) { return x; }
  static V Load(const T* p) { return *p; }
  static V LoadPart(const T*, std::size_t, V rest) { return rest; }  // one lane: there are no parts
  static void Store(V v, T* p) { *p = v; }
  static void StorePart(V, T*, std::size_t) {}
  static V Masked(V z, const std::uint8_t* mask, std::size_t, V hidden) { return *mask == 0 ? hidden : z; }
  static V Max(V a, V b) { return a > b ? a : b; }
  static T ReduceMax(V v) { return v; }
  static T ReduceAdd(V v) { return v; }
  static V Exp(V x) { return std::exp(x); }
  static T Log(T x) { return std::log(x); }
};

// The two tables in one, an operation going by the type of its call.
template <assay_row_fn kF32, assay_row_fn kF64>
assay_status ByType(const assay_row_args* args) {
  return args->dtype == ASSAY_F64 ? kF64(args) : kF32(args);
}

template <assay_row_fn kF32, assay_row_fn kF64>
void Both(assay_row_kernel& kernel) {
  kernel.run = ByType<kF32, kF64>;
  kernel.dtypes = 1U << ASSAY_F32 | 1U << ASSAY_F64;
}

assay_subject Table() {
  using F = Loops<Libm<float>>;
  using D = Loops<Libm<double>>;
  assay_subject table =
      F::Table("glibc", gnu_get_libc_version(), "Plain loops around the scalar exp and log of the C library.");
  Both<F::Softmax, D::Softmax>(table.softmax);
  Both<F::LogSoftmax, D::LogSoftmax>(table.log_softmax);
  Both<F::Logsumexp, D::Logsumexp>(table.logsumexp);
  Both<F::Sigmoid, D::Sigmoid>(table.sigmoid);
  Both<F::SoftmaxBackward, D::SoftmaxBackward>(table.softmax_backward);
  Both<F::LogSoftmaxBackward, D::LogSoftmaxBackward>(table.log_softmax_backward);
  Both<F::CrossEntropy, D::CrossEntropy>(table.cross_entropy);
  Both<F::CrossEntropyBackward, D::CrossEntropyBackward>(table.cross_entropy_backward);
  Both<F::Sparsemax, D::Sparsemax>(table.sparsemax);
  Both<F::SparsemaxBackward, D::SparsemaxBackward>(table.sparsemax_backward);
  return table;
}

}  // namespace
}  // namespace assay::peers

ASSAY_PEER_EXPORT const assay_subject* assay_subject_v1() {
  static const assay_subject table = assay::peers::Table();
  return &table;
}
