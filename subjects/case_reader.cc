// SPDX-License-Identifier: Apache-2.0
//
// Reading cases: strict, and every refusal names the file, the field and the remedy. Sizes are claims until the data
// is there: nothing is allocated from rows * cols.

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "subjects/case_io.h"
#include "subjects/files.h"
#include "subjects/float_text.h"
#include "subjects/random.h"

namespace assay::subjects {
namespace {

using nlohmann::json;

constexpr const char* kFloatRemedy = R"(write floats in hex, such as "0x1.8p+1", "-0x0p+0", "inf" or "nan:0x7fc00000")";

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : path_(path) {}

  Case Read();

 private:
  [[noreturn]] void Fail(const std::string& what) const { throw CaseError(path_.string() + ": " + what); }
  [[noreturn]] void FailField(const std::string& field, const std::string& what) const {
    Fail(fmt::format("field \"{}\": {}", field, what));
  }

  void Parse();
  // The field, taken out of what is left: what remains at the end is unknown.
  json Take(const std::string& field);
  std::string String(const std::string& field);
  std::size_t Size(const std::string& field);
  std::uint64_t HexWord(const std::string& field, const std::string& text) const;
  // The index of the field's text among `names`.
  std::size_t Choice(const std::string& field, std::initializer_list<const char*> names);
  template <class T, class ParseElement>
  std::vector<T> Tensor(const std::string& field, std::size_t size, ParseElement parse);
  template <class T>
  std::vector<T> RawTensor(const std::string& field, const json& reference, std::size_t size);

  std::filesystem::path path_;
  json left_;
  std::string raw_;
  std::string raw_name_;
};

void Reader::Parse() {
  const std::string text = ReadWhole(path_);
  std::set<std::string> seen;
  const auto refuse_twice = [&](int depth, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::key && depth == 1 && !seen.insert(value.get<std::string>()).second) {
      FailField(value.get<std::string>(), "is there twice; remove one");
    }
    return true;
  };
  try {
    left_ = json::parse(text, refuse_twice);
  } catch (const json::exception& error) {
    Fail(fmt::format("not JSON ({}); give a case file written by assay", error.what()));
  }
  if (!left_.is_object()) Fail("not a JSON object; give a case file written by assay");
}

json Reader::Take(const std::string& field) {
  const auto found = left_.find(field);
  if (found == left_.end()) FailField(field, "is missing; a case of format assay-case-1 has it");
  json value = std::move(*found);
  left_.erase(found);
  return value;
}

std::string Reader::String(const std::string& field) {
  const json value = Take(field);
  if (!value.is_string()) FailField(field, "is " + value.dump().substr(0, 40) + "; write a string");
  return value.get<std::string>();
}

std::size_t Reader::Size(const std::string& field) {
  const json value = Take(field);
  if (!value.is_number_unsigned()) FailField(field, "is " + value.dump().substr(0, 40) + "; write an integer >= 0");
  return value.get<std::size_t>();
}

std::uint64_t Reader::HexWord(const std::string& field, const std::string& text) const {
  std::uint64_t word = 0;
  const char* const end = text.data() + text.size();
  if (text.starts_with("0x") && text.size() > 2) {
    const auto [stop, error] = std::from_chars(text.data() + 2, end, word, 16);
    if (error == std::errc() && stop == end) return word;
  }
  FailField(field, fmt::format("\"{}\" is no 64-bit number; write it as \"0x0123456789abcdef\"", text.substr(0, 40)));
}

std::size_t Reader::Choice(const std::string& field, std::initializer_list<const char*> names) {
  const std::string text = String(field);
  std::string all;
  std::size_t index = 0;
  for (const char* const name : names) {
    if (text == name) return index;
    all += fmt::format("{}\"{}\"", index++ == 0 ? "" : " or ", name);
  }
  FailField(field, fmt::format("is \"{}\"; write {}", text.substr(0, 40), all));
}

template <class T, class ParseElement>
std::vector<T> Reader::Tensor(const std::string& field, std::size_t size, ParseElement parse) {
  const json value = Take(field);
  if (value.is_object()) return RawTensor<T>(field, value, size);
  if (!value.is_array())
    FailField(field, "is neither an array nor a reference to a .bin file; write rows * cols elements");
  if (value.size() != size) {
    FailField(field, fmt::format("holds {} elements, rows * cols is {}; make them equal", value.size(), size));
  }
  std::vector<T> values;
  values.reserve(size);
  for (const json& element : value) {
    const std::optional<T> parsed = parse(element);
    if (!parsed) {
      FailField(fmt::format("{}[{}]", field, values.size()),
                fmt::format("is {}; {}", element.dump().substr(0, 40),
                            std::is_same_v<T, float> ? kFloatRemedy : "write an integer from 0 to 255, 0 = masked"));
    }
    values.push_back(*parsed);
  }
  return values;
}

template <class T>
std::vector<T> Reader::RawTensor(const std::string& field, const json& reference, std::size_t size) {
  constexpr const char* kRemedy = "copy the .json and its .bin together, unchanged";
  const auto file = reference.find("file");
  const auto offset = reference.find("offset_bytes");
  const auto bytes = reference.find("size_bytes");
  const auto sum = reference.find("fnv1a64");
  if (reference.size() != 4 || file == reference.end() || !file->is_string() || offset == reference.end() ||
      !offset->is_number_unsigned() || bytes == reference.end() || !bytes->is_number_unsigned() ||
      sum == reference.end() || !sum->is_string()) {
    FailField(field, "must have exactly file, offset_bytes, size_bytes and fnv1a64");
  }
  const auto name = file->get<std::string>();
  if (name.empty() || name == "." || name == ".." || name.find('/') != name.npos || name.find('\0') != name.npos) {
    FailField(field, "file must be the plain name of a file beside the case");
  }
  if (name != raw_name_) raw_ = ReadWhole(path_.parent_path() / (raw_name_ = name));
  const auto start = offset->get<std::size_t>();
  const auto length = bytes->get<std::size_t>();
  if (length % sizeof(T) != 0 || length / sizeof(T) != size) {
    FailField(field, fmt::format("size_bytes is {}, rows * cols asks for {} elements of {} bytes; {}", length, size,
                                 sizeof(T), kRemedy));
  }
  if (start > raw_.size() || length > raw_.size() - start) {
    FailField(field, fmt::format("{} has {} bytes and is truncated: needed are {} from byte {}; {}", name, raw_.size(),
                                 length, start, kRemedy));
  }
  const std::string_view data = std::string_view(raw_).substr(start, length);
  if (Fnv1a(data) != HexWord(field, sum->get<std::string>())) {
    FailField(field, fmt::format("{} does not match its checksum; {}", name, kRemedy));
  }
  std::vector<T> values(size);
  if (size != 0) std::memcpy(values.data(), data.data(), length);
  return values;
}

Case Reader::Read() {
  Parse();
  if (left_.value("format", json()) != "assay-case-1") {
    FailField("format", "is not \"assay-case-1\"; give a case file, written by this version of assay");
  }
  left_.erase("format");
  Choice("operation", {"softmax"});
  Choice("dtype", {"f32"});
  Case c;
  c.property = String("property");
  c.origin = String("origin");
  c.rows = Size("rows");
  c.cols = Size("cols");
  c.logits_gap = Size("logits_gap");
  c.probs_gap = Size("probs_gap");
  c.offset = Size("offset");
  c.guard = Choice("guard", {"after", "before"}) == 0 ? Guard::kAfter : Guard::kBefore;
  const json in_place = Take("in_place");
  if (!in_place.is_boolean()) FailField("in_place", "is neither true nor false; write one of them");
  c.in_place = in_place.get<bool>();
  const std::string temperature = String("temperature");
  if (const auto parsed = ParseDouble(temperature)) {
    c.temperature = *parsed;
  } else {
    FailField("temperature", fmt::format("is \"{}\"; {}", temperature.substr(0, 40), kFloatRemedy));
  }
  left_.erase("temperature_comment");  // decimal, for people; the hex number rules
  c.empty_row = static_cast<assay_empty_row>(Choice("empty_row", {"auto", "nan", "zero"}));
  c.law_key = HexWord("law_key", String("law_key"));
  std::size_t size = 0;
  if (__builtin_mul_overflow(c.rows, c.cols, &size)) FailField("rows", "rows * cols overflows; give the true shape");
  c.has_mask = left_.contains("mask");
  if (c.has_mask) {
    c.mask = Tensor<std::uint8_t>("mask", size, [](const json& element) -> std::optional<std::uint8_t> {
      if (!element.is_number_unsigned() || element.get<std::uint64_t>() > 255) return std::nullopt;
      return static_cast<std::uint8_t>(element.get<std::uint64_t>());
    });
  }
  c.logits = Tensor<float>("logits", size, [](const json& element) {
    return element.is_string() ? ParseFloat(element.get_ref<const std::string&>()) : std::nullopt;
  });
  if (!left_.empty())
    FailField(left_.begin().key(), "is unknown; remove it, or use the version of assay that wrote it");
  try {
    Validate(c);
  } catch (const std::invalid_argument& error) {
    Fail(std::string(error.what()) + "; correct it");
  }
  return c;
}

}  // namespace

Case ReadCase(const std::filesystem::path& path) { return Reader(path).Read(); }

}  // namespace assay::subjects
