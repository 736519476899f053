// SPDX-License-Identifier: Apache-2.0
//
// The laws about machines rather than mathematics: memory, independence, the calls around a call, the environment, the
// arguments. They hold for every operation, bit for bit; what is independent of what in attention, its own laws say.

#include "properties/machine_laws.h"

#include "properties/fit.h"
#include "properties/laws.h"

namespace assay::properties {
namespace {

constexpr Ops kInPlaceOps = kAllOps & ~(Of(ASSAY_LOGSUMEXP) | Of(ASSAY_CROSS_ENTROPY) | Of(ASSAY_ATTENTION_BACKWARD));
constexpr Ops kForward = kActivations | Of(ASSAY_LOGSUMEXP) | Of(ASSAY_CROSS_ENTROPY) | Of(ASSAY_ATTENTION);
// Where the oracle counts multiplicities; not sparsemax, whose kernels sort: 2^31 elements need memory of their own.
constexpr Ops kRepeatable = Of(ASSAY_SOFTMAX) | Of(ASSAY_LOG_SOFTMAX) | Of(ASSAY_SIGMOID) | Of(ASSAY_LOGSUMEXP);

constexpr Property kMachineLaws[] = {
    {"memory_bounds", Group::kMachine, kAllOps,
     "Nothing outside the outputs is written and nothing outside the inputs is read.",
     "whole-vector loads and stores at the end of a row", Valid, CheckMemoryBounds},
    {"all_written", Group::kMachine, kAllOps, "Every output is written, whatever the buffer held before.",
     "dropped tails, sums into out", OutOfPlace, CheckAllWritten},
    {"padding_ignored", Group::kMachine, kAllOps,
     "What lies between and around the entries of the inputs changes no bit.",
     "maxima and sums over whole vectors, strides ignored", Valid, CheckPaddingIgnored},
    {"rows_independent", Group::kMachine, kRowOps, "A row's results do not depend on the other rows of the call.",
     "state carried from row to row", WithRowsOfTheirOwn, CheckRowsIndependent},
    {"batch_split", Group::kMachine, kRowOps,
     "A row gets the same bits in any batch and at any place in it, and a call split in two gives the same.",
     "another formula for many rows, or for the rows left over", WithRowsOfTheirOwn, CheckBatchSplit},
    {"alignment", Group::kMachine, kAllOps, "Where the buffers lie in memory changes no bit.",
     "loops peeled by address", Valid, CheckAlignment},
    {"strides", Group::kMachine, kAllOps, "How operands and results are laid out changes no bit.",
     "strides ignored or mixed up, another formula for strided rows", WithLayouts, CheckStrides},
    {"in_place", Group::kMachine, kInPlaceOps, "In place gives the same bits as out of place.",
     "inputs read again after they were overwritten", InPlace, CheckInPlace},
    {"repetition", Group::kMachine, kAllOps, "The same call gives the same bits again.",
     "uninitialised memory, random or lazy choices of code", Valid, CheckRepetition},
    {"history", Group::kMachine, kAllOps,
     "No earlier call changes a bit: not of NaN, another shape, type or operation.",
     "scratch reused without being cleared, caches by address or shape", Valid, CheckHistory},
    {"concurrent_calls", Group::kMachine, kAllOps, "Calls from several threads at once give the bits of a lone call.",
     "static scratch", OutOfPlace, CheckConcurrentCalls, false, false, 4, ASSAY_FEATURE_CONCURRENT},
    {"fp_environment_restored", Group::kMachine, kAllOps,
     "The caller finds its rounding mode, FTZ, DAZ and exception masks as they were; its sticky flags too where "
     "promised.",
     "FTZ switched on for speed, flags cleared", Valid, CheckFpEnvironmentRestored},
    {"fp_environment_ignored", Group::kMachine, kAllOps,
     "Where promised, the caller's rounding mode, FTZ and DAZ change no bit.",
     "environment inherited, subnormals flushed", Valid, CheckFpEnvironmentIgnored, false, false, 1,
     ASSAY_FEATURE_FP_ENVIRONMENT},
    {"bad_arguments", Group::kMachine, kAllOps,
     "A temperature, scale, softcap, length or number of heads that cannot be is refused by a status and nothing is "
     "written.",
     "missing argument checks", WithBadArguments, CheckBadArguments},
    {"canonical_nan", Group::kMachine, kAllOps, "Where promised, every NaN written is the canonical one.",
     "payloads passed on, inf - inf negative on x86", WithNaN, CheckCanonicalNaN, false, false, 1,
     ASSAY_FEATURE_CANONICAL_NAN},
    {"positive_zero", Group::kMachine, kAllOps, "Every zero written is +0.", "underflow of negative products",
     WithPlusZeros, CheckPositiveZero},
    {"finite_inputs_no_nan", Group::kMachine, kForward, "Finite visible inputs never give NaN.",
     "inf - inf, 0 / 0, 0 * inf", WithFiniteRows, CheckFiniteInputsNoNaN},
    {"index_overflow", Group::kMachine, kRepeatable, "More than 2^31 elements are computed like a few.",
     "indices, counts and byte offsets of 32 bits", WithWholePages, CheckIndexOverflow, true, true},
};

}  // namespace

std::span<const Property> MachineLaws() { return kMachineLaws; }

}  // namespace assay::properties
