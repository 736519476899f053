// SPDX-License-Identifier: Apache-2.0
//
// Drawn cases of attention and its backward: what breaks kernels. Integers and IEEE operations alone, so that a key
// gives the same case on every machine.

#pragma once

#include <cstdint>

#include "subjects/case.h"
#include "subjects/random.h"

namespace assay::properties {

// Any case of the operation and dtype: sizes around lanes and tiles, visibility of every kind, numbers as below. A pure
// function of its arguments. Pairs of query and key times dimensions are 2^18 at most, mostly 2^12, so that the oracle
// stays quick: on average they are some 2000.
subjects::Case DrawAttention(assay_op op, assay_dtype dtype, std::uint64_t key);

// ---- Its parts -----------------------------------------------------------------------------------------------------

// Scale, softcap, causal, alignment, window, lengths, lse's dtype, what is skipped; mask.
void DrawAttentionSwitches(subjects::Case& c, subjects::Random& random);
// q, k, v, then bias and sink now and then, by the patterns named in attention_operands.cc, which Case::origin notes.
void FillAttention(subjects::Case& c, subjects::Random& random);
// NaN and infinities: half of the time where nothing sees them, seldom where something does.
void SprinkleAttention(subjects::Case& c, subjects::Random& random);
// Layouts, broadcast operands among them (their values are made equal).
void DrawAttentionLayouts(subjects::Case& c, subjects::Random& random);
// saved_out and saved_lse of the forward pass, computed in double and rounded, as with a sink one time in four; junk
// one time in eight. And upstream.
void FillAttentionSaved(subjects::Case& c, subjects::Random& random);

}  // namespace assay::properties
