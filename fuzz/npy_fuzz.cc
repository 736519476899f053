// SPDX-License-Identifier: Apache-2.0
//
// The NPY reader on arbitrary bytes: it returns an array of the size it says, or throws NpyError; nothing else.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "reports/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const assay::reports::NpyArray array = assay::reports::ParseNpy(std::as_bytes(std::span(data, size)));
    if (array.values.size() != array.rows * array.cols) std::abort();
  } catch (const assay::reports::NpyError&) {
  }
  return 0;
}
