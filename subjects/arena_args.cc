// SPDX-License-Identifier: Apache-2.0
//
// The members of the arguments by role.

#include "subjects/arena_args.h"

#include <stdexcept>
#include <string>

namespace assay::subjects {
namespace {

[[noreturn]] void NoMember(Role role) { throw std::logic_error(std::string(RoleName(role)) + " is no argument"); }

assay_const_matrix* InputOf(assay_row_args* args, Role role) {
  assay_const_matrix* const inputs[] = {&args->logits,   &args->bias,    &args->mask,  &args->saved,
                                        &args->upstream, &args->targets, &args->labels};
  if (role > Role::kLabels) NoMember(role);
  return inputs[static_cast<std::size_t>(role)];
}

assay_const_tensor* InputOf(assay_attention_args* args, Role role) {
  switch (role) {
    case Role::kQ:
      return &args->q;
    case Role::kK:
      return &args->k;
    case Role::kV:
      return &args->v;
    case Role::kBias:
      return &args->bias;
    case Role::kMask:
      return &args->mask;
    case Role::kLengths:
      return &args->lengths;
    case Role::kSink:
      return &args->sink;
    case Role::kSavedOut:
      return &args->saved_out;
    case Role::kSavedLse:
      return &args->saved_lse;
    case Role::kUpstream:
      return &args->upstream;
    default:
      NoMember(role);
  }
}

assay_tensor* OutputOf(assay_attention_args* args, Role role) {
  assay_tensor* const outputs[kOutputRoles] = {&args->out, &args->lse, &args->dq, &args->dk, &args->dv, &args->dbias};
  return outputs[static_cast<std::size_t>(role) - kInputRoles];
}

template <class Tensor>
void SetTensor(const Placed& placed, Tensor* tensor) {
  tensor->data = placed.data;
  for (std::size_t d = 0; d < 4; ++d) tensor->strides[d] = placed.strides[d];
}

}  // namespace

assay_row_args RowScalarsOf(const Case& c, std::uint64_t repeat) {
  assay_row_args args = {};
  args.struct_size = sizeof args;
  args.rows = c.rows;
  args.cols = c.cols * repeat;
  args.temperature = c.temperature;
  args.label_smoothing = c.label_smoothing;
  args.ignore_index = c.ignore_index;
  args.dtype = c.dtype;
  args.empty_row = c.empty_row;
  args.reduction = c.reduction;
  args.has_ignore_index = c.has_ignore_index ? 1 : 0;
  return args;
}

assay_attention_args AttentionScalarsOf(const Case& c) {
  const Attention& a = c.attention;
  assay_attention_args args = {};
  args.struct_size = sizeof args;
  args.batch = a.batch;
  args.num_heads = a.num_heads;
  args.num_kv_heads = a.num_kv_heads;
  args.seq_q = a.seq_q;
  args.seq_kv = a.seq_kv;
  args.head_dim = a.head_dim;
  args.value_dim = a.value_dim;
  args.scale = a.scale;
  args.softcap = a.softcap;
  args.window = a.window;
  args.has_scale = a.has_scale ? 1 : 0;
  args.causal = a.causal ? 1 : 0;
  args.alignment = a.alignment;
  args.dtype = c.dtype;
  args.lse_dtype = a.lse_dtype;
  return args;
}

void Enter(Role role, const Placed& placed, assay_row_args* args) {
  if (role == Role::kOut) {
    args->out = {placed.data, placed.strides[2], placed.strides[3]};
  } else {
    *InputOf(args, role) = {placed.data, placed.strides[2], placed.strides[3]};
  }
}

void Enter(Role role, const Placed& placed, assay_attention_args* args) {
  if (static_cast<int>(role) < kInputRoles) {
    SetTensor(placed, InputOf(args, role));
  } else {
    SetTensor(placed, OutputOf(args, role));
  }
}

}  // namespace assay::subjects
