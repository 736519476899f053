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
inline constexpr const char* kAlignmentNames[] = {"bottom_right", "top_left"};
inline constexpr const char* kOutputNames[kOutputRoles] = {"out", "lse", "dq", "dk", "dv", "dbias"};  // by role

// The yes-or-no members of a Layout.
struct LayoutFlag {
  const char* name;
  const char* text;  // for people
  bool Layout::*member;
};
inline constexpr LayoutFlag kLayoutFlags[] = {{"columns_outer", "columns outer", &Layout::columns_outer},
                                              {"rows_backward", "rows backward", &Layout::rows_backward},
                                              {"cols_backward", "cols backward", &Layout::cols_backward},
                                              {"repeats_row", "one row repeated", &Layout::repeats_row},
                                              {"heads_inner", "heads inner", &Layout::heads_inner},
                                              {"repeats_head", "one head repeated", &Layout::repeats_head},
                                              {"repeats_batch", "one batch repeated", &Layout::repeats_batch}};

// The members of attention that are sizes.
struct AttentionSize {
  const char* name;
  std::size_t Attention::*member;
};
inline constexpr AttentionSize kAttentionSizes[] = {{"batch", &Attention::batch},
                                                    {"num_heads", &Attention::num_heads},
                                                    {"num_kv_heads", &Attention::num_kv_heads},
                                                    {"seq_q", &Attention::seq_q},
                                                    {"seq_kv", &Attention::seq_kv},
                                                    {"head_dim", &Attention::head_dim},
                                                    {"value_dim", &Attention::value_dim},
                                                    {"window", &Attention::window}};

}  // namespace assay::subjects
