// SPDX-License-Identifier: Apache-2.0
//
// A Case: one call of one operation, with everything that may influence its result. It has an exact text form
// (case_io.h); equal cases put equal bytes in front of a subject on any machine.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "assay/assay.h"

namespace assay::subjects {

// Which end of every buffer touches the inaccessible page.
enum class Guard { kAfter, kBefore };

struct Case {
  std::size_t rows = 1;
  std::size_t cols = 1;
  // Gaps behind each row, in elements: row_stride = cols + gap. The mask uses logits_gap.
  std::size_t logits_gap = 0;
  std::size_t probs_gap = 0;
  // Elements between the buffers and their guard page: moves the alignment of every row.
  std::size_t offset = 0;
  Guard guard = Guard::kAfter;
  bool in_place = false;  // probs == logits; probs_gap is then ignored
  double temperature = 1.0;
  assay_empty_row empty_row = ASSAY_EMPTY_ROW_AUTO;
  std::vector<float> logits;  // rows * cols, row-major, without gaps
  bool has_mask = false;
  std::vector<std::uint8_t> mask;  // rows * cols where has_mask, 1 = visible; else empty
  // Seeds whatever a law derives from the case (a shift, a replacement for masked content ...).
  std::uint64_t law_key = 0;
  // Where the case comes from; no influence on the call.
  std::string property;
  std::string origin;

  bool Visible(std::size_t row, std::size_t col) const;  // not masked and logit > -inf (a NaN is visible)
  bool operator==(const Case&) const = default;          // compares logits by value: use SameBits for identity
};

// True iff both put the same bytes in front of a subject (NaN payloads and signs of zero included).
bool SameBits(const Case& a, const Case& b);

// The case reduced to one of its rows.
Case OneRow(const Case& c, std::size_t row);

// Throws std::invalid_argument naming the first field that contradicts another (sizes against rows * cols ...).
void Validate(const Case& c);

}  // namespace assay::subjects
