// SPDX-License-Identifier: Apache-2.0
//
// RapidCheck generators of Cases. Shapes, T and the key of all data come from RapidCheck's combinators; what the key
// gives (operands.h) is counter-based, because rc::gen::arbitrary<float> knows no NaN, infinity or subnormal.

#pragma once

#include <rapidcheck.h>

#include <cstdint>
#include <optional>

#include "properties/property.h"
#include "subjects/case.h"

namespace assay::properties {

struct Choice {
  assay_op op;
  assay_dtype dtype;
};

// What case `index` is about: the operations of the property that the subject has, one after the other, and of each its
// dtypes in turn, so that every one gets its share. Nothing where there is none.
std::optional<Choice> ChoiceAt(const Property& property, const subjects::SubjectInfo& info, Ops ops,
                               std::uint64_t index);

// Any case of that operation and dtype; shrinks by the steps of shrink.h, each result prepared again for the law and
// the subject. The generator keeps references to both.
rc::Gen<subjects::Case> Cases(const Property& property, const subjects::SubjectInfo& info, Choice choice);

// A given case with the same steps.
rc::Shrinkable<subjects::Case> WithSteps(subjects::Case c, const Property& property, const subjects::SubjectInfo& info);

}  // namespace assay::properties
