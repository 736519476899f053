// SPDX-License-Identifier: Apache-2.0
//
// The laws of log_softmax and logsumexp.

#include "properties/accuracy.h"
#include "properties/fit.h"
#include "properties/laws.h"
#include "properties/log_checks.h"
#include "properties/row_checks.h"

namespace assay::properties {
namespace {

constexpr Ops kLog = Of(ASSAY_LOG_SOFTMAX);
constexpr Ops kLse = Of(ASSAY_LOGSUMEXP);

constexpr Property kLaws[] = {
    {"never_positive", Group::kLog, kLog, "No log-probability is above 0, and every zero is +0.",
     "x - lse, where lse is rounded below x", WithFiniteRows, CheckNeverPositive},
    {"exp_of_log", Group::kLog, kLog, "The exponentials of the log-probabilities are the shares and sum to 1.",
     "another base, a sum that lost its tail, masks that the two treat differently", WithScores, CheckExpOfLog},
    {"log_differences", Group::kLog, kLog, "Log-probabilities differ as their scores do.",
     "log of softmax: logs of flushed shares, clamps", WithScores, CheckLogDifferences},
    {"log_near_zero", Group::kLog, kLog, "A dominating entry's log-probability keeps the claimed accuracy near 0.",
     "log(1 + x) for log1p(x), x - lse", WithDominatingEntry, CheckAccuracy, true},
    {"lse_bounds", Group::kLog, kLse, "The log-sum-exp lies between the largest score and that plus log n.",
     "a sum that lost its maximum, padding counted", WithScores, CheckLseBounds},
    {"lse_shift", Group::kLog, kLse, "Adding a representable constant to a row adds it to its log-sum-exp.",
     "overflow without the maximum, the maximum added back twice", OnShiftGrid, CheckLseShift},
    {"lse_convex", Group::kLog, kLse, "The log-sum-exp of a middle is at most the mean of those of its ends.",
     "piecewise approximations of log or exp that do not meet", OnShiftGrid, CheckLseConvex},
    {"lse_merge", Group::kLog, kLse, "The log-sum-exp of a row is that of its parts' log-sum-exps.",
     "a running sum not rescaled at a new maximum, empty parts", WithScores, CheckLseMerge},
};

}  // namespace

std::span<const Property> LogLaws() { return kLaws; }

}  // namespace assay::properties
