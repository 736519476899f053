// SPDX-License-Identifier: Apache-2.0
//
// RapidCheck generators of Cases. Shapes and switches come from RapidCheck's combinators; logits are built from bit
// fields by patterns that break kernels, because rc::gen::arbitrary<float> knows no NaN, infinity or subnormal.

#pragma once

#include <rapidcheck.h>

#include <string>

#include "properties/property.h"
#include "subjects/case.h"

namespace assay::properties {

// How the logits of a case are laid out; the generator notes it in Case::origin.
enum class Pattern {
  kBits,          // any bit pattern: NaN, infinities and subnormals included
  kNormal,        // N(0, sigma), sigma from 1/4 to 64
  kTies,          // two to four distinct values
  kRamp,          // equal steps, up or down
  kOneHot,        // one above the rest
  kOffset,        // small differences on an offset up to 1e30
  kNeighbours,    // values a few ULP apart
  kSubnormal,     // subnormals and zeros of both signs
  kTail,          // one 0, the rest where shares become subnormal, -105 .. -85
  kAbsorbed,      // one 0, the rest in -20 .. -14
  kHugeNegative,  // around -2e9 and below
  kEqual,         // one value
};
inline constexpr int kPatterns = 12;
const char* PatternName(Pattern pattern);

// Any case; shrinks by the steps of shrink.h, each result prepared again for the law and the subject.
// The generator keeps references to both.
rc::Gen<subjects::Case> Cases(const Property& property, const subjects::SubjectInfo& info);

// A given case with the same steps.
rc::Shrinkable<subjects::Case> WithSteps(subjects::Case c, const Property& property, const subjects::SubjectInfo& info);

}  // namespace assay::properties
