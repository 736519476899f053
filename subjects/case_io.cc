// SPDX-License-Identifier: Apache-2.0
//
// Writing cases: one line a field, one line a row, so that a case can be read, diffed and edited by hand.

#include "subjects/case_io.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>

#include "subjects/files.h"
#include "subjects/float_text.h"
#include "subjects/random.h"

namespace assay::subjects {
namespace {

static_assert(std::endian::native == std::endian::little, "raw tensors are written as they lie in memory");

std::string Quoted(const std::string& text) {  // bytes that are no UTF-8 become U+FFFD
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

const char* EmptyRowName(assay_empty_row value) {
  return value == ASSAY_EMPTY_ROW_NAN ? "nan" : value == ASSAY_EMPTY_ROW_ZERO ? "zero" : "auto";
}

template <class T, class Format>
std::string InlineArray(const std::vector<T>& values, std::size_t cols, Format format) {
  std::string text = "[";
  for (std::size_t i = 0; i < values.size(); ++i) {
    text += i == 0 ? "\n    " : i % cols == 0 ? ",\n    " : ", ";
    text += format(values[i]);
  }
  return text + (values.empty() ? "]" : "\n  ]");
}

// Appends the tensor to `raw` and answers what the JSON says of it.
template <class T>
std::string RawTensor(const std::vector<T>& values, const std::string& file, std::string* raw) {
  const std::string bytes(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  const std::size_t offset = raw->size();
  *raw += bytes;
  return fmt::format(R"({{"file": {}, "offset_bytes": {}, "size_bytes": {}, "fnv1a64": "0x{:016x}"}})", Quoted(file),
                     offset, bytes.size(), Fnv1a(bytes));
}

}  // namespace

void WriteCase(const std::filesystem::path& path, const Case& c) {
  Validate(c);
  std::filesystem::path raw_path = path;
  raw_path.replace_extension(".bin");
  if (raw_path == path) throw CaseError(path.string() + ": .bin is for raw tensors; name the case file NAME.json");
  const std::string raw_name = raw_path.filename().string();
  std::string raw;

  std::string text = "{\n  \"format\": \"assay-case-1\",\n  \"operation\": \"softmax\",\n  \"dtype\": \"f32\",\n";
  text += fmt::format("  \"property\": {},\n  \"origin\": {},\n", Quoted(c.property), Quoted(c.origin));
  text += fmt::format("  \"rows\": {},\n  \"cols\": {},\n", c.rows, c.cols);
  text += fmt::format("  \"logits_gap\": {},\n  \"probs_gap\": {},\n  \"offset\": {},\n", c.logits_gap, c.probs_gap,
                      c.offset);
  text += fmt::format("  \"guard\": \"{}\",\n  \"in_place\": {},\n", c.guard == Guard::kAfter ? "after" : "before",
                      c.in_place);
  text += fmt::format("  \"temperature\": \"{}\",\n", FloatText(c.temperature));
  text += fmt::format("  \"temperature_comment\": \"{:.17g}\",\n", c.temperature);
  text +=
      fmt::format("  \"empty_row\": \"{}\",\n  \"law_key\": \"0x{:016x}\",\n", EmptyRowName(c.empty_row), c.law_key);
  const bool large = c.logits.size() > kInlineElements;
  if (c.has_mask) {
    const auto number = [](std::uint8_t value) { return std::to_string(value); };
    text += "  \"mask\": " + (large ? RawTensor(c.mask, raw_name, &raw) : InlineArray(c.mask, c.cols, number)) + ",\n";
  }
  const auto quoted = [](float value) { return '"' + FloatText(value) + '"'; };
  text += "  \"logits\": " + (large ? RawTensor(c.logits, raw_name, &raw) : InlineArray(c.logits, c.cols, quoted));
  text += "\n}\n";

  if (large) WriteWhole(raw_path, raw);
  WriteWhole(path, text);
}

std::string Summary(const Case& c) {
  constexpr std::size_t kShown = 6;
  std::string text = fmt::format("{} x {}, T = {:.9g}", c.rows, c.cols, c.temperature);
  if (c.has_mask) text += fmt::format(", mask hides {}", std::count(c.mask.begin(), c.mask.end(), 0));
  if (c.empty_row != ASSAY_EMPTY_ROW_AUTO) text += fmt::format(", empty_row {}", EmptyRowName(c.empty_row));
  if (c.in_place) text += ", in place";
  if (c.logits_gap != 0 || c.probs_gap != 0) text += fmt::format(", gaps {} {}", c.logits_gap, c.probs_gap);
  if (c.offset != 0) text += fmt::format(", offset {}", c.offset);
  if (c.guard == Guard::kBefore) text += ", guard before";
  text += "; logits";
  for (std::size_t i = 0; i < std::min(kShown, c.logits.size()); ++i) text += fmt::format(" {:.9g}", c.logits[i]);
  return text + (c.logits.size() > kShown ? " ..." : c.logits.empty() ? " none" : "");
}

}  // namespace assay::subjects
