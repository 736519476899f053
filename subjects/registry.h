// SPDX-License-Identifier: Apache-2.0
//
// The subjects that are built in, by name: ours for each target, the plain scalar one, the controls (what people
// use instead of softmax) and the faulty ones (each one statement away from the scalar one).

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "assay/assay.h"

namespace assay::subjects {

enum class Kind { kOurs, kReference, kControl, kFaulty };

struct BuiltIn {
  std::string name;  // "assay-avx3", "scalar", "naive", "float_accumulator" ...
  Kind kind;
  // The law this subject must break, a property's name; empty for kOurs and kReference.
  std::string breaks;
  const assay_subject* table;
};

// All of them, ours first (best target first); fixed for a given machine.
const std::vector<BuiltIn>& BuiltIns();

// nullptr where there is none of that name. "assay" is ours on the best target.
const BuiltIn* FindBuiltIn(std::string_view name);

}  // namespace assay::subjects
