// SPDX-License-Identifier: Apache-2.0
//
// The parts of the catalogue, a table for each group of laws; catalogue.cc puts them together.

#pragma once

#include <span>

#include "properties/property.h"

namespace assay::properties {

std::span<const Property> RowLaws();        // row_laws.cc: softmax, sigmoid, masks, temperature, special values
std::span<const Property> LogLaws();        // log_laws.cc: log_softmax and logsumexp
std::span<const Property> GradientLaws();   // gradient_laws.cc: backward operations and the loss
std::span<const Property> SparsemaxLaws();  // sparsemax_laws.cc
std::span<const Property> MachineLaws();    // machine_laws.cc: memory, independence, environment, arguments
std::span<const Property> AttentionLaws();  // attention_laws.cc: attention and its backward

}  // namespace assay::properties
