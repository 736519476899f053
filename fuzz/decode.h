// SPDX-License-Identifier: Apache-2.0
//
// Bytes to a law and a case, total: every input of any length means something, so the fuzzer wastes none.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "properties/property.h"
#include "subjects/case.h"

namespace assay::fuzz {

// The layout; the logits follow as raw little-endian f32, as many as there are.
//   byte 0   law, modulo their number
//   byte 1   bit 0 mask, 1 in place, 2 guard in front, 3-4 empty row
//   byte 2   rows, modulo 6 (5 becomes 1: most cases have one row)
//   byte 3-5 logits gap, probs gap, offset, modulo 20, 20, 16
//   byte 6   temperature: one of a list, or the double in bytes 8-15
//   byte 7   each logit is repeated 1 + (byte % 64) times where it is >= 192: long rows from short inputs
//   8-15     a double for the temperature
//   16-23    law_key
//   24-31    mask bits, repeated
inline constexpr std::size_t kHeaderBytes = 32;

struct Decoded {
  const properties::Property* property;
  subjects::Case c;  // not yet prepared for a subject
};

Decoded Decode(std::span<const std::uint8_t> bytes);

}  // namespace assay::fuzz
