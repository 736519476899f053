// SPDX-License-Identifier: Apache-2.0
//
// Numbers of the four dtypes, read as doubles (exact) and written with one rounding. A subject of its own: nothing here
// is shared with what judges it.

#pragma once

#include <cstddef>

#include "assay/assay.h"

namespace assay::subjects {

std::size_t BytesOf(assay_dtype dtype);

// The element at data + at.
double LoadNumber(assay_dtype dtype, const void* data, std::ptrdiff_t at);

// Writes value rounded to nearest, ties to even. Every NaN is the canonical one and every zero +0. Needs the default
// rounding mode.
void StoreNumber(assay_dtype dtype, void* data, std::ptrdiff_t at, long double value);

// The number of the dtype nearest to value, as StoreNumber would write it.
double RoundNumber(assay_dtype dtype, long double value);

}  // namespace assay::subjects
