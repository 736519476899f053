// SPDX-License-Identifier: Apache-2.0
//
// Writing cases: one line a field, one line a row, so that a case can be read, diffed and edited by hand.

#include "subjects/case_io.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>

#include "subjects/case_names.h"
#include "subjects/files.h"
#include "subjects/float_text.h"
#include "subjects/random.h"

namespace assay::subjects {
namespace {

static_assert(std::endian::native == std::endian::little, "raw tensors are written as they lie in memory");

std::string Quoted(const std::string& text) {  // bytes that are no UTF-8 become U+FFFD
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// `cols` a line; numbers of a float type as quoted text, integers plain.
std::string InlineArray(const Array& values, std::size_t cols) {
  const bool quoted = values.element() != Element::kI64 && values.element() != Element::kU8;
  std::string text = "[";
  for (std::size_t i = 0; i < values.size(); ++i) {
    text += i == 0 ? "\n    " : i % cols == 0 ? ",\n    " : ", ";
    const std::string number = ElementText(values.element(), values.Bits(i));
    text += quoted ? '"' + number + '"' : number;
  }
  return text + (values.empty() ? "]" : "\n  ]");
}

// Appends the tensor to `raw` and answers what the JSON says of it.
std::string RawTensor(const Array& values, const std::string& file, std::string* raw) {
  const std::string bytes(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  const std::size_t offset = raw->size();
  *raw += bytes;
  return fmt::format(R"({{"file": {}, "offset_bytes": {}, "size_bytes": {}, "fnv1a64": "0x{:016x}"}})", Quoted(file),
                     offset, bytes.size(), Fnv1a(bytes));
}

// What is not as in a plain layout, as the members of an object.
std::string LayoutObject(const Layout& layout) {
  std::string text;
  const auto add = [&](const std::string& member) { text += (text.empty() ? "" : ", ") + member; };
  if (layout.gap != 0) add(fmt::format("\"gap\": {}", layout.gap));
  if (layout.step != 1) add(fmt::format("\"step\": {}", layout.step));
  for (const LayoutFlag& flag : kLayoutFlags) {
    if (layout.*flag.member) add(fmt::format("\"{}\": true", flag.name));
  }
  return "{" + text + "}";
}

// What a row operation has beside operands.
std::string RowMembers(const Case& c) {
  std::string text = fmt::format("  \"rows\": {},\n  \"cols\": {},\n", c.rows, c.cols);
  text += fmt::format("  \"temperature\": \"{}\",\n", FloatText(c.temperature));
  text += fmt::format("  \"temperature_comment\": \"{:.17g}\",\n", c.temperature);
  text += fmt::format("  \"empty_row\": \"{}\",\n", kEmptyRowNames[c.empty_row]);
  text += fmt::format("  \"reduction\": \"{}\",\n", kReductionNames[c.reduction]);
  text += fmt::format("  \"label_smoothing\": \"{}\",\n", FloatText(c.label_smoothing));
  return text + fmt::format("  \"ignore_index\": {},\n", c.has_ignore_index ? std::to_string(c.ignore_index) : "null");
}

std::string AttentionMembers(const Case& c) {
  const Attention& a = c.attention;
  std::string text = "  \"attention\": {\n";
  for (const AttentionSize& size : kAttentionSizes) text += fmt::format("    \"{}\": {},\n", size.name, a.*size.member);
  text += fmt::format("    \"scale\": {},\n", a.has_scale ? '"' + FloatText(a.scale) + '"' : "null");
  text += fmt::format("    \"softcap\": \"{}\",\n", FloatText(a.softcap));
  text += fmt::format("    \"causal\": {},\n", a.causal);
  text += fmt::format("    \"alignment\": \"{}\",\n", kAlignmentNames[a.alignment]);
  text += fmt::format("    \"lse_dtype\": \"{}\",\n", kDtypeNames[a.lse_dtype]);
  std::string skipped;
  for (std::size_t i = 0; i < kOutputRoles; ++i) {
    if ((a.skipped >> i & 1) != 0) skipped += fmt::format("{}\"{}\"", skipped.empty() ? "" : ", ", kOutputNames[i]);
  }
  return text + fmt::format("    \"skipped\": [{}]\n  }},\n", skipped);
}

}  // namespace

void WriteCase(const std::filesystem::path& path, const Case& c) {
  Validate(c);
  std::filesystem::path raw_path = path;
  raw_path.replace_extension(".bin");
  if (raw_path == path) throw CaseError(path.string() + ": .bin is for raw tensors; name the case file NAME.json");
  const std::string raw_name = raw_path.filename().string();
  std::string raw;

  std::string text = "{\n  \"format\": \"assay-case-2\",\n";
  text += fmt::format("  \"operation\": \"{}\",\n  \"dtype\": \"{}\",\n", OpName(c.op), kDtypeNames[c.dtype]);
  text += fmt::format("  \"property\": {},\n  \"origin\": {},\n", Quoted(c.property), Quoted(c.origin));
  text += IsAttention(c.op) ? AttentionMembers(c) : RowMembers(c);
  text += fmt::format("  \"offset\": {},\n  \"guard\": \"{}\",\n  \"in_place\": {},\n", c.offset,
                      c.guard == Guard::kAfter ? "after" : "before", c.in_place);
  text += fmt::format("  \"law_key\": \"0x{:016x}\"", c.law_key);
  const auto layout = [&](Role role, const Layout& of) {
    if (of != Layout{}) text += fmt::format(",\n  \"{}_layout\": {}", RoleName(role), LayoutObject(of));
  };
  for (int i = kInputRoles; i < kInputRoles + kOutputRoles; ++i) {
    layout(static_cast<Role>(i), OutLayout(c, static_cast<Role>(i)));
  }
  ForEachInput(c, [&](Role role, const Operand& operand) {
    layout(role, operand.layout);
    const bool large = operand.values.size() > kInlineElements;
    text += fmt::format(",\n  \"{}\": ", RoleName(role));
    text += large ? RawTensor(operand.values, raw_name, &raw) : InlineArray(operand.values, ShapeOf(c, role).cols);
  });
  text += "\n}\n";

  if (!raw.empty()) WriteWhole(raw_path, raw);
  WriteWhole(path, text);
}

}  // namespace assay::subjects
