// SPDX-License-Identifier: Apache-2.0
//
// Reading cases. Sizes are claims until the data is there: nothing is allocated from rows * cols.

#include <fmt/format.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "subjects/case_fields.h"
#include "subjects/case_io.h"
#include "subjects/case_names.h"
#include "subjects/files.h"
#include "subjects/float_text.h"
#include "subjects/layout.h"
#include "subjects/random.h"

namespace assay::subjects {
namespace {

using nlohmann::json;

// The object in the file. A field that is there twice, in it or in one of its objects, is refused.
json Parse(const std::filesystem::path& path) {
  const Fields fields(path, {});
  const std::string text = ReadWhole(path);
  std::set<std::string> seen;
  std::string outer;
  const auto refuse_twice = [&](int depth, json::parse_event_t event, json& value) {
    if (event != json::parse_event_t::key || depth > 2) return true;
    const std::string key = value.get<std::string>();
    if (depth == 1) outer = key;
    const std::string whole = depth == 1 ? key : outer + "." + key;
    if (!seen.insert(whole).second) fields.FailField(whole, "is there twice; remove one");
    return true;
  };
  json object;
  try {
    object = json::parse(text, refuse_twice);
  } catch (const json::exception& error) {
    fields.Fail(fmt::format("not JSON ({}); give a case file written by assay", error.what()));
  }
  if (!object.is_object()) fields.Fail("not a JSON object; give a case file written by assay");
  return object;
}

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : path_(path), fields_(path, Parse(path)) {}

  Case Read();

 private:
  Array Tensor(const std::string& field, Element element, std::size_t size);
  Array InlineTensor(const std::string& field, const json& value, Element element) const;
  Array RawTensor(const std::string& field, const json& reference, Element element, std::size_t size);
  void ReadNames(Case* c);
  void ReadRowSizes(Case* c);
  void ReadLoss(Case* c);
  void ReadAttention(Case* c);
  void ReadPlacing(Case* c);
  void ReadOperands(Case* c);
  Case ReadFormat1();
  Case ReadFormat2();

  std::filesystem::path path_;
  Fields fields_;
  std::string raw_;
  std::string raw_name_;
};

Array Reader::Tensor(const std::string& field, Element element, std::size_t size) {
  const json value = fields_.Take(field);
  if (value.is_object()) return RawTensor(field, value, element, size);
  if (!value.is_array()) {
    fields_.FailField(field, "is neither an array nor a reference to a .bin file; write its elements row by row");
  }
  if (value.size() != size) {
    fields_.FailField(field,
                      fmt::format("holds {} elements, its shape asks for {}; make them equal", value.size(), size));
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
      fields_.FailField(fmt::format("{}[{}]", field, i),
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
    fields_.FailField(field, "must have exactly file, offset_bytes, size_bytes and fnv1a64");
  }
  const auto name = file->get<std::string>();
  if (name.empty() || name == "." || name == ".." || name.find('/') != name.npos || name.find('\0') != name.npos) {
    fields_.FailField(field, "file must be the plain name of a file beside the case");
  }
  if (name != raw_name_) raw_ = ReadWhole(path_.parent_path() / (raw_name_ = name));
  const auto start = offset->get<std::size_t>();
  const auto length = bytes->get<std::size_t>();
  const std::size_t each = BytesOf(element);
  if (length % each != 0 || length / each != size) {
    fields_.FailField(field, fmt::format("size_bytes is {}, its shape asks for {} elements of {} bytes; {}", length,
                                         size, each, kRemedy));
  }
  if (start > raw_.size() || length > raw_.size() - start) {
    fields_.FailField(field, fmt::format("{} has {} bytes and is truncated: needed are {} from byte {}; {}", name,
                                         raw_.size(), length, start, kRemedy));
  }
  const std::string_view data = std::string_view(raw_).substr(start, length);
  if (Fnv1a(data) != fields_.HexWord(field, sum->get<std::string>())) {
    fields_.FailField(field, fmt::format("{} does not match its checksum; {}", name, kRemedy));
  }
  Array values(element, size);
  if (size != 0) std::memcpy(values.data(), data.data(), length);
  return values;
}

void Reader::ReadNames(Case* c) {
  c->property = fields_.String("property");
  c->origin = fields_.String("origin");
}

void Reader::ReadRowSizes(Case* c) {
  c->rows = fields_.Size("rows");
  c->cols = fields_.Size("cols");
  std::size_t size = 0;
  if (__builtin_mul_overflow(c->rows, c->cols, &size)) {
    fields_.FailField("rows", "rows * cols overflows; give the true shape");
  }
  c->temperature = fields_.Float("temperature");
  fields_.Drop("temperature_comment");  // decimal, for people; the hex number rules
  c->empty_row = static_cast<assay_empty_row>(fields_.Choice("empty_row", kEmptyRowNames));
}

void Reader::ReadLoss(Case* c) {
  c->reduction = static_cast<assay_reduction>(fields_.Choice("reduction", kReductionNames));
  c->label_smoothing = fields_.Float("label_smoothing");
  const json ignore_index = fields_.Take("ignore_index");
  if (ignore_index.is_null()) return;
  const auto bits = ignore_index.is_number_integer() ? ParseElement(Element::kI64, ignore_index.dump()) : std::nullopt;
  if (!bits) fields_.FailField("ignore_index", "is neither null nor an integer of 64 bits; write one of them");
  c->has_ignore_index = true;
  c->ignore_index = static_cast<std::int64_t>(*bits);
}

void Reader::ReadAttention(Case* c) {
  Attention& a = c->attention;
  Fields fields = fields_.Object("attention");
  for (const AttentionSize& size : kAttentionSizes) a.*size.member = fields.Size(size.name);
  const json scale = fields.Take("scale");
  a.has_scale = !scale.is_null();
  if (a.has_scale) {
    const auto parsed = scale.is_string() ? ParseDouble(scale.get<std::string>()) : std::nullopt;
    if (!parsed) fields.FailField("scale", std::string("is neither null nor a number; ") + kFloatRemedy);
    a.scale = *parsed;
  }
  a.softcap = fields.Float("softcap");
  a.causal = fields.Bool("causal");
  a.alignment = static_cast<assay_alignment>(fields.Choice("alignment", kAlignmentNames));
  a.lse_dtype = static_cast<assay_dtype>(fields.Choice("lse_dtype", kDtypeNames));
  const json skipped = fields.Take("skipped");
  if (!skipped.is_array()) fields.FailField("skipped", "is no array; write one of the outputs not asked for, or []");
  for (const json& name : skipped) {
    if (!name.is_string()) fields.FailField("skipped", "holds what is no string; write names of outputs");
    const std::size_t i = fields.IndexOf("skipped", name.get<std::string>(), kOutputNames);
    a.skipped |= 1U << i;
  }
  fields.FailUnknown();
  for (int i = 0; i < kInputRoles + kOutputRoles; ++i) {
    const auto role = static_cast<Role>(i);
    if (!NeedOf(c->op, role).has || (NeedOf(c->op, role).optional && !fields_.Has(RoleName(role)))) continue;
    try {
      CheckSize(*c, role);
    } catch (const std::invalid_argument& error) {
      fields_.FailField("attention", std::string(error.what()) + "; give the true sizes");
    }
  }
}

void Reader::ReadPlacing(Case* c) {
  c->offset = fields_.Size("offset");
  constexpr const char* kGuards[] = {"after", "before"};
  c->guard = fields_.Choice("guard", kGuards) == 0 ? Guard::kAfter : Guard::kBefore;
  c->in_place = fields_.Bool("in_place");
  c->law_key = fields_.HexWord("law_key", fields_.String("law_key"));
}

void Reader::ReadOperands(Case* c) {
  for (int i = 0; i < kInputRoles; ++i) {
    const auto role = static_cast<Role>(i);
    if (!fields_.Has(RoleName(role))) continue;
    if (!NeedOf(c->op, role).has) {  // its shape means nothing
      fields_.Fail(fmt::format("{} is given; {} does not read it; correct it", RoleName(role), OpName(c->op)));
    }
    Operand& operand = c->operand(role);
    operand.given = true;
    operand.layout = fields_.ReadLayout(std::string(RoleName(role)) + "_layout");
    operand.values = Tensor(RoleName(role), ElementOf(*c, role), ShapeOf(*c, role).size());
  }
}

// Softmax in f32, with one gap for logits and mask and one for out.
Case Reader::ReadFormat1() {
  Case c;
  constexpr const char* kOperations[] = {"softmax"};
  constexpr const char* kDtypes[] = {"f32"};
  fields_.Choice("operation", kOperations);
  fields_.Choice("dtype", kDtypes);
  ReadNames(&c);
  ReadRowSizes(&c);
  ReadPlacing(&c);
  const std::size_t logits_gap = fields_.Size("logits_gap");
  c.out.gap = fields_.Size("probs_gap");
  ReadOperands(&c);
  c.logits.layout.gap = logits_gap;
  if (c.mask.given) c.mask.layout.gap = logits_gap;
  return c;
}

Case Reader::ReadFormat2() {
  Case c;
  const char* operations[ASSAY_NUM_OPS];
  for (int i = 0; i < ASSAY_NUM_OPS; ++i) operations[i] = OpName(static_cast<assay_op>(i));
  c.op = static_cast<assay_op>(fields_.Choice("operation", operations));
  c.dtype = static_cast<assay_dtype>(fields_.Choice("dtype", kDtypeNames));
  ReadNames(&c);
  if (IsAttention(c.op)) {
    ReadAttention(&c);
  } else {
    ReadRowSizes(&c);
    ReadLoss(&c);
  }
  ReadPlacing(&c);
  for (int i = kInputRoles; i < kInputRoles + kOutputRoles; ++i) {
    const auto role = static_cast<Role>(i);
    if (role == Role::kOut || NeedOf(c.op, role).has) {
      OutLayout(c, role) = fields_.ReadLayout(std::string(RoleName(role)) + "_layout");
    }
  }
  ReadOperands(&c);
  return c;
}

Case Reader::Read() {
  const json format = fields_.Has("format") ? fields_.Take("format") : json();
  if (format != "assay-case-1" && format != "assay-case-2") {
    fields_.FailField(
        "format",
        "is neither \"assay-case-1\" nor \"assay-case-2\"; give a case file, or use the version of assay that wrote "
        "it");
  }
  Case c = format == "assay-case-1" ? ReadFormat1() : ReadFormat2();
  fields_.FailUnknown();
  try {
    Validate(c);
  } catch (const std::invalid_argument& error) {
    fields_.Fail(std::string(error.what()) + "; correct it");
  }
  return c;
}

}  // namespace

Case ReadCase(const std::filesystem::path& path) { return Reader(path).Read(); }

}  // namespace assay::subjects
