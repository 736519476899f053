/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Temperature scaling: the T at which softmax(logits / T) fits given labels best, and what that does to the loss and to
 * the calibration error. C99; an addition to assay.h.
 */
/* clang-format off */
#ifndef ASSAY_CALIBRATION_H_
#define ASSAY_CALIBRATION_H_

#include "assay/assay.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Where the mean cross-entropy, as a function of T in (0, inf), is least. */
typedef enum assay_fit_outcome {
  ASSAY_FIT_MINIMUM = 0,   /**< at temperature */
  ASSAY_FIT_ZERO = 1,      /**< it falls as T goes to 0: every label's logit is its row's largest; temperature = 0 */
  ASSAY_FIT_INFINITE = 2,  /**< it falls as T goes to inf: logits say on average less than nothing; temperature = inf */
  ASSAY_FIT_FLAT = 3,      /**< it is the same at every T: constant rows, one class, no row; temperature as in args */
  ASSAY_FIT_UNDEFINED = 4  /**< it is NaN or inf at every T: a visible NaN or +inf, or a label's logit invisible; NaN */
} assay_fit_outcome;

/** What assay_fit_temperature finds. "before" is at the temperature of args, "after" at the one fitted. */
typedef struct assay_temperature_fit {
  double temperature;       /**< the minimiser, or as assay_fit_outcome says */
  double temperature_error; /**< |temperature / minimiser - 1| is at most this; inf where no bound holds, else 0 */
  double nll_before;        /**< mean cross-entropy, natural logarithm; NaN where no row counts */
  double nll_after;         /**< the same at the fitted temperature, or its limit */
  double ece_before;        /**< expected calibration error, in [0, 1]; NaN where no row counts */
  double ece_after;         /**< the same at the fitted temperature, or its limit */
  uint64_t rows;            /**< how many rows count: those whose label is not ignored */
  int32_t outcome;          /**< assay_fit_outcome */
  int32_t reserved;         /**< 0 */
} assay_temperature_fit;

/**
 * Finds the temperature at which the mean cross-entropy of softmax(logits / T) against labels is least (Guo, Pleiss, Sun
 * & Weinberger 2017, section 4.2), among T > 0.
 *
 * Reads    of args: rows, cols, dtype, logits, mask, labels, ignore_index, temperature. Bias, targets, label_smoothing
 *          other than 0 and what cross_entropy does not read: ASSAY_BAD_PARAMETER. out and reduction are not read.
 * Fit      the loss is convex in 1/T; the zero of its derivative is bracketed, then found by Newton steps that stay
 *          inside the bracket. The derivative is computed with a bound on its rounding errors; temperature_error is what
 *          that bound leaves open. A minimiser outside the range of double is given as ZERO or INFINITE.
 * NLL      relative error below 2^-40 (absolute below 2^-1000).
 * ECE      15 bins of equal width, bin m for confidences in ((m - 1) / 15, m / 15]; sum over bins of
 *          |bin| / rows * |accuracy - mean confidence| (the same, section 2). Confidence is a row's largest share; of equal
 *          largest logits the first column is the prediction. A confidence within 2^-40 of a bin's end, but not on it,
 *          may fall to either side.
 * Bits     the same on every instruction set and compiler. Multiplying all logits by a power of two multiplies
 *          temperature by it and changes nothing else, where nothing overflows or underflows.
 * Cost     usually 10 to 15 evaluations of the loss, each two readings of the logits and an exponential an entry; nothing is
 *          allocated.
 * Errors   as for cross_entropy (a label out of range: ASSAY_BAD_LABEL, T = 0: ASSAY_BAD_TEMPERATURE), and
 *          ASSAY_NULL_POINTER for fit; then nothing is written.
 */
assay_status assay_fit_temperature(const assay_row_args* args, assay_temperature_fit* fit);

#ifdef __cplusplus
}
#endif

#endif /* ASSAY_CALIBRATION_H_ */
