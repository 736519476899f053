// SPDX-License-Identifier: Apache-2.0

#include "properties/shrink_attention.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "properties/fit_attention.h"
#include "subjects/layout.h"

namespace assay::properties {
namespace {

using subjects::Array;
using subjects::Attention;
using subjects::Axis;
using subjects::Case;
using subjects::Role;
using Kind = Step::Kind;

// So many indices of an axis are tried alone, and so many ranges of one length.
constexpr std::size_t kAlone = 8;
constexpr std::size_t kFew = 64;

std::size_t GroupOf(const Attention& a) { return a.num_kv_heads == 0 ? 1 : a.num_heads / a.num_kv_heads; }

// Alone, the last first: aligned to the bottom right it keeps its place.
void KeepOne(Axis axis, std::size_t size, std::vector<Step>* steps) {
  for (std::size_t k = 0; size > 1 && k < std::min(size, kAlone); ++k) {
    steps->push_back({Kind::kKeepAlong, size - 1 - k, 0, Role::kLogits, axis});
  }
}

// Halves of every axis, then quarters ... down to single indices.
void DropRanges(const std::vector<std::pair<Axis, std::size_t>>& axes, std::vector<Step>* steps) {
  for (std::size_t parts = 2; parts <= 2 * kFew; parts *= 2) {
    for (const auto& [axis, size] : axes) {
      // Ranges of at least one; none finer than single ones.
      const std::size_t length = std::max<std::size_t>(1, (size + parts - 1) / parts);
      if (size < 2 || (length == 1 && (size + parts / 2 - 1) / (parts / 2) == 1)) continue;
      for (std::size_t first = 0; first < size; first += length) {
        steps->push_back({Kind::kDropAlong, first, std::min(size, first + length), Role::kLogits, axis});
      }
    }
  }
}

Case KeepMember(const Case& c, std::size_t member) {
  const std::size_t group = GroupOf(c.attention);
  return subjects::KeepHeads(c, Axis::kHead, [&](std::size_t h) { return h % group == member; });
}

Case WithLseF32(Case c) {
  c.attention.lse_dtype = ASSAY_F32;
  if (!c.saved_lse.given) return c;
  const Array wide = c.saved_lse.values;
  c.saved_lse.values = Array(subjects::ElementOf(c, Role::kSavedLse), wide.size());
  for (std::size_t i = 0; i < wide.size(); ++i) c.saved_lse.values.Set(i, wide[i]);
  return c;
}

}  // namespace

std::vector<Step> AttentionSteps(const Case& c) {
  std::vector<Step> steps;
  const Attention& a = c.attention;
  KeepOne(Axis::kBatch, a.batch, &steps);
  KeepOne(Axis::kHead, a.num_kv_heads, &steps);
  const std::size_t group = GroupOf(a);
  for (std::size_t m = 0; group > 1 && m < std::min(group, kAlone); ++m) steps.push_back({Kind::kKeepMember, m});
  KeepOne(Axis::kQuery, a.seq_q, &steps);
  DropRanges({{Axis::kKey, a.seq_kv},
              {Axis::kQuery, a.seq_q},
              {Axis::kHeadDim, a.head_dim},
              {Axis::kValueDim, a.value_dim},
              {Axis::kBatch, a.batch},
              {Axis::kHead, a.num_kv_heads}},
             &steps);
  for (const Role role : subjects::OutputsOf(c)) {
    if (role != Role::kOut) steps.push_back({Kind::kSkipOutput, 0, 0, role});
  }
  const auto add_if = [&](bool set, Kind kind) {
    if (set) steps.push_back({kind});
  };
  add_if(a.window != 0, Kind::kNoWindow);
  add_if(a.causal, Kind::kNotCausal);
  add_if(a.alignment != ASSAY_BOTTOM_RIGHT, Kind::kBottomRight);
  add_if(a.softcap != 0, Kind::kNoSoftcap);
  add_if(a.softcap != 0 && a.softcap != 1, Kind::kUnitSoftcap);
  add_if(a.has_scale, Kind::kNoScale);
  add_if(a.has_scale && a.scale != 1, Kind::kUnitScale);
  add_if(a.lse_dtype != ASSAY_F32, Kind::kLseF32);
  return steps;
}

bool IsAttentionStep(const Step& step) { return step.kind >= Kind::kKeepAlong && step.kind <= Kind::kLseF32; }

Case ApplyToAttention(Case c, const Step& step) {
  Attention& a = c.attention;
  switch (step.kind) {
    case Kind::kKeepAlong:
      c = subjects::KeepAlong(c, step.axis, [&](std::size_t i) { return i == step.first; });
      break;
    case Kind::kDropAlong:
      c = subjects::KeepAlong(c, step.axis, [&](std::size_t i) { return i < step.first || i >= step.last; });
      break;
    case Kind::kKeepMember:
      c = KeepMember(c, step.first);
      break;
    case Kind::kSkipOutput:
      a.skipped |= 1U << (static_cast<int>(step.role) - static_cast<int>(Role::kOut));
      break;
    case Kind::kNoScale:
      a.has_scale = false;
      break;
    case Kind::kUnitScale:
      a.scale = 1;
      break;
    case Kind::kNoSoftcap:
      a.softcap = 0;
      break;
    case Kind::kUnitSoftcap:
      a.softcap = 1;
      break;
    case Kind::kNoWindow:
      a.window = 0;
      break;
    case Kind::kNotCausal:
      a.causal = false;
      break;
    case Kind::kBottomRight:
      a.alignment = ASSAY_BOTTOM_RIGHT;
      break;
    case Kind::kLseF32:
      c = WithLseF32(std::move(c));
      break;
    default:
      break;
  }
  return SettledAttention(std::move(c));
}

std::size_t AttentionWork(const Case& c) {
  const Attention& a = c.attention;
  const auto some = [](std::size_t n) { return std::max<std::size_t>(1, n); };
  return some(a.batch) * some(a.num_heads) * some(a.seq_q) * some(a.seq_kv) * (some(a.head_dim) + some(a.value_dim));
}

int AttentionSwitches(const Case& c) {
  const Attention& a = c.attention;
  return (a.batch > 1) + (a.num_kv_heads > 1) + (a.num_heads > a.num_kv_heads) + a.has_scale + (a.softcap != 0) +
         (a.window != 0) + a.causal + (a.alignment != ASSAY_BOTTOM_RIGHT) + (a.lse_dtype != ASSAY_F32) +
         static_cast<int>(subjects::OutputsOf(c).size());
}

}  // namespace assay::properties
