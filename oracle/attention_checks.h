// SPDX-License-Identifier: Apache-2.0
//
// Inside oracle/ only: arguments of attention outside their words throw std::invalid_argument.

#pragma once

#include <span>

#include "oracle/attention.h"

namespace assay::oracle {

void CheckHead(const AttentionHead& head);
void CheckGroup(std::span<const AttentionBackwardHead> group);

}  // namespace assay::oracle
