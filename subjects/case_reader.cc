// SPDX-License-Identifier: Apache-2.0
//
// Reading cases: strict, and every refusal names the file, the field and the remedy. Sizes are claims until the data
// is there: nothing is allocated from rows * cols.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>

#include "subjects/case_io.h"
#include "subjects/case_names.h"
#include "subjects/files.h"
#include "subjects/float_text.h"
#include "subjects/layout.h"
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
  bool Bool(const std::string& field);
  double Float(const std::string& field);
  std::uint64_t HexWord(const std::string& field, const std::string& text) const;
  // The index of the field's text among `names`.
  std::size_t Choice(const std::string& field, std::span<const char* const> names);
  Layout ReadLayout(const std::string& field);
  Array Tensor(const std::string& field, Element element, std::size_t size);
  Array InlineTensor(const std::string& field, const json& value, Element element) const;
  Array RawTensor(const std::string& field, const json& reference, Element element, std::size_t size);
  // What both formats have.
  void ReadShape(Case* c);
  void ReadOperands(Case* c);
  Case ReadFormat1();
  Case ReadFormat2();

  std::filesystem::path path_;
  json left_;
  std::string format_;
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
  if (found == left_.end()) FailField(field, "is missing; a case of format " + format_ + " has it");
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

bool Reader::Bool(const std::string& field) {
  const json value = Take(field);
  if (!value.is_boolean()) FailField(field, "is neither true nor false; write one of them");
  return value.get<bool>();
}

double Reader::Float(const std::string& field) {
  const std::string text = String(field);
  const auto parsed = ParseDouble(text);
  if (!parsed) FailField(field, fmt::format("is \"{}\"; {}", text.substr(0, 40), kFloatRemedy));
  return *parsed;
}

std::size_t Reader::Choice(const std::string& field, std::span<const char* const> names) {
  const std::string text = String(field);
  std::string all;
  std::size_t index = 0;
  for (const char* const name : names) {
    if (text == name) return index;
    all += fmt::format("{}\"{}\"", index++ == 0 ? "" : " or ", name);
  }
  FailField(field, fmt::format("is \"{}\"; write {}", text.substr(0, 40), all));
}

Layout Reader::ReadLayout(const std::string& field) {
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

Array Reader::Tensor(const std::string& field, Element element, std::size_t size) {
  const json value = Take(field);
  if (value.is_object()) return RawTensor(field, value, element, size);
  if (!value.is_array()) {
    FailField(field, "is neither an array nor a reference to a .bin file; write its elements row by row");
  }
  if (value.size() != size) {
    FailField(field, fmt::format("holds {} elements, its shape asks for {}; make them equal", value.size(), size));
  }
  return InlineTensor(field, value, element);
}

Array Reader::InlineTensor(const std::string& field, const json& value, Element element) const {
  const bool integers = element == Element::kI64 || element == Element::kU8;
  Array values(element, value.size());
  std::size_t i = 0;
  for (const json& number : value) {
    std::optional<std::uint64_t> bits;
    if (integers && number.is_number_integer()) bits = ParseElement(element, number.dump());
    if (!integers && number.is_string()) bits = ParseElement(element, number.get_ref<const std::string&>());
    if (!bits) {
      FailField(fmt::format("{}[{}]", field, i),
                fmt::format("is {}, which is no {}; {}", number.dump().substr(0, 40), ElementName(element),
                            !integers                  ? kFloatRemedy
                            : element == Element::kI64 ? "write an integer of 64 bits"
                                                       : "write an integer from 0 to 255, 0 = masked"));
    }
    values.SetBits(i++, *bits);
  }
  return values;
}

Array Reader::RawTensor(const std::string& field, const json& reference, Element element, std::size_t size) {
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
  const std::size_t each = BytesOf(element);
  if (length % each != 0 || length / each != size) {
    FailField(field, fmt::format("size_bytes is {}, its shape asks for {} elements of {} bytes; {}", length, size, each,
                                 kRemedy));
  }
  if (start > raw_.size() || length > raw_.size() - start) {
    FailField(field, fmt::format("{} has {} bytes and is truncated: needed are {} from byte {}; {}", name, raw_.size(),
                                 length, start, kRemedy));
  }
  const std::string_view data = std::string_view(raw_).substr(start, length);
  if (Fnv1a(data) != HexWord(field, sum->get<std::string>())) {
    FailField(field, fmt::format("{} does not match its checksum; {}", name, kRemedy));
  }
  Array values(element, size);
  if (size != 0) std::memcpy(values.data(), data.data(), length);
  return values;
}

void Reader::ReadShape(Case* c) {
  c->property = String("property");
  c->origin = String("origin");
  c->rows = Size("rows");
  c->cols = Size("cols");
  std::size_t size = 0;
  if (__builtin_mul_overflow(c->rows, c->cols, &size)) FailField("rows", "rows * cols overflows; give the true shape");
  c->temperature = Float("temperature");
  left_.erase("temperature_comment");  // decimal, for people; the hex number rules
  c->empty_row = static_cast<assay_empty_row>(Choice("empty_row", kEmptyRowNames));
  c->offset = Size("offset");
  constexpr const char* kGuards[] = {"after", "before"};
  c->guard = Choice("guard", kGuards) == 0 ? Guard::kAfter : Guard::kBefore;
  c->in_place = Bool("in_place");
  c->law_key = HexWord("law_key", String("law_key"));
}

void Reader::ReadOperands(Case* c) {
  for (int i = 0; i < kInputRoles; ++i) {
    const auto role = static_cast<Role>(i);
    if (!left_.contains(RoleName(role))) continue;
    Operand& operand = c->operand(role);
    operand.given = true;
    operand.layout = ReadLayout(std::string(RoleName(role)) + "_layout");
    operand.values = Tensor(RoleName(role), ElementOf(*c, role), ShapeOf(*c, role).size());
  }
}

// Softmax in f32, with one gap for logits and mask and one for out.
Case Reader::ReadFormat1() {
  Case c;
  constexpr const char* kOperations[] = {"softmax"};
  constexpr const char* kDtypes[] = {"f32"};
  Choice("operation", kOperations);
  Choice("dtype", kDtypes);
  ReadShape(&c);
  const std::size_t logits_gap = Size("logits_gap");
  c.out.gap = Size("probs_gap");
  ReadOperands(&c);
  c.logits.layout.gap = logits_gap;
  if (c.mask.given) c.mask.layout.gap = logits_gap;
  return c;
}

Case Reader::ReadFormat2() {
  Case c;
  const char* operations[ASSAY_NUM_ROW_OPS];
  for (int i = 0; i < ASSAY_NUM_ROW_OPS; ++i) operations[i] = OpName(static_cast<assay_op>(i));
  c.op = static_cast<assay_op>(Choice("operation", operations));
  c.dtype = static_cast<assay_dtype>(Choice("dtype", kDtypeNames));
  ReadShape(&c);
  c.reduction = static_cast<assay_reduction>(Choice("reduction", kReductionNames));
  c.label_smoothing = Float("label_smoothing");
  const json ignore_index = Take("ignore_index");
  if (!ignore_index.is_null()) {
    const auto bits =
        ignore_index.is_number_integer() ? ParseElement(Element::kI64, ignore_index.dump()) : std::nullopt;
    if (!bits) FailField("ignore_index", "is neither null nor an integer of 64 bits; write one of them");
    c.has_ignore_index = true;
    c.ignore_index = static_cast<std::int64_t>(*bits);
  }
  c.out = ReadLayout("out_layout");
  ReadOperands(&c);
  return c;
}

Case Reader::Read() {
  Parse();
  const json format = left_.value("format", json());
  if (format != "assay-case-1" && format != "assay-case-2") {
    FailField(
        "format",
        "is neither \"assay-case-1\" nor \"assay-case-2\"; give a case file, or use the version of assay that wrote "
        "it");
  }
  left_.erase("format");
  format_ = format.get<std::string>();
  Case c = format_ == "assay-case-1" ? ReadFormat1() : ReadFormat2();
  if (!left_.empty()) {
    FailField(left_.begin().key(), "is unknown; remove it, or use the version of assay that wrote it");
  }
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
