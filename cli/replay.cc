// SPDX-License-Identifier: Apache-2.0
//
// assay replay: one case file again, bit for bit, judged by the referee, with every value of the row on the screen; or
// as a program of its own (emit_cpp.cc).

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/emit_cpp.h"
#include "cli/folder.h"
#include "cli/replay_attention.h"
#include "cli/select.h"
#include "properties/bounds.h"
#include "properties/property.h"
#include "properties/truth.h"
#include "subjects/case_io.h"
#include "subjects/files.h"

namespace assay::cli {
namespace {

using subjects::Case;
using subjects::Role;

constexpr std::size_t kShown = 16;  // outputs of a row printed

std::string Hex(double x) { return fmt::format("{:a}", x); }

// A table of the row that matters: inputs, result, exact value, error and what is allowed.
void PrintRow(const Case& c, const subjects::SubjectInfo& info, std::size_t row, std::size_t marked,
              const subjects::RunResult& result) {
  std::vector<oracle::Exact> exact;
  std::vector<properties::Bound> bounds;
  try {
    exact = properties::ExactOf(c, info, oracle::Tier::kReferee);
    bounds = properties::BoundsOf(c, info);
  } catch (const oracle::Undecided& undecided) {
    fmt::print("  {}\n", Wrapped(undecided.what(), 2));
  } catch (const std::invalid_argument&) {  // a call that must be refused has no exact value
  }
  const std::size_t cols = subjects::ShapeOf(c, Role::kOut).cols;
  if (result.out.empty()) return;
  const std::size_t first = marked == SIZE_MAX || marked < kShown ? 0 : marked - kShown / 2;
  fmt::print("  row {} of the result as it stands\n  {:>6}", row, "entry");
  const auto in_table = [&](Role role) { return subjects::ShapeOf(c, role).cols == cols; };
  ForEachInput(c, [&](Role role, const subjects::Operand&) {
    if (in_table(role)) fmt::print(" {:>{}}", subjects::RoleName(role), role == Role::kMask ? 6 : 17);
  });
  fmt::print(" {:>17} {:>17} {:>11} {:>9}\n", "got", "nearest", "error, ULP", "allowed");
  for (std::size_t j = first; j < std::min(cols, first + kShown); ++j) {
    const std::size_t i = row * cols + j;
    fmt::print("{} {:>6}", j == marked ? Bad(">") : " ", j);
    ForEachInput(c, [&](Role role, const subjects::Operand& operand) {
      if (!in_table(role)) return;
      if (role == Role::kMask) {
        fmt::print(" {:>6}", operand[i] != 0 ? "shown" : "hidden");
      } else {
        fmt::print(" {:>17}", role == Role::kLabels ? fmt::format("{}", operand[i]) : Hex(operand[i]));
      }
    });
    fmt::print(" {:>17}", Hex(result.out[i]));
    if (!exact.empty()) {
      fmt::print(" {:>17} {:>11.4g} {:>9.4g}", Hex(exact[i].nearest), oracle::ErrUlp(result.out[i], exact[i]),
                 properties::InUlp(bounds[i], exact[i]));
    }
    fmt::print("\n");
  }
  if (cols > kShown) fmt::print("  ({} entries in all)\n", cols);
}

// A file that is named on the command line and is no case is a wrong word there.
Case Read(const std::filesystem::path& file) {
  try {
    return subjects::ReadCase(file);
  } catch (const subjects::CaseError& error) {
    throw UsageError(error.what());
  }
}

const properties::Property& PropertyOf(const Case& c, const ReplayOptions& options) {
  const std::string name = options.property.empty() ? c.property : options.property;
  if (name.empty()) {
    throw UsageError(fmt::format("{} names no law: say which with --property", options.file.string()));
  }
  if (options.property.empty() && properties::FindProperty(name) == nullptr) {
    throw UsageError(fmt::format("{} names the law \"{}\", which there is not: say which with --property",
                                 options.file.string(), name));
  }
  const properties::Property& property = *SelectProperties({name}).front();
  const bool speaks = (property.ops & properties::Of(c.op)) != 0 && subjects::SameBits(property.fit(c), c);
  if (!speaks) {
    throw UsageError(fmt::format("{}: the law {} does not speak about this case{}", options.file.string(), name,
                                 c.property.empty() || c.property == name
                                     ? "; choose another with --property (assay probe lists them)"
                                     : ", which was written for " + c.property + "; leave --property out"));
  }
  return property;
}

}  // namespace

int Replay(const ReplayOptions& options) {
  const Case c = Read(options.file);
  const properties::Property& property = PropertyOf(c, options);
  if (!options.emit_cpp.empty()) {
    CheckWritable(std::filesystem::absolute(options.emit_cpp).parent_path(), "choose another place");
  }
  const auto subject = OpenSubject(options.subject, options.time_limit_seconds);
  if (!options.emit_cpp.empty()) {
    subjects::WriteWhole(options.emit_cpp, EmitCpp(c, subject->info(), options.file.filename().string()));
    const std::string file = ShellQuoted(options.emit_cpp.string());
    const bool library = options.subject.ends_with(".so");
    const std::string kernel =
        library ? ShellQuoted(options.subject.find('/') == std::string::npos ? "./" + options.subject : options.subject)
                : "KERNEL.so";
    fmt::print("wrote {}\n  {}\n", options.emit_cpp.string(),
               Bold(fmt::format("c++ -std=c++17 {} -o reproducer -ldl && ./reproducer {}", file, kernel)));
    fmt::print(
        "It makes the one call of the case and judges each result alone; what a law compares it with is not there.\n");
    return kClean;
  }
  fmt::print("{} on {} ({})\n  {}\n", property.name, TitleOf(subject->info()), options.subject,
             Wrapped(property.law, 2));
  fmt::print("  case     {}\n  from     {}\n", Wrapped(subjects::Summary(c), 11), Wrapped(c.origin, 11));

  properties::Context context{*subject, oracle::Tier::kReferee};
  const properties::Judgement judgement = properties::Judge(property, c, context);
  const std::string verdict = properties::VerdictName(judgement.verdict);
  const bool violated = judgement.verdict == properties::Verdict::kViolated;
  const std::string coloured = violated                                           ? Bad(verdict)
                               : judgement.verdict == properties::Verdict::kHolds ? Good(verdict)
                                                                                  : Doubtful(verdict);
  // Wrapped before it is coloured: escape sequences have no width.
  const std::string text = Wrapped(judgement.reason.empty() ? verdict : verdict + ": " + judgement.reason, 11);
  fmt::print("  verdict  {}{}\n", coloured, text.substr(verdict.size()));
  const bool attention = subjects::IsAttention(c.op);
  const std::size_t rows = attention ? 0 : subjects::ShapeOf(c, Role::kOut).rows;
  if ((attention || rows > 0) && judgement.verdict != properties::Verdict::kNotApplicable) {
    const subjects::RunResult result = subject->Run(c);
    if (result.outcome != subjects::Outcome::kReturned) {
      fmt::print("  the call itself: {}\n", result.detail);
    } else if (result.status != ASSAY_OK) {
      fmt::print("  the call itself answers {}\n", assay_status_name(result.status));
    } else if (attention) {
      PrintAttention(c, subject->info(), judgement.witness, result);
    } else {
      const properties::Witness at = judgement.witness.value_or(properties::Witness{});
      PrintRow(c, subject->info(), std::min(at.row, rows - 1), judgement.witness ? at.col : SIZE_MAX, result);
    }
  }
  if (judgement.verdict == properties::Verdict::kNotApplicable) return kSkipped;
  return violated ? kFindings : kClean;
}

}  // namespace assay::cli
