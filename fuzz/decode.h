// SPDX-License-Identifier: Apache-2.0
//
// Bytes to a law and a case, total: every input of any length means something, so the fuzzer wastes none.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "properties/property.h"
#include "subjects/case.h"

namespace assay::fuzz {

// The layout; the elements follow as raw little-endian numbers of the dtype, as many as there are: an equal share for
// each [rows, cols] operand in the order of subjects::Role. From byte 3 on it is that of row operations; attention's is
// in decode_attention.h.
//   byte 0    law, modulo their number: Laws()
//   byte 1-2  operation among the law's, dtype, modulo their numbers
//   byte 3    rows, modulo 6 (5 becomes 1: most cases have one row)
//   byte 4    bit 0 mask, 1 bias, 2 in place, 3 guard in front, 4-5 empty row, 6 upstream of a loss, 7 targets, no
//   labels byte 5    bits 0-1 reduction, 2-4 label smoothing, 5-7 ignore_index: none for 0 to 3, else one of a list
//   byte 6    offset, modulo 32
//   byte 7    temperature: one of a list, or the double in bytes 32-39
//   byte 8    each element is repeated 1 + (byte % 64) times where it is >= 192: long rows from short inputs
//   byte 9    a set of 1 << role: the operand repeats its first row
//   10-17     layout of each role: bits 0-2 gap, 3-4 step, 5 columns outermost, 6 rows and 7 columns backward
//   18-23     no meaning
//   24-31     labels, a byte each, repeated: modulo cols; 249 is ignore_index where there is one, more are outside
//   32-39     a double for the temperature
//   40-47     law_key
//   48-55     mask bits, repeated
inline constexpr std::size_t kHeaderBytes = 56;

struct Decoded {
  const properties::Property* property;
  subjects::Case c;  // not yet prepared for a subject
};

// The laws that are fuzzed, in the order of the catalogue: all but the nightly ones, which take minutes.
const std::vector<const properties::Property*>& Laws();

Decoded Decode(std::span<const std::uint8_t> bytes);

// The type of the elements behind the header.
subjects::Element ElementIn(std::span<const std::uint8_t> bytes);

}  // namespace assay::fuzz
