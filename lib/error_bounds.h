// SPDX-License-Identifier: Apache-2.0
//
// Every error bound of the library, once. Comments and tests use these names.

#pragma once

#include <cstddef>

#include "assay/assay.h"

namespace assay::bounds {

// ---- What the library promises ---------------------------------------------------------------------------------

// Unit roundoff of a type.
constexpr double UnitRoundoff(assay_dtype dtype) {
  return dtype == ASSAY_F64 ? 0x1p-53 : dtype == ASSAY_F32 ? 0x1p-24 : dtype == ASSAY_F16 ? 0x1p-11 : 0x1p-8;
}

constexpr bool IsActivation(assay_op op) {
  return op == ASSAY_SOFTMAX || op == ASSAY_LOG_SOFTMAX || op == ASSAY_LOGSUMEXP || op == ASSAY_SIGMOID;
}

// Every claim, once: the tier table of DESIGN's row contract.
constexpr assay_claim ClaimOf(assay_tier tier, assay_op op, assay_dtype dtype) {
  const bool exact = tier == ASSAY_TIER_EXACT;
  if (IsActivation(op)) {
    if (!exact) return {ASSAY_CLAIM_BOUND, 0, 4, 0};
    if (dtype == ASSAY_F64) return {ASSAY_CLAIM_BOUND, 0, 0.5 + 0x1p-30, 0};
    return {ASSAY_CLAIM_CORRECTLY_ROUNDED, 0, 0.5, 0};
  }
  return {ASSAY_CLAIM_BOUND, 0, 0.5, exact ? 0x1p-50 : 8 * UnitRoundoff(dtype)};
}

// ---- Why it keeps them ------------------------------------------------------------------------------------------

inline constexpr double kU = 0x1p-53;  // unit roundoff of double

// Exp in exp-inl.h against exp(z) of the double z it is given, relative, -700 <= z <= 0:
//   table entry                            1    u   (nearest double of 2^(j/16))
//   last addition, power + power * q       1    u   (result < 2^(16/16): half an ulp is at most u of it)
//   product power * q, |q| < 2^-5.5        0.03 u
//   q: the polynomial, 2^constants::kExpPolynomial6ErrorLog2: 0.11 u; its roundings 2^-5.5 * 3 u: 0.07 u
//   r: one rounding of a number below 0.0217: 0.02 u
// Sum 2.23 u; seen over every f32 in [-104, 0]: see the root README (ci/nightly exhaustive).
inline constexpr double kExpRelative = 2.25 * kU;

// ---- The exact tier's first step (exact_exponents-inl.h, exact_activations-inl.h, exact_sigmoid-inl.h) ----

// d = (x - x_r) / T + (b - b_r) in double against the real exponent, relative to |x - x_r| / T + |b - b_r|: both
// differences, 1/T, the product and the sum, one rounding each; where it applies, 1.01 covers exp(error) - 1.
inline constexpr double kExponentRelative = 4.04 * kU;

// What is left out on purpose: n exponentials below exp(-700), results and 1/T in the subnormal range. Far below
// the least result of 32 bits, 2^-149, and half of it.
inline constexpr double kResultSlack = 0x1p-800;

// The sum of n exponentials, every addition compensated; `weight` = sum of exp(d) times the size that bounds d's error,
// in plain additions (for n <= 2^40 they lose less than the 0.1 %).
constexpr double RestError(double rest, double weight, std::size_t n) {
  const double n_u = static_cast<double>(n) * kU;
  return 1.02 * kExponentRelative * weight + (kExpRelative + 1.01 * kU + 1.01 * n_u * n_u) * rest + kResultSlack;
}

// exp(d) / sum, relative, but for d's own error: the exponential, the sum, 1 / sum, the product, and both ends of the
// enclosure.
constexpr double ShareError(double sum, double rest_error) {
  return kExpRelative + 1.01 * rest_error / sum + 5.05 * kU;
}

// exact_softmax_f32-inl.h: exp(x / T) / sum, relative. Both exponentials (the quotient is never rounded; where T is not
// 1, r is rounded twice more, 0.05 u); the sum: chains of 3, 2 that join four chains, or a chain of 3 behind the last
// of them, all joined as pairs (exact for n <= 2^40) and rounded once: 6 u; 1 / sum and the product 2 u.
inline constexpr double kShareRelativeF32 = 2 * (kExpRelative + 0.05 * kU) + 8.01 * kU;
// In units of p's last place, 2^-52 of its binade, so at most 2 u = 1 unit for each u. Powers of two.
inline constexpr unsigned kDoubtfulUlps = 16;
static_assert(kShareRelativeF32 < kDoubtfulUlps * kU);

// exact_softmax_pairs-inl.h: exp(x / T) in pairs, relative to the table entry P, in units of 2^-64; |r| < 2^-5.528:
//   t: r^2, its factor 1/2 + ..., their product: 3.04 u of r^2/2 < 2^-12.05        1.49
//   t: its addition of r_lo, u of 2^-12.04                                         0.49
//   r_lo (r + t) left out, |r_lo| < 2^-58.9                                        0.76
//   r^9/9! and what follows left out                                               0.06
//   P t and the sum that has it, u of 2^-12.04 each                                0.98
//   P_lo t left out, P_lo <= u P                                                   0.49
// r + r_lo, x / T, the other low parts: below 2^-90, 2^-90, 2^-100. Sum 4.27; over exp(r) > 0.978: 4.37 of 8.
inline constexpr double kExpPairRelative = 0x1p-61;
// A share of them: both exponentials; the sum's low parts, plainly in blocks of 4096: 4097^2 u^2 < 2^-81, the blocks
// as pairs, 2^-101 each, for n <= 2^40: 2^-73; reciprocal and product: 2^-99.
inline constexpr double kSharePairRelative = 2.01 * kExpPairRelative;

// The rough one: the polynomial 2^constants::kExpPolynomial5ErrorLog2, 51 u; T ln2/16 as one double, off by u, times
// a number of steps of |x| / T <= 60; the parts of the sum joined in plain additions, 2 and 3 over the lanes.
inline constexpr double kRoughLargestExponent = 60;
inline constexpr double kExpRoughRelative = kExpRelative + 51 * kU + 1.01 * kRoughLargestExponent * kU;
inline constexpr unsigned kRoughDoubtfulUlps = 256;
static_assert(2 * (kExpRoughRelative + 0.05 * kU) + 12.01 * kU < kRoughDoubtfulUlps * kU);

// LogOnePlus in exact_log.h, relative. s: two roundings; the product and the sum of the polynomial's tail, below 0.01
// of it, and the last addition: 3.1 u where k = 0 (first term left out: s^22 / 23 < 2^-60). Else 1 + x is rounded once,
// u in the logarithm; log m < 0.347 to 3.1 u of that; the inner sum 0.35 u; all that over log(1 + x) > 0.346, and
// the last addition u: 8.1 u.
inline constexpr double kLogOnePlusRelative = 9 * kU;

// log(1 + rest), absolute.
constexpr double LogError(double rest, double rest_error, double log_value) {
  return 1.01 * rest_error / (1 + rest) + kLogOnePlusRelative * log_value + kResultSlack;
}

// 1 / (1 + e) and e / (1 + e), relative, but for z's own error: the exponential, the sum, the quotient, the product,
// both ends of the enclosure.
inline constexpr double kSigmoidRelative = kExpRelative + 5.05 * kU;

// ExpAccurate in exp-inl.h against exp(z), relative, -600 <= z <= 0; below, where no f32 share can tell the value from
// 0, its low part becomes subnormal and loses digits.
inline constexpr double kExpAccurateRelative = 0x1p-96;

// T below this gives the same bits as T = 0, because two unequal numbers of 32 bits or fewer differ by at least 2^-149:
// the exponent of every entry but those of the largest logit is under -2^151 + 2^129, whatever the biases. Softmax: the
// others' shares round to 0, and 1/k or a transcendental share is not moved across a midpoint (1/k = 2^-25 in f16 is
// one, and goes to 0 either way). log_softmax: the others' are beyond every finite number. logsumexp: so is x / T
// unless x = 0.
inline constexpr double kHardmaxBelow = 0x1p-300;

// ---- accurate_row-inl.h -----------------------------------------------------------------------------------------

// (x - x0) / T in double-double, relative: the difference is exact, 1 / T good to 2^-100, their product to 2^-101.
inline constexpr double kQuotientRelative = 0x1p-98;
// Lanes of (x - x0) / T + (b - b0) with a larger error (relative, where the result is beyond 1100) are computed
// exactly: cut to 106 bits, divided by T. Without bias none has: 1100 * kQuotientRelative is smaller.
inline constexpr double kDifferenceError = 0x1p-86;
inline constexpr double kExactDifferenceRelative = 0x1p-97;

// ExpAccurateScaled against the exp of the pair it is given, relative, -1000 <= z <= 1: in the reduced argument the low
// part, below 2^-43, is rounded twice (2 * 2^-97), k * kStep3 once (2^-119); power, polynomial and products 2^-97 at
// most.
inline constexpr double kExpScaledRelative = 0x1p-94;

// The sum of n exponentials, relative: the error of each z (so small that 1.01 covers the square), the exponentials',
// n / 8 + 8 additions of 2^-101 and the joining of the parts.
constexpr double AccurateSumRelative(std::size_t n, double worst_z) {
  return 1.01 * worst_z + kExpScaledRelative + static_cast<double>(n) * 0x1p-104 + 0x1p-97;
}

// LogOnePlusLifted, relative, of the pair it is given. k = 0: f = o; s, s^2 and five steps of the series, 2^-100 each
// but those behind s^2 < 2^-11: 2^-97. k > 0: 1 + f good to 2^-100, in a logarithm of at least log(2) / 16 = 2^-4.53:
// 2^-95.
inline constexpr double kLogPairRelative = 0x1p-94;

// ---- The fast tier in f32 lanes (fast_*-inl.h) -------------------------------------------------------------------
// u = 2^-24 here. A relative error of r u is at most r ULP of an f32, whose significand is below 2.

inline constexpr double kSingleU = 0x1p-24;

// FloatExp::Power against 2^exponent exp((x - shift) / T), relative, where it does not stand at a limit:
//                                                    AVX3 (16 steps)   AVX2 (8 steps)
//   evaluation: fast_exp.gappa                       1.051 u           1.081 u
//   polynomial: kPolynomialError                     0.027 u           0.004 u
//   residue times (2^(q/steps) - 1), left out        0.018 u           0.025 u
//   q: rounded to 2^-26, then to 2^-25, times ln2/steps   0.033 u      0.065 u
//   log2(e)/T beyond its two words: 2^-48 of 32240 steps   0.000 u     0.000 u
// Sum 1.13 u and 1.18 u; seen over every f32: see the root README (ci/nightly exhaustive).
inline constexpr double kFastExpRelative = 1.2 * kSingleU;

// A sum of exponentials of up to 2^30 entries: the exponentials' own error, one addition in f32, then chains of at most
// 2^25 additions in double (2^-28 = 0.07 u).
inline constexpr double kFastSumRelative = kFastExpRelative + 1.07 * kSingleU;

// A share in ULP: the exponential, the sum, the product's rounding (the inverse of two words and its low product:
// 2^-46).
inline constexpr double kFastSoftmaxUlp = (kFastExpRelative + kFastSumRelative) / kSingleU + 0.51;
static_assert(kFastSoftmaxUlp <= 4);

// Log and Log1p in fast_log-inl.h, relative: the first term left out, s^16 / 17 < 2^-44.8, and a dozen roundings.
inline constexpr double kFastLogRelative = 0x1p-44;

// log p in ULP. Of the maximum: rho = others / own, -log1p(k - 1 + rho) has at most rho's relative error; one rounding.
// Of another entry: |log p| > log 2, so an ULP is at least u, and lse has at most the sum's relative error as an
// absolute one; the product with the high words rounds to half an ULP of a number of the same size (twice that across a
// power of two), then the sum. With a shift x - shift may round too, u; but lse's error is then far below an ULP of any
// result that it can matter for.
inline constexpr double kFastLogSoftmaxUlp = kFastSumRelative / kSingleU + 1 + 0.51;
static_assert(kFastLogSoftmaxUlp <= 4);

// logsumexp in ULP where it is at least kLeastLogsumexp = 1/2 in magnitude, so that an ULP is at least u.
inline constexpr double kFastLogsumexpUlp = kFastSumRelative / kSingleU + 0.51;

// Sigmoid in ULP: the exponential's error, the rounding of 1 + e, the reciprocal (2^-28 by Newton's step, 0.07 u, or a
// division), its rounding, and half an ULP more where the result is subnormal.
inline constexpr double kFastSigmoidUlp = kFastExpRelative / kSingleU + 1 + 0.07 + 0.5 + 0.51;
static_assert(kFastSigmoidUlp <= 4);

// The loss of a label, relative, before its rounding: lse has the sum's relative error as an absolute one and the loss
// is over log 2; or else it is -log p of the maximum, or of an entry whose loss is over log 2.
inline constexpr double kFastLossRelative = kFastSumRelative / 0.69;

// Its gradient, relative to |factor| (p + t): p has the exponential's and the sum's error; factor / sum in two words.
// For 16-bit types the result is an f32 first: u more.
inline constexpr double kFastLossGradientRelative = kFastExpRelative + kFastSumRelative + 1.1 * kSingleU;
static_assert(kFastLossRelative <= 8 * kSingleU && kFastLossGradientRelative <= 8 * kSingleU);

// A quotient (x - max) / T of scalar_exp.h, relative: the difference and the quotient, rounded once each; as a pair,
// the remainder of the rounded quotient, below 2^-52 of it, to a few u.
inline constexpr double kScaledDifferenceRelative = 2.01 * kU;
inline constexpr double kScaledDifferencePairRelative = 0x1p-98;

// A weight exp((x - max) / T) of top-p (sampling.cc), relative, where it is above 2^-88 = exp(-61), in double and in
// pairs; and what the kept share may be off by where p is compared with it: both sums, twice that and 4 n units of
// 2^-88.
inline constexpr double kNucleusWeightRelative = 61 * kScaledDifferenceRelative + kExpRelative;
inline constexpr double kNucleusWeightPairRelative = 61 * kScaledDifferencePairRelative + kExpAccurateRelative;
constexpr double NucleusShare(std::size_t n) {
  return 2 * kNucleusWeightPairRelative + static_cast<double>(n) * 0x1p-86;
}

// ---- Gradients and sparsemax (exact_gradients.cc, fast_gradients.cc, sparsemax.cc) -------------------------------

// ExpUnfused against exp(z), relative, |z| <= 700: as kExpRelative, but for the product power * q, which is rounded too
// (counted there), two more roundings in q (2^-5.5 * 2 u) and the Taylor remainder r^8/8!, below 2^-59.5 (0.02 u).
inline constexpr double kExpUnfusedRelative = 2.3 * kU;

// The exact tier, in units of u times the sum of |terms|, before the result is rounded to its type; 2^-50 is 8 u.
//   softmax      sum p dy: products exact (f32 and shorter) or in pairs, compensated: n^2 u^2; rounded once, u.
//                dy - sum, the quotient, for f64 the last product is the result's own rounding: u each. 4 u.
//   log_softmax  sum dy u, kExpUnfusedRelative 2.3 u, their product u, dy - product u, the quotient u. 6.3 u.
//   sparsemax    sum u, mean u, difference u, quotient u. 4 u.
// What underflows is far below that in the rows that gradient_range.h lets through, and results of f64 below 2^-1000
// are computed again in pairs with exponents of their own (wide_pair.h), as are all other rows: 2^-90 of the terms.

// The fast tier at T = 1, in units of the u of f32 and of the terms; 8 are promised, and the result's own half ulp.
//   softmax      a chain of four: product, fused, fused or product, one addition: 3; across chains in double; the sum
//                to f32: 1; dy - sum: 1. 5.
//   log_softmax  two additions 2, kFastExpRelative below 2, the sum to f32: 1; exp * sum and the difference are one
//                fused operation, the result's own rounding. 5.
//   sparsemax    additions 2, the mean to f32: 1; the difference is the result's own rounding. 3.
// For other T pass 2 is double: less. Shorter types round twice, by u of f32 more, which is 2^-13 of theirs at most.

// Sparsemax, in units of u and of |z| + |tau|; 8 are promised, and half an ulp. A score with its error allowed by
// Membership, 4 u; tau to 2^-96 of itself; z - tau, 1; the quotient, 1, for f64 the result's own. 6. Decisions are
// exact: a lane decides only where y - tau is beyond the error of both; else, and for scores with larger errors,
// ExactSum.

// ---- Attention (exact_attention*, fast_attention*) ----------------------------------------------------------------

// tanh by its Taylor polynomial up to y^19 for |y| < 1/8 (the next term is below 2^-62 of y), else from e = exp(-2
// |y|): an error of e of 2.3 u e moves (1 - e) / (1 + e) by less than 2 * 2.3 u e / (1 - e)^2 <= 2.3 u * 2 e / (1 -
// e)^2 of itself times (1 - e) / (1 + e): at |y| = 1/8, e = 0.78, 2.3 u * 4 = 9.2 u; three roundings, 1 - e exact above
// 1/2.
inline constexpr double kTanhRelative = 13 * kU;

// The exact tier, in units of u = 2^-53, S and n as at assay_attention_claim.
//   scores  products exact, D - 1 additions, scale (as 1 / sqrt(D) within 1.5 u) and product 3; softcap: quotient,
//   tanh,
//           product 15; bias 1. |z - exact| <= (D + 19) u S.
//   shares  z - m: u |z - m| <= 2 S u; exp 2.3 u; on the way through the merges of chunks, m rises by 2 S in all: 2 S
//   u,
//           and each merge that moves it costs 2.3 u and two roundings, of which there are n / 256: 0.02 n u.
//           (D + 23) S + 2.3 + 0.02 n.
//   sums    of numerator and denominator: n additions and as many products, 1.01 n each within a chunk and over merges.
//   result  quotient 1, and half an ulp of the type.
//   out     numerator and denominator: 2 (D + 23) S + 2.1 n + 8.
//   lse     (D + 23) S + 1.1 n + 6, and 4 of |lse| + S: within the same.
//   backward  p = exp(z - lse): (D + 19) S + u |z - lse|, which for p above nothing is |log p|, at most S + |lse|;
//   twice.
//           upstream v and delta: E additions each, which the claim counts in n; products, differences, slope
//           (1 - t)(1 + t): 8 + 2 * 13, and as its argument's error over softcap, which the claim counts in S. Sums of
//           n products: 1.01 n.
inline constexpr assay_attention_claim kExactAttention = {ASSAY_CLAIM_BOUND, 0,       0.5 + 0x1p-20, 64 * kU,
                                                          2.1 * kU,          80 * kU, 4 * kU};

// The fast tier's forward, in units of u = 2^-24.
//   scores  chains of 16 products and D / 16 additions: 17 + D / 16; factor and product 2, softcap 8, bias 1.
//   shares  x - reference 2 S; kFastExpRelative 1.2; references move 1 + S log2(e) / 6 times at most, 4.4 each and 2 S
//           in all.  (31 + D / 16) S + 6.
//   sums    chains of 24 keys and 32 additions: 57 of the numerator; chains of 24, 2 for each of 16 strips: 41 of the
//           denominator; in double beyond.
//   result  inverse and product 2.
//   out     2 (31 + D / 16) S + 12 + 100.
inline constexpr assay_attention_claim kFastAttention = {
    ASSAY_CLAIM_BOUND, 0, 0.51, 112 * kSingleU, 0x1p-50, 64 * kSingleU, 0.125 * kSingleU};

constexpr assay_attention_claim AttentionClaimOf(assay_tier tier, assay_op op) {
  return tier == ASSAY_TIER_FAST && op == ASSAY_ATTENTION ? kFastAttention : kExactAttention;
}

}  // namespace assay::bounds
