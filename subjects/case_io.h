// SPDX-License-Identifier: Apache-2.0
//
// The exact text form of a Case, "assay-case-2": JSON with floats as in float_text.h, operands only where they are
// given, layouts only where they are not the plain one. Operands of more than kInlineElements elements lie as raw
// little-endian bytes in one file beside it (NAME.json, NAME.bin), which the JSON names with its size and checksum.

#pragma once

#include <cstddef>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "subjects/case.h"

namespace assay::subjects {

inline constexpr std::size_t kInlineElements = 4096;

// The file cannot be read or written, or is no case. The message names the file, the field and the remedy.
struct CaseError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Writes beside `path` and renames, the .bin first: a reader sees the old case, the new one, or a checksum that does
// not match; never half of one.
void WriteCase(const std::filesystem::path& path, const Case& c);

// SameBits(ReadCase(path), c) holds for whatever WriteCase(path, c) wrote; law_key, property and origin return too.
// Reads "assay-case-1" as well, which had softmax in f32 only.
Case ReadCase(const std::filesystem::path& path);

// For people: "softmax f32, 3 x 5, T = 0.5, mask hides 2, out gap 1; logits 0.5 -1.25 nan ...". Small attention has
// more lines: each key, and each query with the keys that it sees ("xx..").
std::string Summary(const Case& c);

}  // namespace assay::subjects
