// SPDX-License-Identifier: Apache-2.0
//
// The same call arranged in another way: other rows of it, other places in memory. What the machine laws compare.

#pragma once

#include <cstddef>
#include <vector>

#include "subjects/case.h"
#include "subjects/random.h"
#include "subjects/subject.h"

namespace assay::properties {

// The case with the listed rows, in that order; a row may come several times. All else stays, the layouts included. An
// upstream of a reduced loss belongs to no row and stays.
subjects::Case TakeRows(const subjects::Case& c, const std::vector<std::size_t>& rows);

// Rows whose results are their own: a loss without reduction, the upstream of the reduced one given to each row.
subjects::Case Unreduced(subjects::Case c);

// Of attention, the same with batches.
subjects::Case TakeBatches(const subjects::Case& c, const std::vector<std::size_t>& batches);

// Whether entries lie one behind the other in every operand and in out; and made so.
bool IsDense(const subjects::Case& c);
subjects::Case Dense(subjects::Case c);

// The case with a gap behind each row of its operands and of out, of at most 19 elements, not all of them 0: a layout
// for every subject that has row strides.
subjects::Case WithGaps(subjects::Case c, subjects::Random& random);

// Layouts of every kind but repetition, for subjects that have any strides: steps of at most 3.
subjects::Case WithAnyLayouts(subjects::Case c, subjects::Random& random);

// One of the given inputs of several rows gets its first row everywhere and a row stride of 0; of attention, its first
// batch, head or position. Which one the numbers say; the in-place operand is left alone. Unchanged where there is no
// such input.
subjects::Case WithRepeatedRow(subjects::Case c, subjects::Random& random);

// A plain call of random numbers in [-8, 8).
subjects::Case Ordinary(assay_op op, assay_dtype dtype, std::size_t rows, std::size_t cols, subjects::Random& random);

// The same of attention, of d = d_v = 16, with more keys than queries.
subjects::Case OrdinaryAttention(assay_op op, assay_dtype dtype, std::size_t seq_q, std::size_t seq_kv,
                                 subjects::Random& random);

// An ordinary small call of another operation or dtype that the subject has; of the same where it has no other.
subjects::Case Foreign(const subjects::Case& c, const subjects::SubjectInfo& info, subjects::Random& random);

}  // namespace assay::properties
