// SPDX-License-Identifier: Apache-2.0
//
// From the table a subject hands over to the SubjectInfo the suite works with: the one place that judges a table.

#pragma once

#include <array>
#include <cstdint>

#include "assay/assay.h"
#include "subjects/subject.h"

namespace assay::subjects {

// SubjectInfo without pointers, as it crosses from the child: strings are cut to what fits.
struct Declaration {
  char name[128];
  char version[64];
  char description[512];
  std::int32_t empty_row_unmasked;
  std::int32_t empty_row_masked;
  std::int32_t plus_inf;
  std::uint64_t alignment_bytes;
  std::uint64_t over_read_bytes;
  std::array<OpInfo, ASSAY_NUM_OPS> ops;
};

// Why this table cannot be used, with the remedy; empty, and `declaration` filled, when it can. May crash on a table
// that lies about its pointers: run it where the subject runs.
std::string ReadTable(const assay_subject* table, Declaration* declaration);

SubjectInfo ToInfo(const Declaration& declaration);

// The info of a table that is part of this program. Throws std::invalid_argument where ReadTable refuses.
SubjectInfo InfoOf(const assay_subject& table);

// The table's entry for an operation of rows.
const assay_row_kernel& KernelOf(const assay_subject& table, assay_op op);

// The table's entry for attention or its backward: one without `run` where the table ends before it (ABI 1.1).
const assay_attention_kernel& AttentionKernelOf(const assay_subject& table, assay_op op);

// What the number that a kernel returned stands for; a number without a name becomes ASSAY_BAD_ENUM and says so in
// `detail`.
assay_status StatusOf(std::int32_t returned, std::string* detail);

}  // namespace assay::subjects
