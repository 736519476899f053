// SPDX-License-Identifier: Apache-2.0
//
// Cross-entropy and its gradient by libtorch.

#pragma once

#include "assay/assay.h"

namespace assay::peers {

assay_status TorchCrossEntropy(const assay_row_args* args);
assay_status TorchCrossEntropyBackward(const assay_row_args* args);

}  // namespace assay::peers
