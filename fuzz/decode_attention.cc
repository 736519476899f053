// SPDX-License-Identifier: Apache-2.0

#include "fuzz/decode_attention.h"

#include <cstring>
#include <iterator>
#include <limits>

#include "properties/fit_attention.h"
#include "properties/forward_attention.h"
#include "subjects/layout.h"

namespace assay::fuzz {
namespace {

using subjects::Array;
using subjects::Attention;
using subjects::Case;
using subjects::Layout;
using subjects::Operand;
using subjects::Role;

using Header = std::array<std::uint8_t, kHeaderBytes>;

template <class T>
T Word(const Header& header, std::size_t at) {
  T value;
  std::memcpy(&value, &header[at], sizeof(value));
  return value;
}

// One of a list; behind it: the double of the header.
template <std::size_t kCount>
double Parameter(const double (&values)[kCount], std::size_t k, const Header& header) {
  return k < kCount ? values[k] : Word<double>(header, 32);
}

Attention Sizes(const Header& header) {
  constexpr std::size_t kBatch[] = {1, 1, 2, 3};
  constexpr std::size_t kHeads[] = {1, 2, 3, 0};
  constexpr std::size_t kGroup[] = {1, 2, 3, 8};
  Attention a;
  a.batch = kBatch[header[3] & 3];
  a.num_kv_heads = kHeads[header[3] >> 2 & 3];
  a.num_heads = a.num_kv_heads * kGroup[header[3] >> 4 & 3];
  a.seq_q = header[8] % 40;
  a.seq_kv = header[9] % 40;
  a.head_dim = header[10] % 20;
  a.value_dim = header[11] >= 128 ? a.head_dim : header[11] % 20;
  return a;
}

void DecodeSwitches(const Header& header, Case& c) {
  Attention& a = c.attention;
  a.lse_dtype = (header[3] & 64) != 0 ? ASSAY_F64 : ASSAY_F32;
  a.alignment = (header[3] & 128) != 0 ? ASSAY_TOP_LEFT : ASSAY_BOTTOM_RIGHT;
  a.causal = (header[4] & 16) != 0;
  a.window = (header[12] & 1) == 0 ? 0 : header[12] / 2 % 40;
  constexpr double kScales[] = {1, -1, 0.125, 0, 1e4, 0.7, std::numeric_limits<double>::infinity()};
  const std::size_t scale = header[7] % (2 + std::size(kScales) + 2);
  a.has_scale = scale >= 2;
  if (a.has_scale) a.scale = Parameter(kScales, scale - 2, header);
  constexpr double kSoftcaps[] = {0, 0, 0, 30, 5, 0.5, 1e-3, 1e4, -1};
  a.softcap = Parameter(kSoftcaps, header[13] % (std::size(kSoftcaps) + 1), header);
  // Bits 0 to 3: lse of the forward pass; dq, dk, dv, dbias of the backward.
  const int first = static_cast<int>(c.op == ASSAY_ATTENTION ? Role::kLse : Role::kDq) - static_cast<int>(Role::kOut);
  a.skipped = static_cast<std::uint32_t>(header[5] & 15) << first;
  c.guard = (header[4] & 8) != 0 ? subjects::Guard::kBefore : subjects::Guard::kAfter;
  c.offset = header[6] % 32;
  c.in_place = (header[4] & 4) != 0;
  c.law_key = Word<std::uint64_t>(header, 40);
}

Layout LayoutFor(const Header& header, Role role) {
  constexpr std::size_t kGaps[] = {0, 1, 3, 4, 7, 8, 16, 19};
  constexpr std::size_t kSteps[] = {1, 1, 2, 3};
  const std::uint8_t bits = header[14 + static_cast<std::size_t>(role) % 8];
  Layout layout;
  layout.gap = kGaps[bits & 7];
  layout.step = kSteps[bits >> 3 & 3];
  layout.heads_inner = (bits & 0x38) == 0x38;
  layout.columns_outer = (bits & 32) != 0 && !layout.heads_inner;
  layout.rows_backward = (bits & 64) != 0;
  layout.cols_backward = (bits & 128) != 0;
  return layout;
}

void DecodeLayouts(const Header& header, Case& c) {
  subjects::ForEachInput(c, [&](Role role, Operand& operand) { operand.layout = LayoutFor(header, role); });
  for (const Role role : subjects::OutputsOf(c)) subjects::OutLayout(c, role) = LayoutFor(header, role);
  constexpr Role kBroadcast[] = {Role::kQ, Role::kK, Role::kV, Role::kBias, Role::kMask};
  const std::size_t which = header[5] >> 4 & 7;
  if (which < 3) return;
  Operand& operand = c.operand(kBroadcast[which - 3]);
  if (!operand.given) return;
  const std::size_t dimension = (header[5] & 128) != 0 ? 0 : 1;
  properties::Repeat(operand.values, subjects::DimsOf(c, kBroadcast[which - 3]), dimension);
  operand.layout = {};
  (dimension == 0 ? operand.layout.repeats_batch : operand.layout.repeats_head) = true;
}

void FillNumbers(const Header& header, std::span<const std::uint8_t> data, Case& c) {
  std::size_t taken = 0;
  subjects::ForEachInput(c, [&](Role role, Operand& operand) {
    Array& values = operand.values;
    const std::size_t bytes = subjects::BytesOf(values.element());
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (role == Role::kMask) {
        values.SetBits(i, Word<std::uint64_t>(header, 48) >> (i % 64) & 1);
      } else if (role == Role::kLengths) {
        values.SetBits(i, header[24 + i % 8] % (c.attention.seq_kv + 2));
      } else if (data.size() >= bytes) {
        std::memcpy(values.data() + i * bytes, data.data() + taken++ % (data.size() / bytes) * bytes, bytes);
      }
    }
  });
}

// Numbers of no forward pass would make shares that no type holds.
void FillSaved(const Header& header, Case& c) {
  const Array drawn = c.saved_out.values;
  const Attention& a = c.attention;
  for (std::size_t n = 0; n < a.batch; ++n) {
    for (std::size_t h = 0; h < a.num_heads; ++h) {
      properties::SaveForward(c, n, h, -std::numeric_limits<double>::infinity());
    }
  }
  if ((header[4] & 128) == 0) return;
  c.saved_out.values = drawn;
  for (std::size_t i = 0; i < c.saved_lse.values.size(); ++i) c.saved_lse.values.Set(i, c.saved_lse[i] + 1);
}

}  // namespace

void DecodeAttention(const Header& header, std::span<const std::uint8_t> data, Case& c) {
  const auto property = c.property;
  c = subjects::MakeAttention(c.op, c.dtype, Sizes(header));
  c.property = property;
  c.origin = "fuzz";
  DecodeSwitches(header, c);
  if (c.op == ASSAY_ATTENTION_BACKWARD) subjects::Give(c, Role::kSavedLse);  // of its type
  if ((header[4] & 1) != 0) subjects::Give(c, Role::kMask);
  if ((header[4] & 2) != 0) subjects::Give(c, Role::kBias);
  if ((header[4] & 32) != 0 && c.op == ASSAY_ATTENTION) subjects::Give(c, Role::kSink);
  if ((header[4] & 64) != 0) subjects::Give(c, Role::kLengths);
  FillNumbers(header, data, c);
  c = properties::SettledAttention(std::move(c));
  DecodeLayouts(header, c);
  if (c.op == ASSAY_ATTENTION_BACKWARD) FillSaved(header, c);
  c = properties::SettledAttention(std::move(c));
}

}  // namespace assay::fuzz
