// SPDX-License-Identifier: Apache-2.0
//
// Numbers that a law can move without rounding.

#pragma once

#include "properties/attention_case.h"

namespace assay::properties {

// Numbers of exponents in [-reach, reach) can be multiplied by 2^k, |k| <= reach / 2, and so can what is summed of
// them.
int MiddleReach(assay_dtype dtype);

// Multiples of `step` up to `reach` have sums with another such number in the type.
struct BiasGrid {
  double step;
  double reach;
};
BiasGrid GridOf(assay_dtype dtype);

}  // namespace assay::properties
