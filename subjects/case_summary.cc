// SPDX-License-Identifier: Apache-2.0
//
// A case in words, and a small one of attention as a picture.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "subjects/case_io.h"
#include "subjects/case_names.h"

namespace assay::subjects {
namespace {

std::string LayoutText(const std::string& name, const Layout& layout) {
  std::string text;
  if (layout == Layout{}) return text;
  text += ", " + name;
  if (layout.gap != 0) text += fmt::format(" gap {}", layout.gap);
  if (layout.step != 1) text += fmt::format(" step {}", layout.step);
  for (const LayoutFlag& flag : kLayoutFlags) {
    if (layout.*flag.member) text += fmt::format(" {}", flag.text);
  }
  return text;
}

std::string FirstValues(const std::string& name, const Array& values) {
  constexpr std::size_t kShown = 6;
  std::string text = " " + name;
  for (std::size_t i = 0; i < std::min(kShown, values.size()); ++i) text += fmt::format(" {:.9g}", values[i]);
  return text + (values.size() > kShown ? " ..." : values.empty() ? " none" : "");
}

std::string MaskWords(const Case& c) {
  if (!c.mask.given) return {};
  std::size_t hidden = 0;
  for (std::size_t i = 0; i < c.mask.values.size(); ++i) hidden += c.mask.values.Bits(i) == 0 ? 1 : 0;
  return fmt::format(", mask hides {}", hidden);
}

std::string RowWords(const Case& c) {
  std::string text =
      fmt::format("{} {}, {} x {}, T = {:.9g}", OpName(c.op), kDtypeNames[c.dtype], c.rows, c.cols, c.temperature);
  if (c.reduction != ASSAY_REDUCTION_NONE) text += fmt::format(", {}", kReductionNames[c.reduction]);
  if (c.label_smoothing != 0) text += fmt::format(", label smoothing {:.9g}", c.label_smoothing);
  if (c.has_ignore_index) text += fmt::format(", ignores label {}", c.ignore_index);
  text += MaskWords(c);
  if (c.empty_row != ASSAY_EMPTY_ROW_AUTO) text += fmt::format(", empty_row {}", kEmptyRowNames[c.empty_row]);
  return text;
}

std::string AttentionWords(const Case& c) {
  const Attention& a = c.attention;
  std::string text = fmt::format("{} {}, {} x {} head{}", OpName(c.op), kDtypeNames[c.dtype], a.batch, a.num_heads,
                                 a.num_heads == 1 ? "" : "s");
  if (a.num_kv_heads != a.num_heads) text += fmt::format(" ({} kv)", a.num_kv_heads);
  text += fmt::format(", {} quer{} x {} key{}, d {}", a.seq_q, a.seq_q == 1 ? "y" : "ies", a.seq_kv,
                      a.seq_kv == 1 ? "" : "s", a.head_dim);
  if (a.value_dim != a.head_dim) text += fmt::format(", value d {}", a.value_dim);
  if (a.causal) text += ", causal";
  if (a.window != 0) text += fmt::format(", window {}", a.window);
  if (a.alignment == ASSAY_TOP_LEFT) text += ", top left";
  if (a.has_scale) text += fmt::format(", scale {:.9g}", a.scale);
  if (a.softcap != 0) text += fmt::format(", softcap {:.9g}", a.softcap);
  if (c.lengths.given) {
    text += ", lengths";
    for (std::size_t i = 0; i < std::min<std::size_t>(8, c.lengths.values.size()); ++i) {
      text += fmt::format(" {}", static_cast<std::int64_t>(c.lengths.values.Bits(i)));
    }
    if (c.lengths.values.size() > 8) text += " ...";
  }
  text += MaskWords(c);
  if (c.bias.given) text += ", bias";
  if (c.sink.given) text += ", sink";
  if (a.lse_dtype == ASSAY_F64) text += ", lse f64";
  for (int i = kInputRoles; i < kInputRoles + kOutputRoles; ++i) {
    const auto role = static_cast<Role>(i);
    if (Skips(c, role) && (role != Role::kDbias || c.bias.given)) text += fmt::format(", no {}", RoleName(role));
  }
  return text;
}

// ---- The picture of attention ------------------------------------------------------------------------------

std::size_t Lines(const Attention& a) {
  return a.batch * (a.num_kv_heads * (a.seq_kv + 1) + a.num_heads * (a.seq_q + 1));
}

bool IsSmall(const Case& c) {
  const Attention& a = c.attention;
  const std::size_t sizes[] = {a.batch, a.num_heads, a.num_kv_heads, a.seq_q, a.seq_kv, a.head_dim, a.value_dim};
  return *std::max_element(std::begin(sizes), std::end(sizes)) <= 12 && Lines(a) <= 32 && HeadsDivide(a) &&
         a.batch * a.num_heads * a.seq_q * a.seq_kv != 0;
}

bool Sees(const Case& c, std::size_t batch, std::size_t head, std::size_t i, std::size_t j) {
  const Attention& a = c.attention;
  const auto keys = static_cast<std::int64_t>(a.seq_kv);
  const std::int64_t given = c.lengths.given ? static_cast<std::int64_t>(c.lengths.values.Bits(batch)) : keys;
  const std::int64_t length = std::clamp<std::int64_t>(given, 0, keys);
  const auto key = static_cast<std::int64_t>(j);
  const std::int64_t shift = a.alignment == ASSAY_TOP_LEFT ? 0 : length - static_cast<std::int64_t>(a.seq_q);
  const std::int64_t at = static_cast<std::int64_t>(i) + shift;
  const std::size_t entry = ((batch * a.num_heads + head) * a.seq_q + i) * a.seq_kv + j;
  if (key >= length || (a.causal && key > at)) return false;
  if (a.window != 0 && at >= key && static_cast<std::uint64_t>(at - key) >= a.window) return false;
  if (c.mask.given && c.mask.values.Bits(entry) == 0) return false;
  return !c.bias.given || c.bias[entry] != -HUGE_VAL;
}

// "  q 1 0.5 -2" of one row of the operand.
std::string RowText(const Case& c, Role role, std::size_t row) {
  const Operand& operand = c.operand(role);
  const std::size_t cols = ShapeOf(c, role).cols;
  if (!operand.given || cols == 0) return {};
  std::string text = std::string("  ") + RoleName(role);
  for (std::size_t j = 0; j < cols; ++j) text += fmt::format(" {:.6g}", operand[row * cols + j]);
  return text;
}

// Of each head its keys, and under them its queries with the keys each of them sees.
std::string Picture(const Case& c) {
  const Attention& a = c.attention;
  const std::size_t group = a.num_heads / a.num_kv_heads;
  std::string text;
  for (std::size_t n = 0; n < a.batch; ++n) {
    for (std::size_t g = 0; g < a.num_kv_heads; ++g) {
      const std::string batch = a.batch == 1 ? "" : fmt::format("batch {} ", n);
      if (a.batch > 1 || a.num_kv_heads > 1) text += fmt::format("\n {}kv head {}", batch, g);
      for (std::size_t j = 0; j < a.seq_kv; ++j) {
        const std::size_t row = (n * a.num_kv_heads + g) * a.seq_kv + j;
        text += fmt::format("\n  key {}:{}{}", j, RowText(c, Role::kK, row), RowText(c, Role::kV, row));
      }
      for (std::size_t h = g * group; h < (g + 1) * group; ++h) {
        if (a.num_heads > 1 || c.sink.given) text += fmt::format("\n  head {}:{}", h, RowText(c, Role::kSink, h));
        for (std::size_t i = 0; i < a.seq_q; ++i) {
          const std::size_t row = (n * a.num_heads + h) * a.seq_q + i;
          text += fmt::format("\n    query {} sees ", i);
          for (std::size_t j = 0; j < a.seq_kv; ++j) text += Sees(c, n, h, i, j) ? 'x' : '.';
          for (const Role role : {Role::kQ, Role::kBias, Role::kUpstream, Role::kSavedOut, Role::kSavedLse}) {
            text += RowText(c, role, row);
          }
        }
      }
    }
  }
  return text;
}

}  // namespace

std::string Summary(const Case& c) {
  std::string text = IsAttention(c.op) ? AttentionWords(c) : RowWords(c);
  ForEachInput(c, [&](Role role, const Operand& operand) { text += LayoutText(RoleName(role), operand.layout); });
  if (c.in_place) text += ", in place";
  for (const Role role : OutputsOf(c)) {
    if (role != Role::kOut || !c.in_place) text += LayoutText(RoleName(role), OutLayout(c, role));
  }
  if (c.offset != 0) text += fmt::format(", offset {}", c.offset);
  if (c.guard == Guard::kBefore) text += ", guard before";
  if (IsAttention(c.op) && IsSmall(c)) return text + Picture(c);
  const char* separator = ";";
  ForEachInput(c, [&](Role role, const Operand& operand) {
    if (role == Role::kMask || role == Role::kLengths) return;
    text += separator + FirstValues(RoleName(role), operand.values);
    separator = ",";
  });
  return text;
}

}  // namespace assay::subjects
