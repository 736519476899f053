// SPDX-License-Identifier: Apache-2.0
//
// glibc's vector mathematics (libmvec): its expf of at most 4 ULP within plain loops, which is what g++ -O3 -ffast-math
// makes of such loops. Called by its ABI's names (x86_64 Vector Function ABI), since the header names no functions.

#include <gnu/libc-version.h>

#include <cmath>

#include "subjects/peers/loops.h"
#include "subjects/peers/vectors.h"

#if defined(__AVX512F__)
extern "C" __m512 _ZGVeN16v_expf(__m512);
#else
extern "C" __m256 _ZGVdN8v_expf(__m256);
#endif

namespace assay::peers {
namespace {

struct Libmvec : FloatVectors {
#if defined(__AVX512F__)
  static V Exp(V x) { return _ZGVeN16v_expf(x); }
#else
  static V Exp(V x) { return _ZGVdN8v_expf(x); }
#endif
  static float Log(float x) { return std::log(x); }
};

}  // namespace
}  // namespace assay::peers

ASSAY_PEER_EXPORT const assay_subject* assay_subject_v1() {
  static const assay_subject table = assay::peers::Loops<assay::peers::Libmvec>::Table(
      "libmvec", gnu_get_libc_version(), "Plain float loops around the vector expf of glibc's libmvec.");
  return &table;
}
