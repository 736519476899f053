// SPDX-License-Identifier: Apache-2.0
//
// Bytes to a case of attention; law, operation and dtype are decoded (decode.h).

#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "fuzz/decode.h"

namespace assay::fuzz {

// The layout of the header from byte 3 on; every operand takes its numbers from the elements behind it, one operand
// behind the other and around again.
//   byte 3    bits 0-1 batch, 2-3 key heads, 4-5 queries of a key head, 6 lse is f64, 7 top left
//   byte 4    bit 0 mask, 1 bias, 2 in place, 3 guard in front, 4 causal, 5 sink, 6 lengths, 7 saved from the elements
//   byte 5    bits 0-3 outputs that are skipped, 4-7 a broadcast operand: q k v bias mask by bits 4-6, 0 to 2 of them
//   none byte 6    offset, modulo 32 byte 7    scale: the default, one of a list, or the double in bytes 32-39 byte 8-9
//   queries, keys, modulo 40 10-11     head_dim, value_dim, modulo 20; value_dim is head_dim where the byte is >= 128
//   byte 12   window: none where it is even, else byte / 2 modulo 40
//   byte 13   softcap: none, one of a list, or the double in bytes 32-39
//   14-21     layouts, of role r at 14 + r modulo 8: bits as in decode.h; heads inside positions where 3-5 are set
//   22-23     no meaning
//   24-31     lengths, a byte each, modulo seq_kv + 2: seq_kv + 1 is one that must be refused
//   32-39     a double
//   40-47     law_key
//   48-55     mask bits, repeated
// A backward is given what a forward pass saves; where bit 7 of byte 4 is set, saved_out from the elements and a
// saved_lse that is one larger.
void DecodeAttention(const std::array<std::uint8_t, kHeaderBytes>& header, std::span<const std::uint8_t> data,
                     subjects::Case& c);

}  // namespace assay::fuzz
