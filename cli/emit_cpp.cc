// SPDX-License-Identifier: Apache-2.0
//
// Fills template/reproducer.cc.in with a case.

#include "cli/emit_cpp.h"

#include <fmt/format.h>

#include <cmath>
#include <string_view>

#include "cli/embedded.h"
#include "properties/bounds.h"
#include "properties/truth.h"
#include "subjects/arena.h"
#include "subjects/case_io.h"

namespace assay::cli {
namespace {

using subjects::Array;
using subjects::Case;
using subjects::Role;

constexpr const char* kElementNames[] = {"kF32", "kF64", "kF16", "kBF16", "kI64", "kU8"};

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

std::string OperandText(const char* name, subjects::Element element, subjects::Shape shape, std::ptrdiff_t row_stride,
                        std::ptrdiff_t col_stride, const std::string& bits) {
  return fmt::format("{{\"{}\", {}, {}, {}, {}, {}, {}}}", name, kElementNames[static_cast<int>(element)], shape.rows,
                     shape.cols, row_stride, col_stride, bits);
}

const assay_const_matrix& MatrixOf(const assay_row_args& args, Role role) {
  switch (role) {
    case Role::kBias:
      return args.bias;
    case Role::kMask:
      return args.mask;
    case Role::kSaved:
      return args.saved;
    case Role::kUpstream:
      return args.upstream;
    case Role::kTargets:
      return args.targets;
    case Role::kLabels:
      return args.labels;
    default:
      return args.logits;
  }
}

// Whether a kernel must refuse the call, and else the exact values with what is allowed.
std::string WantText(const Case& c, const subjects::SubjectInfo& info) {
  try {
    const std::vector<oracle::Exact> exact = properties::ExactOf(c, info, oracle::Tier::kReferee);
    const std::vector<properties::Bound> bounds = properties::BoundsOf(c, info);
    std::string text = "const bool kMustRefuse = false;\nconst Want kWant[] = {\n";
    for (std::size_t i = 0; i < exact.size(); ++i) {
      const oracle::Exact& e = exact[i];
      text += fmt::format("    {{{}, {}, {}, {}, {}}},\n", Literal(e.nearest), Literal(e.ulp), Literal(e.remainder_ulp),
                          Literal(bounds[i].ulps), Literal(bounds[i].absolute));
    }
    return text + (exact.empty() ? "    {0, 1, 0, 0, 0}};\n" : "};\n");
  } catch (const std::invalid_argument&) {
    return "const bool kMustRefuse = true;\nconst Want kWant[] = {{0, 1, 0, 0, 0}};\n";
  }
}

}  // namespace

std::string EmitCpp(const Case& c, const subjects::SubjectInfo& info, const std::string& case_file) {
  subjects::Arena arena;  // knows the strides
  const assay_row_args args = arena.Place(c, info, {}).args[0];
  std::string arrays;
  std::string inputs;
  std::string input_of;
  ForEachInput(c, [&](Role role, const subjects::Operand& operand) {
    const char* const name = subjects::RoleName(role);
    const assay_const_matrix& matrix = MatrixOf(args, role);
    arrays += BitsOf(name, operand.values);
    inputs += "    " +
              OperandText(name, operand.values.element(), subjects::ShapeOf(c, role), matrix.row_stride,
                          matrix.col_stride, fmt::format("bits_of_{}", name)) +
              ",\n";
    input_of += fmt::format("  if (std::strcmp(name, \"{0}\") == 0) return &args->{0};\n", name);
  });
  const subjects::Element element = subjects::ElementOf(c.dtype);
  const std::string out = OperandText("out", element, subjects::ShapeOf(c, Role::kOut), args.out.row_stride,
                                      args.out.col_stride, "nullptr");
  std::string data = arrays;
  data += fmt::format("const Operand kInputs[] = {{\n{}}};\nconst Operand kOut = {};\n", inputs, out);
  data += fmt::format("const char* const kInPlace = \"{}\";  // the input that out is\n",
                      c.in_place ? subjects::RoleName(subjects::InPlaceRole(c.op)) : "");
  data += fmt::format("const size_t kOffset = {}, kAlignmentBytes = {}, kOverReadBytes = {};\n", c.offset,
                      info.alignment_bytes, info.over_read_bytes);
  data += fmt::format("const bool kGuardBefore = {};\n", c.guard == subjects::Guard::kBefore);
  data += WantText(c, info);
  data += fmt::format(
      "\nvoid FillArguments(assay_row_args* args) {{\n"
      "  args->rows = {};\n  args->cols = {};\n  args->temperature = {};\n  args->label_smoothing = {};\n"
      "  args->ignore_index = {};\n  args->has_ignore_index = {};\n  args->dtype = {};\n  args->empty_row = {};\n"
      "  args->reduction = {};\n}}\n",
      c.rows, c.cols, Literal(c.temperature), Literal(c.label_smoothing),
      c.ignore_index == INT64_MIN ? "INT64_MIN" : fmt::format("{}", c.ignore_index), c.has_ignore_index ? 1 : 0,
      static_cast<int>(c.dtype), static_cast<int>(c.empty_row), static_cast<int>(c.reduction));
  data += fmt::format(
      "\nassay_const_matrix* InputOf(assay_row_args* args, const char* name) {{\n{}  return nullptr;\n}}\n", input_of);
  // One line: what the case says of itself may hold anything.
  std::string title = fmt::format("{}, law {}: {}", case_file, c.property, subjects::Summary(c));
  for (char& ch : title) ch = ch == '\n' || ch == '\r' || ch == '\\' ? ' ' : ch;
  std::string text(ReproducerTemplate());
  text = Filled(std::move(text), "OP", subjects::OpName(c.op));
  text = Filled(std::move(text), "DATA", data);
  text = Filled(std::move(text), "HEADER", CApiHeader());
  return Filled(std::move(text), "TITLE", title);
}

}  // namespace assay::cli
