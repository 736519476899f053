// SPDX-License-Identifier: Apache-2.0
//
// The laws of attention and its backward.

#include "properties/laws.h"

namespace assay::properties {

std::span<const Property> AttentionLaws() { return {}; }

}  // namespace assay::properties
