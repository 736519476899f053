// SPDX-License-Identifier: Apache-2.0
//
// What stands in the operands of a drawn case: numbers by the patterns that break kernels, in the range of the dtype.
// Integers and IEEE operations alone, so that a key gives the same case on every machine.

#pragma once

#include <cstddef>

#include "subjects/case.h"
#include "subjects/random.h"

namespace assay::properties {

// How the numbers of a row are laid out; the generator notes the first row's in Case::origin.
enum class Pattern {
  kBits,          // any bit pattern: NaN, infinities and subnormals included
  kNormal,        // N(0, sigma), sigma from 1/4 to 64
  kTies,          // two to four distinct values
  kRamp,          // equal steps, up or down
  kOneHot,        // one above the rest
  kOffset,        // small differences on an offset up to 1e30, or half the dtype's range
  kNeighbours,    // values a few ULP apart
  kSubnormal,     // subnormals and zeros of both signs
  kTail,          // one 0, the rest where shares become subnormal (f32: -105 .. -85)
  kAbsorbed,      // one 0, the rest where a sum from 1 on loses them (f32: -20 .. -14)
  kHugeNegative,  // around -2e9 and below, or half the dtype's range
  kEqual,         // one value
};
inline constexpr int kPatterns = 12;
const char* PatternName(Pattern pattern);

// Fills values [first, first + n).
void FillPattern(Pattern pattern, subjects::Random& random, subjects::Array& values, std::size_t first, std::size_t n);

// Logits of all rows; now and then special values among ordinary ones.
void FillLogits(subjects::Case& c, subjects::Random& random);
// A bias: small, large, zeros with -inf as a mask, or what cancels x / T.
void GiveBias(subjects::Case& c, subjects::Random& random);
void GiveMask(subjects::Case& c, subjects::Random& random);
// Saved outputs of the activation: shares (some of them 0), their logarithms, one-hot rows; junk now and then.
void FillSaved(subjects::Case& c, subjects::Random& random);
// Upstream gradients: normal, one-hot, constant, huge; infinities and NaN, mostly where the share is 0.
void FillUpstream(subjects::Case& c, subjects::Random& random);
// Labels or targets, reduction, smoothing, ignore_index, and for the gradient maybe upstream.
void FillLoss(subjects::Case& c, subjects::Random& random);
// One of the layouts of DrawLayouts, which row operations and attention share: gap, step, order and direction.
subjects::Layout DrawLayout(subjects::Random& random);
// Where the operands and out lie: dense half of the time.
void DrawLayouts(subjects::Case& c, subjects::Random& random);

}  // namespace assay::properties
