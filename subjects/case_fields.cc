// SPDX-License-Identifier: Apache-2.0
//
// Fields one by one.

#include "subjects/case_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "subjects/case_io.h"
#include "subjects/case_names.h"
#include "subjects/float_text.h"

namespace assay::subjects {

using nlohmann::json;

Fields::Fields(std::filesystem::path path, json object, std::string prefix)
    : path_(std::move(path)), left_(std::move(object)), prefix_(std::move(prefix)) {}

void Fields::Fail(const std::string& what) const { throw CaseError(path_.string() + ": " + what); }

void Fields::FailField(const std::string& field, const std::string& what) const {
  Fail(fmt::format("field \"{}{}\": {}", prefix_, field, what));
}

json Fields::Take(const std::string& field) {
  const auto found = left_.find(field);
  if (found == left_.end()) FailField(field, "is missing; a case of this format and operation has it");
  json value = std::move(*found);
  left_.erase(found);
  return value;
}

std::string Fields::String(const std::string& field) {
  const json value = Take(field);
  if (!value.is_string()) FailField(field, "is " + value.dump().substr(0, 40) + "; write a string");
  return value.get<std::string>();
}

std::size_t Fields::Size(const std::string& field) {
  const json value = Take(field);
  if (!value.is_number_unsigned()) FailField(field, "is " + value.dump().substr(0, 40) + "; write an integer >= 0");
  return value.get<std::size_t>();
}

std::uint64_t Fields::HexWord(const std::string& field, const std::string& text) const {
  std::uint64_t word = 0;
  const char* const end = text.data() + text.size();
  if (text.starts_with("0x") && text.size() > 2) {
    const auto [stop, error] = std::from_chars(text.data() + 2, end, word, 16);
    if (error == std::errc() && stop == end) return word;
  }
  FailField(field, fmt::format("\"{}\" is no 64-bit number; write it as \"0x0123456789abcdef\"", text.substr(0, 40)));
}

bool Fields::Bool(const std::string& field) {
  const json value = Take(field);
  if (!value.is_boolean()) FailField(field, "is neither true nor false; write one of them");
  return value.get<bool>();
}

double Fields::Float(const std::string& field) {
  const std::string text = String(field);
  const auto parsed = ParseDouble(text);
  if (!parsed) FailField(field, fmt::format("is \"{}\"; {}", text.substr(0, 40), kFloatRemedy));
  return *parsed;
}

std::size_t Fields::Choice(const std::string& field, std::span<const char* const> names) {
  return IndexOf(field, String(field), names);
}

std::size_t Fields::IndexOf(const std::string& field, const std::string& text,
                            std::span<const char* const> names) const {
  std::string all;
  std::size_t index = 0;
  for (const char* const name : names) {
    if (text == name) return index;
    all += fmt::format("{}\"{}\"", index++ == 0 ? "" : " or ", name);
  }
  FailField(field, fmt::format("is \"{}\"; write {}", text.substr(0, 40), all));
}

Layout Fields::ReadLayout(const std::string& field) {
  if (!left_.contains(field)) return {};
  const json value = Take(field);
  if (!value.is_object()) FailField(field, "is no object; write one such as {\"gap\": 1}");
  Layout layout;
  for (const auto& [key, member] : value.items()) {
    if (key == "gap" || key == "step") {
      if (!member.is_number_unsigned()) {
        FailField(field, fmt::format("{} is {}; write an integer >= 0", key, member.dump().substr(0, 40)));
      }
      (key == "gap" ? layout.gap : layout.step) = member.get<std::size_t>();
      continue;
    }
    const auto flag =
        std::find_if(std::begin(kLayoutFlags), std::end(kLayoutFlags),
                     [&, name = std::string_view(key)](const LayoutFlag& one) { return one.name == name; });
    if (flag == std::end(kLayoutFlags)) {
      FailField(field, fmt::format("\"{}\" is unknown; remove it, or use the version of assay that wrote it", key));
    }
    if (!member.is_boolean()) FailField(field, key + " is neither true nor false; write one of them");
    layout.*(flag->member) = member.get<bool>();
  }
  return layout;
}

Fields Fields::Object(const std::string& field) {
  json value = Take(field);
  if (!value.is_object()) FailField(field, "is no object; write one as assay does");
  return Fields(path_, std::move(value), prefix_ + field + ".");
}

void Fields::FailUnknown() const {
  if (left_.empty()) return;
  FailField(left_.begin().key(), "is unknown; remove it, or use the version of assay that wrote it");
}

}  // namespace assay::subjects
