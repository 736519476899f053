// SPDX-License-Identifier: Apache-2.0
//
// The laws of sparsemax.

#include "properties/fit.h"
#include "properties/laws.h"
#include "properties/sparsemax.h"

namespace assay::properties {
namespace {

constexpr Ops kSparsemax = Of(ASSAY_SPARSEMAX);

constexpr Property kSparsemaxLaws[] = {
    {"sparsemax_simplex", Group::kSparsemax, kSparsemax,
     "The shares of a row lie in [0, 1] and sum to 1 within their own errors.",
     "thresholds from the wrong support, sums in the dtype", WithFiniteRows, CheckSparsemaxSimplex},
    {"sparsemax_exact_zeros", Group::kSparsemax, kSparsemax,
     "Outside the support the shares are exactly +0, inside they are not.",
     "thresholds by bisection, supports one entry too large or small", WithPositiveTemperature,
     CheckSparsemaxExactZeros, true},
    {"sparsemax_kkt", Group::kSparsemax, kSparsemax,
     "One threshold serves the row: z - p is the same all over the support, and z no larger elsewhere.",
     "thresholds that differ by block, T or bias applied after the threshold", WithPositiveTemperature,
     CheckSparsemaxKkt},
    {"sparsemax_shift", Group::kSparsemax, kSparsemax,
     "Adding a representable constant to a whole row leaves its shares unchanged.",
     "no maximum subtracted, scores rounded before it is", WithLogitsOnGrid, CheckSparsemaxShift},
    {"sparsemax_ties", Group::kSparsemax, kSparsemax,
     "Equal scores get equal shares, k maxima alone 1/k each, and an entry at the threshold gets 0.",
     "ties cut in half by a sort", WithFiniteRows, CheckSparsemaxTies},
    {"sparsemax_projection", Group::kSparsemax, kSparsemax,
     "A row that lies on the simplex stays as it is, and sparsemax of a result is that result.",
     "thresholds that need several entries, or stop after some", WithPlainScores, CheckSparsemaxProjection},
    {"sparsemax_order", Group::kSparsemax, kSparsemax, "A higher score never gets a smaller share.",
     "tails computed by another formula than whole vectors", WithPositiveTemperature, CheckSparsemaxOrder},
};

}  // namespace

std::span<const Property> SparsemaxLaws() { return kSparsemaxLaws; }

}  // namespace assay::properties
