// SPDX-License-Identifier: Apache-2.0
//
// Fills template/reproducer.cc.in with a case.

#include "cli/emit_cpp.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "cli/embedded.h"
#include "properties/attention_truth.h"
#include "properties/bounds.h"
#include "properties/truth.h"
#include "subjects/arena_args.h"
#include "subjects/case_io.h"
#include "subjects/layout.h"
#include "subjects/unsupported.h"

namespace assay::cli {
namespace {

using subjects::Array;
using subjects::Case;
using subjects::Role;

constexpr const char* kElementNames[] = {"kF32", "kF64", "kF16", "kBF16", "kI64", "kU8"};
constexpr const char* kNoWant = "    {kAnything, NAN, 1, 0, INFINITY, 0},\n";

// The text with @WORD@ replaced.
std::string Filled(std::string text, std::string_view word, std::string_view with) {
  const std::string mark = fmt::format("@{}@", word);
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + with.size())) {
    text.replace(at, mark.size(), with);
  }
  return text;
}

// A double as a C++ expression of the same value.
std::string Literal(double x) {
  if (std::isnan(x)) return "NAN";
  if (std::isinf(x)) return x > 0 ? "INFINITY" : "-INFINITY";
  return fmt::format("{:a}", x);
}

std::string BitsOf(const char* name, const Array& values) {
  std::string text = fmt::format("const uint64_t bits_of_{}[] = {{", name);
  for (std::size_t i = 0; i < values.size(); ++i)
    text += fmt::format("{}{:#x},", i % 8 == 0 ? "\n    " : " ", values.Bits(i));
  return text + (values.empty() ? "0};\n" : "\n};\n");
}

// "{3, 1}"
template <class Numbers>
std::string ListText(const Numbers& numbers) {
  return fmt::format("{{{}}}", fmt::join(numbers, ", "));
}

std::string OperandText(const Case& c, Role role, const subjects::SubjectInfo& info) {
  std::array<std::ptrdiff_t, 4> strides = subjects::ExtentOf(c, role, info.alignment_bytes).strides;
  if (!subjects::IsAttention(c.op)) strides[0] = strides[1] = 0;  // without meaning
  const char* const name = subjects::RoleName(role);
  const bool is_input = static_cast<int>(role) < subjects::kInputRoles;
  return fmt::format("{{\"{}\", {}, {}, {}, {}}}", name, kElementNames[static_cast<int>(subjects::ElementOf(c, role))],
                     ListText(subjects::DimsOf(c, role)), ListText(strides),
                     is_input ? fmt::format("bits_of_{}", name) : "nullptr");
}

std::string WantText(const oracle::Exact& e, const properties::Bound& bound) {
  return fmt::format("    {{kValue, {}, {}, {}, {}, {}}},\n", Literal(e.nearest), Literal(e.ulp),
                     Literal(e.remainder_ulp), Literal(bound.ulps), Literal(bound.absolute));
}

// What is wanted of every entry of every output; none of a call that a kernel must refuse.
struct Wanted {
  Role role;
  std::vector<std::string> entries;
};

std::vector<Wanted> WantedRows(const Case& c, const subjects::SubjectInfo& info) {
  Wanted wanted{Role::kOut, {}};
  const std::vector<oracle::Exact> exact = properties::ExactOf(c, info, oracle::Tier::kReferee);
  const std::vector<properties::Bound> bounds = properties::BoundsOf(c, info);
  for (std::size_t i = 0; i < exact.size(); ++i) wanted.entries.push_back(WantText(exact[i], bounds[i]));
  return {wanted};
}

std::vector<Wanted> WantedAttention(const Case& c, const subjects::SubjectInfo& info) {
  std::vector<Wanted> all;
  const properties::AttentionModel model(c);
  for (const properties::ExactOutput& truth : properties::AttentionTruth(c, oracle::Tier::kReferee)) {
    Wanted wanted{truth.role, {}};
    const std::vector<properties::Bound> bounds = properties::BoundsOf(c, info, model, truth);
    for (std::size_t i = 0; i < truth.exact.size(); ++i) {
      wanted.entries.push_back(truth.said[i] == properties::Said::kValue       ? WantText(truth.exact[i], bounds[i])
                               : truth.said[i] == properties::Said::kNotFinite ? "    {kNotFinite, NAN, 1, 0, 0, 0},\n"
                                                                               : kNoWant);
    }
    all.push_back(std::move(wanted));
  }
  return all;
}

// Whether a kernel must refuse the call, and else the exact values with what is allowed.
std::string OutputsText(const Case& c, const subjects::SubjectInfo& info) {
  const bool attention = subjects::IsAttention(c.op);
  std::vector<Wanted> wanted;
  bool must_refuse = attention && subjects::HasBadArguments(c);
  try {
    if (!must_refuse) wanted = attention ? WantedAttention(c, info) : WantedRows(c, info);
  } catch (const std::invalid_argument&) {
    must_refuse = true;
  }
  if (must_refuse) {
    for (const Role role : subjects::OutputsOf(c)) wanted.push_back({role, {}});
  }
  std::string text = fmt::format("const bool kMustRefuse = {};\n", must_refuse);
  std::string outputs;
  for (const Wanted& output : wanted) {
    const char* const name = subjects::RoleName(output.role);
    text += fmt::format("const Want want_of_{}[] = {{\n{}}};\n", name,
                        output.entries.empty() ? kNoWant : fmt::format("{}", fmt::join(output.entries, "")));
    outputs += fmt::format("    {{{}, want_of_{}}},\n", OperandText(c, output.role, info), name);
  }
  // A call may ask for nothing; an array may not be empty.
  if (wanted.empty()) outputs = "    {{\"nothing\", kF32, {0, 0, 0, 0}, {0, 0, 0, 0}, nullptr}, nullptr},\n";
  return text + fmt::format("const Output kOutputs[] = {{\n{}}};\n", outputs);
}

std::string RowFields(const Case& c) {
  return fmt::format(
      "  args->rows = {};\n  args->cols = {};\n  args->temperature = {};\n  args->label_smoothing = {};\n"
      "  args->ignore_index = {};\n  args->has_ignore_index = {};\n  args->dtype = {};\n  args->empty_row = {};\n"
      "  args->reduction = {};\n",
      c.rows, c.cols, Literal(c.temperature), Literal(c.label_smoothing),
      c.ignore_index == INT64_MIN ? "INT64_MIN" : fmt::format("{}", c.ignore_index), c.has_ignore_index ? 1 : 0,
      static_cast<int>(c.dtype), static_cast<int>(c.empty_row), static_cast<int>(c.reduction));
}

std::string AttentionFields(const Case& c) {
  const assay_attention_args a = subjects::AttentionScalarsOf(c);
  std::string text = fmt::format(
      "  args->batch = {};\n  args->num_heads = {};\n  args->num_kv_heads = {};\n  args->seq_q = {};\n"
      "  args->seq_kv = {};\n  args->head_dim = {};\n  args->value_dim = {};\n",
      a.batch, a.num_heads, a.num_kv_heads, a.seq_q, a.seq_kv, a.head_dim, a.value_dim);
  return text + fmt::format(
                    "  args->scale = {};\n  args->softcap = {};\n  args->window = {}u;\n  args->has_scale = {};\n"
                    "  args->causal = {};\n  args->alignment = {};\n  args->dtype = {};\n  args->lse_dtype = {};\n",
                    Literal(a.scale), Literal(a.softcap), a.window, a.has_scale, a.causal, a.alignment, a.dtype,
                    a.lse_dtype);
}

// Enters an operand by its name.
std::string EnterText(const Case& c) {
  std::vector<Role> roles = subjects::OutputsOf(c);
  ForEachInput(c, [&](Role role, const subjects::Operand&) { roles.push_back(role); });
  const char* const type = subjects::IsAttention(c.op) ? "tensor" : "matrix";
  const char* const strides =
      subjects::IsAttention(c.op) ? "{strides[0], strides[1], strides[2], strides[3]}" : "strides[2], strides[3]";
  std::string text;
  for (const Role role : roles) {
    const char* const name = subjects::RoleName(role);
    const bool is_input = static_cast<int>(role) < subjects::kInputRoles;
    text += fmt::format("  if (std::strcmp(name, \"{0}\") == 0) args->{0} = assay_{1}{2}{{data, {3}}};\n", name,
                        is_input ? "const_" : "", type, strides);
  }
  return text;
}

constexpr const char* kScratch =
    "  const size_t scratch = subject->@OP@.scratch_bytes == nullptr ? 0 : subject->@OP@.scratch_bytes(&args);\n"
    "  if (scratch > 0) args.scratch = Guarded(scratch, 0, 0, 64, 0xA5), args.scratch_bytes = scratch;\n";

// The comment at the top, whatever the case holds.
std::string TitleText(const Case& c, const std::string& case_file) {
  std::string text = "// ";
  for (const char ch : fmt::format("{}, law {}: {}", case_file, c.property, subjects::Summary(c))) {
    text += ch == '\n' ? "\n// " : std::string(1, ch == '\r' || ch == '\\' ? ' ' : ch);
  }
  return text;
}

}  // namespace

std::string EmitCpp(const Case& c, const subjects::SubjectInfo& info, const std::string& case_file) {
  const bool attention = subjects::IsAttention(c.op);
  std::string data;
  std::string inputs;
  ForEachInput(c, [&](Role role, const subjects::Operand& operand) {
    data += BitsOf(subjects::RoleName(role), operand.values);
    inputs += "    " + OperandText(c, role, info) + ",\n";
  });
  data += fmt::format("const Operand kInputs[] = {{\n{}}};\n", inputs);
  data += fmt::format("const bool kRows = {};\n", !attention);
  data += fmt::format("const char* const kInPlace = \"{}\";  // the input that out is\n",
                      c.in_place ? subjects::RoleName(subjects::InPlaceRole(c.op)) : "");
  data += fmt::format("const size_t kOffset = {}, kAlignmentBytes = {}, kOverReadBytes = {};\n", c.offset,
                      info.alignment_bytes, info.over_read_bytes);
  data += fmt::format("const bool kGuardBefore = {};\n", c.guard == subjects::Guard::kBefore);
  data += OutputsText(c, info);
  data += fmt::format("\nusing Arguments = {};\n", attention ? "assay_attention_args" : "assay_row_args");
  data +=
      fmt::format("\nvoid FillArguments(Arguments* args) {{\n{}}}\n", attention ? AttentionFields(c) : RowFields(c));
  data += fmt::format(
      "\nvoid Enter(Arguments* args, const char* name, void* data, const ptrdiff_t* strides) {{\n{}}}\n", EnterText(c));
  std::string text(ReproducerTemplate());
  text = Filled(std::move(text), "SCRATCH", attention ? kScratch : "");
  text = Filled(std::move(text), "OP", subjects::OpName(c.op));
  text = Filled(std::move(text), "DATA", data);
  text = Filled(std::move(text), "HEADER", CApiHeader());
  return Filled(std::move(text), "TITLE", TitleText(c, case_file));
}

}  // namespace assay::cli
