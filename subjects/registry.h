// SPDX-License-Identifier: Apache-2.0
//
// The subjects that are built in, by name: ours for each target, the plain references, the controls (what people use
// instead of softmax), the faulty ones (each one step away from a reference) and the cheaters (which compute nothing,
// or not always).

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "assay/assay.h"

namespace assay::subjects {

enum class Kind { kOurs, kReference, kControl, kFaulty, kCheater };

struct BuiltIn {
  std::string name;  // "assay-avx3", "assay-fast-avx3", "scalar", "unshifted", "float_accumulator" ...
  Kind kind;
  // The law this subject must break, a property's name; empty for kOurs and kReference.
  std::string breaks;
  std::string mechanism;  // the sort of fault: "running maximum", "padding" ...; empty likewise
  const assay_subject* table;
  // Where the fault is: the one operation of its table and the type in which it must show.
  assay_op op = ASSAY_SOFTMAX;
  assay_dtype dtype = ASSAY_F32;
};

// All of them, ours first (exact tier, then fast, best target first); fixed for a given machine.
const std::vector<BuiltIn>& BuiltIns();

// nullptr where there is none of that name. "assay" and "assay-fast" are ours on the best target.
const BuiltIn* FindBuiltIn(std::string_view name);

}  // namespace assay::subjects
