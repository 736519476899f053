// SPDX-License-Identifier: Apache-2.0
//
// What a loss is asked about: its target distribution, its scale, and cases made from a loss's case.

#pragma once

#include <cstddef>
#include <vector>

#include "properties/approx.h"

namespace assay::properties {

// A row whose label is ignore_index.
bool Ignored(const Case& c, std::size_t row);
// The rows that are not ignored.
std::size_t CountedRows(const Case& c);

// The given target of an entry, before smoothing: a label is a target of 1.
double GivenTarget(const Case& c, std::size_t row, std::size_t col);

// t of assay.h for every entry of a row.
std::vector<Approx> TargetsOfRow(const Case& c, std::size_t row);

// What a row's loss is multiplied by in the gradient: its upstream, over the rows that count where the mean is taken.
// Not known where the upstream is not finite.
Approx ScaleOfRow(const Case& c, std::size_t row);

// Another operation on the same logits, bias, mask and T.
Case SameLogits(const Case& c, assay_op op);

// The case with another reduction; an upstream takes its shape, each element the first one.
Case WithReduction(Case c, assay_reduction reduction);

}  // namespace assay::properties
