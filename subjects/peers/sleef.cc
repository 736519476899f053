// SPDX-License-Identifier: Apache-2.0
//
// SLEEF: its vector exp of at most 1 ULP within plain loops; what SLEEF's users have, who bring the loops themselves.

#include "subjects/peers/loops.h"
#include "subjects/peers/vectors.h"
// After the intrinsics, which decide what it declares.
#include <sleef.h>

namespace assay::peers {
namespace {

struct Sleef : FloatVectors {
#if defined(__AVX512F__)
  static V Exp(V x) { return Sleef_expf16_u10avx512f(x); }
#else
  static V Exp(V x) { return Sleef_expf8_u10avx2(x); }
#endif
  static float Log(float x) { return Sleef_logf_u10(x); }
};

#define ASSAY_TEXT(x) #x
#define ASSAY_VERSION(major, minor, patch) ASSAY_TEXT(major) "." ASSAY_TEXT(minor) "." ASSAY_TEXT(patch)

}  // namespace
}  // namespace assay::peers

ASSAY_PEER_EXPORT const assay_subject* assay_subject_v1() {
  static const assay_subject table = assay::peers::Loops<assay::peers::Sleef>::Table(
      "sleef", ASSAY_VERSION(SLEEF_VERSION_MAJOR, SLEEF_VERSION_MINOR, SLEEF_VERSION_PATCHLEVEL),
      "Plain float loops around SLEEF's vector exp of 1 ULP.");
  return &table;
}
