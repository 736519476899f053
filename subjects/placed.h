// SPDX-License-Identifier: Apache-2.0
//
// One strided tensor in memory: its values in and out, and whether anything but its entries was written.

#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "subjects/array.h"
#include "subjects/layout.h"

namespace assay::subjects {

// `data` is entry [0, 0, 0, 0]; the entries lie within `reach_bytes` from `begin`. What is no entry, gaps and margins
// alike, holds the fill byte.
struct Placed {
  std::byte* data = nullptr;
  std::byte* begin = nullptr;
  std::size_t reach_bytes = 0;
  std::byte* margin_begin = nullptr;
  std::byte* margin_end = nullptr;
  Dims dims = {};
  Element element = Element::kF32;
  std::array<std::ptrdiff_t, 4> strides = {};
  std::byte fill{};
};

// Fills the gaps and margins, and the entries with `values` (dense, row by row).
void FillWith(const Placed& placed, const Array& values);
// Fills everything with the fill byte.
void FillAll(const Placed& placed);

// The entries, dense and row by row.
Array ReadBack(const Placed& placed);

// Whether gaps and margins hold the fill byte; with `values`, also whether the entries are these. `scratch` is memory
// to work in, kept from call to call.
bool OutsideIntact(const Placed& placed, std::vector<std::byte>* scratch);
bool Intact(const Placed& placed, const Array& values, std::vector<std::byte>* scratch);

}  // namespace assay::subjects
