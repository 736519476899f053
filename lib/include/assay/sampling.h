/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The distributions that samplers of language models draw from: softmax of a row's most likely entries, the rest 0.
 * C99; an addition to assay.h.
 */
/* clang-format off */
#ifndef ASSAY_SAMPLING_H_
#define ASSAY_SAMPLING_H_

#include "assay/assay.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Writes to out the softmax, at the temperature of args, of those entries of each row that top-k and then top-p keep,
 * and +0 for the others. What is kept is what assay_softmax (assay_fast_softmax in the fast tier) gives for a row in
 * which the other entries are hidden, bit for bit.
 *
 * Order    by logit, the largest first; equal ones by column, the lowest first (+0 and -0 are equal). The same at every
 *          T, 0 and inf included.
 * Top-k    the first k visible entries; k = 0, or k at least their number: all of them.
 * Top-p    the first m of these, m >= 1 the least number whose shares sum to p or more. The shares are those of softmax
 *          at T over what top-k kept, in real numbers. p = 0 keeps the first alone, p = 1 all; a p that is NaN or not
 *          in [0, 1] is ASSAY_BAD_PARAMETER.
 * Decision a sum of shares that differs from p by more than n 2^-85 (n = cols; bounds::NucleusShare) is on the right side of it. Where all kept
 *          logits are equal, or T is 0 or inf, sums are rational and none is misjudged. The same entries are kept on every
 *          instruction set and compiler, in both tiers, and in whatever order the row stands (but for equal ones).
 * Rows     mask, empty_row, T, NaN, infinities, strides, in place: as for ASSAY_SOFTMAX at assay_row_args. There is no
 *          bias: ASSAY_BAD_PARAMETER. From 2^40 columns on: ASSAY_UNSUPPORTED.
 * Cost     two readings of the row for each byte of its type and a few more, an exponential for each entry that top-k
 *          keeps; where p is within 2^-44 of a sum, some of it again. No scratch but 10 KiB of stack beside softmax's.
 */
assay_status assay_top_k_top_p(const assay_row_args* args, size_t k, double p, assay_tier tier);

#ifdef __cplusplus
}
#endif

#endif /* ASSAY_SAMPLING_H_ */
