// SPDX-License-Identifier: Apache-2.0
//
// What a case of attention needs against what a subject declares. The two functions go through the same list in the
// same order.

#include <algorithm>
#include <cmath>
#include <utility>

#include "subjects/layout.h"
#include "subjects/unsupported.h"

namespace assay::subjects {
namespace {

bool IsBadScale(const Attention& a) { return a.has_scale && !std::isfinite(a.scale); }

bool IsBadSoftcap(const Attention& a) { return !(a.softcap >= 0 && std::isfinite(a.softcap)); }

bool IsBadLength(const Case& c, std::size_t batch) {
  const auto length = static_cast<std::int64_t>(c.lengths.values.Bits(batch));
  return length < 0 || static_cast<std::uint64_t>(length) > c.attention.seq_kv;
}

bool HasBadLength(const Case& c) {
  for (std::size_t i = 0; i < c.lengths.values.size(); ++i) {
    if (IsBadLength(c, i)) return true;
  }
  return false;
}

bool WritesLse(const Case& c) { return c.op == ASSAY_ATTENTION && !Skips(c, Role::kLse); }

void MendArguments(Case* c) {
  Attention& a = c->attention;
  if (IsBadScale(a)) {
    a.has_scale = false;
    a.scale = 0;
  }
  if (IsBadSoftcap(a)) a.softcap = 0;
  for (std::size_t i = 0; i < c->lengths.values.size(); ++i) {
    if (IsBadLength(*c, i)) {
      const bool negative = static_cast<std::int64_t>(c->lengths.values.Bits(i)) < 0;
      c->lengths.values.SetBits(i, negative ? 0 : a.seq_kv);
    }
  }
  if (!HeadsDivide(a)) {  // as many query heads as divide, at least one each
    const std::size_t kv_heads = std::min(a.num_heads, a.num_kv_heads);
    const std::size_t heads = kv_heads == 0 ? 0 : a.num_heads / kv_heads * kv_heads;
    *c = KeepHeads(*c, Axis::kKvHead, [&](std::size_t g) { return g < kv_heads; });
    *c = KeepHeads(*c, Axis::kHead, [&](std::size_t h) { return h < heads; });
  }
}

// So many dimensions, the new ones zero: they change no score (but for a default scale) and no gradient.
void WidenTo(std::size_t size, Axis axis, Case* c) {
  std::size_t& now = axis == Axis::kHeadDim ? c->attention.head_dim : c->attention.value_dim;
  ForEachInput(*c, [&](Role role, Operand& operand) {
    if (AxesOf(*c, role)[3] != axis) return;
    Array wide(operand.values.element(), now == 0 ? 0 : operand.values.size() / now * size);
    for (std::size_t i = 0; now != 0 && i < operand.values.size(); ++i) {
      wide.SetBits(i / now * size + i % now, operand.values.Bits(i));
    }
    operand.values = std::move(wide);
  });
  now = size;
  ForEachInput(*c, [&](Role role, Operand& operand) { operand.values.Resize(ShapeOf(*c, role).size()); });
}

void LseToF32(Case* c) {
  c->attention.lse_dtype = ASSAY_F32;
  if (!c->saved_lse.given) return;
  Array narrow(Element::kF32, c->saved_lse.values.size());
  for (std::size_t i = 0; i < narrow.size(); ++i) narrow.Set(i, c->saved_lse[i]);
  c->saved_lse.values = std::move(narrow);
}

Case OneHeadPerGroup(const Case& c) {
  const Attention& a = c.attention;
  if (!HeadsDivide(a) || a.num_kv_heads == 0) return c;
  const std::size_t group = a.num_heads / a.num_kv_heads;
  if (group == 0) return KeepHeads(c, Axis::kKvHead, [](std::size_t) { return false; });
  return KeepHeads(c, Axis::kHead, [&](std::size_t h) { return h % group == 0; });
}

void AlignDims(const SubjectInfo& info, Case* c) {
  const std::size_t bytes = BytesOf(ElementOf(c->dtype));
  const std::size_t unit = std::max(info.alignment_bytes, bytes) / bytes;
  const auto rounded = [&](std::size_t size) { return (size + unit - 1) / unit * unit; };
  const std::size_t head_dim = rounded(c->attention.head_dim);
  const std::size_t value_dim = rounded(c->attention.value_dim);
  if (head_dim != c->attention.head_dim) WidenTo(head_dim, Axis::kHeadDim, c);
  if (value_dim != c->attention.value_dim) WidenTo(value_dim, Axis::kValueDim, c);
  if (!AlignmentAsksForStrides(info, *c)) return;
  Take(*c, Role::kMask);
  Take(*c, Role::kBias);
}

}  // namespace

bool HasBadArguments(const Case& c) {
  const Attention& a = c.attention;
  return IsBadScale(a) || IsBadSoftcap(a) || HasBadLength(c) || !HeadsDivide(a);
}

std::string WhyNoAttention(const SubjectInfo& info, const Case& c) {
  const Attention& a = c.attention;
  const auto lacks = [&](assay_feature feature) { return !info.Can(c.op, feature); };
  if (c.mask.given && lacks(ASSAY_FEATURE_MASK)) return "no mask";
  if (c.bias.given && lacks(ASSAY_FEATURE_BIAS)) return "no bias";
  if (c.lengths.given && lacks(ASSAY_FEATURE_LENGTHS)) return "no key lengths";
  if (c.sink.given && lacks(ASSAY_FEATURE_SINK)) return "no sink";
  if (HasBadArguments(c) && lacks(ASSAY_FEATURE_STATUS)) return "no refusal of bad arguments";
  if (a.causal && lacks(ASSAY_FEATURE_CAUSAL)) return "not causal";
  if (a.window != 0 && lacks(ASSAY_FEATURE_WINDOW)) return "no window";
  if (a.alignment == ASSAY_TOP_LEFT && lacks(ASSAY_FEATURE_TOP_LEFT)) return "no alignment to the top left";
  if (a.has_scale && !IsBadScale(a) && lacks(ASSAY_FEATURE_SCALE)) return "no scale of the caller's";
  if (a.softcap != 0 && !IsBadSoftcap(a) && lacks(ASSAY_FEATURE_SOFTCAP)) return "no softcap";
  if (a.num_heads != a.num_kv_heads && HeadsDivide(a) && lacks(ASSAY_FEATURE_GROUPED_HEADS)) return "no grouped heads";
  if (a.value_dim != a.head_dim && lacks(ASSAY_FEATURE_VALUE_DIM)) return "no value_dim other than head_dim";
  if (WritesLse(c) && lacks(ASSAY_FEATURE_LSE)) return "no lse";
  if (a.lse_dtype == ASSAY_F64 && lacks(ASSAY_FEATURE_LSE_F64)) return "no lse in f64";
  return WhyNotLaidOut(info, c);
}

Case SupportedAttention(Case c, const SubjectInfo& info) {
  Attention& a = c.attention;
  const auto lacks = [&](assay_feature feature) { return !info.Can(c.op, feature); };
  if (c.mask.given && lacks(ASSAY_FEATURE_MASK)) Take(c, Role::kMask);
  if (c.bias.given && lacks(ASSAY_FEATURE_BIAS)) Take(c, Role::kBias);
  if (c.lengths.given && lacks(ASSAY_FEATURE_LENGTHS)) Take(c, Role::kLengths);
  if (c.sink.given && lacks(ASSAY_FEATURE_SINK)) Take(c, Role::kSink);
  if (lacks(ASSAY_FEATURE_STATUS)) MendArguments(&c);
  if (lacks(ASSAY_FEATURE_CAUSAL)) a.causal = false;
  if (lacks(ASSAY_FEATURE_WINDOW)) a.window = 0;
  if (lacks(ASSAY_FEATURE_TOP_LEFT)) a.alignment = ASSAY_BOTTOM_RIGHT;
  if (a.has_scale && !IsBadScale(a) && lacks(ASSAY_FEATURE_SCALE)) {
    a.has_scale = false;
    a.scale = 0;
  }
  if (a.softcap != 0 && !IsBadSoftcap(a) && lacks(ASSAY_FEATURE_SOFTCAP)) a.softcap = 0;
  if (lacks(ASSAY_FEATURE_GROUPED_HEADS)) c = OneHeadPerGroup(c);
  if (lacks(ASSAY_FEATURE_VALUE_DIM) && a.value_dim != a.head_dim) {
    if (a.value_dim > a.head_dim) c = KeepAlong(c, Axis::kValueDim, [&](std::size_t e) { return e < a.head_dim; });
    if (a.value_dim < a.head_dim) WidenTo(a.head_dim, Axis::kValueDim, &c);
  }
  if (WritesLse(c) && lacks(ASSAY_FEATURE_LSE)) Skip(c, Role::kLse);
  if (a.lse_dtype == ASSAY_F64 && lacks(ASSAY_FEATURE_LSE_F64)) LseToF32(&c);
  SimplifyLayouts(info, &c);
  if (AlignmentAsksForStrides(info, c)) AlignDims(info, &c);
  return c;
}

}  // namespace assay::subjects
