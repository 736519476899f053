// SPDX-License-Identifier: Apache-2.0
//
// assay replay: one case file again, bit for bit, judged by the referee, with every value of the row on the screen.

#include <fmt/format.h>

#include <cmath>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/select.h"
#include "oracle/oracle.h"
#include "properties/judging.h"
#include "properties/property.h"
#include "reports/measure.h"
#include "subjects/case_io.h"

namespace assay::cli {
namespace {

constexpr std::size_t kShown = 16;  // entries of a row printed

// A table of the row that matters: input, result, exact value.
void PrintRow(const subjects::Case& c, const subjects::SubjectInfo& info, std::size_t row, std::size_t marked,
              const subjects::RunResult& result) {
  std::vector<oracle::Exact> exact;
  if (c.temperature >= 0) {
    try {
      exact = oracle::Softmax(properties::OracleRow(c, row, reports::EmptyRowOf(info, c)), oracle::Tier::kReferee);
    } catch (const oracle::Undecided& undecided) {
      fmt::print("  {}\n", Wrapped(undecided.what(), 2));
    }
  }
  const std::size_t first = marked == SIZE_MAX || marked < kShown ? 0 : marked - kShown / 2;
  fmt::print("  row {} of the case as it stands\n  {:>6} {:>18} {:>5} {:>18} {:>18} {:>12}\n", row, "entry", "logit",
             "mask", "got", "nearest", "error, ULP");
  for (std::size_t j = first; j < std::min(c.cols, first + kShown); ++j) {
    const std::size_t i = row * c.cols + j;
    fmt::print("{} {:>6} {:>18} {:>5} {:>18} ", j == marked ? Bad(">") : " ", j, fmt::format("{:a}", c.logits[i]),
               !c.has_mask      ? "-"
               : c.mask[i] != 0 ? "shown"
                                : "hidden",
               fmt::format("{:a}", result.probs[i]));
    if (!exact.empty()) {
      fmt::print("{:>18} {:>12.4g}", fmt::format("{:a}", exact[j].nearest), oracle::ErrUlp(result.probs[i], exact[j]));
    }
    fmt::print("\n");
  }
  if (c.cols > kShown) fmt::print("  ({} entries in all)\n", c.cols);
}

// A file that is named on the command line and is no case is a wrong word there.
subjects::Case Read(const std::filesystem::path& file) {
  try {
    return subjects::ReadCase(file);
  } catch (const subjects::CaseError& error) {
    throw UsageError(error.what());
  }
}

}  // namespace

int Replay(const ReplayOptions& options) {
  const subjects::Case c = Read(options.file);
  const std::string name = options.property.empty() ? c.property : options.property;
  if (name.empty()) {
    throw UsageError(fmt::format("{} names no law: say which with --property", options.file.string()));
  }
  if (options.property.empty() && properties::FindProperty(name) == nullptr) {
    throw UsageError(fmt::format("{} names the law \"{}\", which there is not: say which with --property",
                                 options.file.string(), name));
  }
  const properties::Property& property = *SelectProperties({name}).front();
  if (!subjects::SameBits(property.fit(c), c)) {
    throw UsageError(fmt::format("{}: the law {} does not speak about this case{}", options.file.string(), name,
                                 c.property.empty() || c.property == name
                                     ? "; choose another with --property (assay probe lists them)"
                                     : ", which was written for " + c.property + "; leave --property out"));
  }
  const auto subject = OpenSubject(options.subject, options.time_limit_seconds);
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
  if (c.rows > 0 && c.cols > 0 && judgement.verdict != properties::Verdict::kNotApplicable) {
    const subjects::RunResult result = subject->Run(c);
    if (result.outcome != subjects::Outcome::kReturned) {
      fmt::print("  the call itself: {}\n", result.detail);
    } else if (result.status != ASSAY_OK) {
      fmt::print("  the call itself answers {}\n", assay_status_name(result.status));
    } else {
      const properties::Witness at = judgement.witness.value_or(properties::Witness{});
      PrintRow(c, subject->info(), std::min(at.row, c.rows - 1), judgement.witness ? at.col : SIZE_MAX, result);
    }
  }
  return violated ? kFindings : kClean;
}

}  // namespace assay::cli
