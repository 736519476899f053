// SPDX-License-Identifier: Apache-2.0
//
// The words of the case format, for its writer and its reader.

#pragma once

#include "subjects/case.h"

namespace assay::subjects {

// By value of the enumeration.
inline constexpr const char* kDtypeNames[ASSAY_NUM_DTYPES] = {"f32", "f64", "f16", "bf16"};
inline constexpr const char* kEmptyRowNames[] = {"auto", "nan", "zero"};
inline constexpr const char* kReductionNames[] = {"none", "sum", "mean"};

// The yes-or-no members of a Layout.
struct LayoutFlag {
  const char* name;
  const char* text;  // for people
  bool Layout::*member;
};
inline constexpr LayoutFlag kLayoutFlags[] = {{"columns_outer", "columns outer", &Layout::columns_outer},
                                              {"rows_backward", "rows backward", &Layout::rows_backward},
                                              {"cols_backward", "cols backward", &Layout::cols_backward},
                                              {"repeats_row", "one row repeated", &Layout::repeats_row}};

}  // namespace assay::subjects
