// SPDX-License-Identifier: Apache-2.0
//
// Attention's share of fit.h, and what a query may see: what generators, shrinking and laws need of a case of attention
// without the oracle.

#pragma once

#include <cstddef>

#include "subjects/case.h"

namespace assay::properties {

using subjects::Case;

// Whether length, causality, window, mask and a bias above -inf let query i of head h see key j (a NaN as bias does).
bool CanSee(const Case& c, std::size_t batch, std::size_t head, std::size_t i, std::size_t j);
// Whether it may see any, and whether any query of the key head's group may see key j.
bool SeesAny(const Case& c, std::size_t batch, std::size_t head, std::size_t i);
bool IsSeen(const Case& c, std::size_t batch, std::size_t kv_head, std::size_t j);

// The case with other sizes: operands keep their first numbers along each axis and get zeros (mask: ones) behind.
Case Reshaped(Case c, const subjects::Attention& to);

// Whether the values are the same along dimension d of `dims` (0 batch, 1 head, 2 position), as a stride of 0 has them;
// and made so, from the first.
bool IsRepeated(const subjects::Array& values, const subjects::Dims& dims, std::size_t d);
void Repeat(subjects::Array& values, const subjects::Dims& dims, std::size_t d);

// Settled and Valid of fit.h for attention. Settled: something is asked for, dbias only where there is a bias; in place
// only where out has the shape of q. Valid: scale and softcap finite, softcap not negative, heads a multiple of key
// heads, lengths in [0, seq_kv].
Case SettledAttention(Case c);
Case ValidAttention(Case c);

// Finite numbers wherever they count: visible keys and values, queries, biases that are not -inf, a sink that is not
// -inf; all that is saved (a saved_lse of -inf stays) and upstream where saved_lse is not -inf. |scale| <= 2^40; in
// f64, where nothing is wider, |q|, |k| < 2^480 and all else below 2^1000, so that no score leaves the range of double.
// Where that changed the scores or values of a backward, its saved operands are those of a forward pass anew.
Case FiniteAttention(Case c);

}  // namespace assay::properties
