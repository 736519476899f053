// SPDX-License-Identifier: Apache-2.0
//
// assay replay: one case file again, bit for bit, judged by the referee, with every value of the row on the screen.

#include <fmt/format.h>

#include <cmath>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/select.h"
#include "oracle/oracle.h"
#include "properties/property.h"
#include "subjects/case_io.h"

namespace assay::cli {
namespace {

constexpr std::size_t kShown = 16;  // entries of a row printed

// A table of the row that matters: input, result, exact value.
void PrintRow(const subjects::Case& c, std::size_t row, std::size_t marked, const subjects::RunResult& result) {
  std::vector<oracle::Exact> exact;
  if (c.temperature >= 0) {
    const std::span<const float> logits(c.logits);
    const std::span<const std::uint8_t> mask(c.mask);
    oracle::Row oracle_row;
    oracle_row.logits = logits.subspan(row * c.cols, c.cols);
    if (c.has_mask) oracle_row.mask = mask.subspan(row * c.cols, c.cols);
    oracle_row.temperature = c.temperature;
    exact = oracle::Softmax(oracle_row, oracle::Tier::kReferee);
  }
  const std::size_t first = marked == SIZE_MAX || marked < kShown ? 0 : marked - kShown / 2;
  fmt::print("  row {}\n  {:>6} {:>18} {:>5} {:>18} {:>18} {:>12}\n", row, "entry", "logit", "mask", "got", "nearest",
             "error, ULP");
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

}  // namespace

int Replay(const ReplayOptions& options) {
  const subjects::Case c = subjects::ReadCase(options.file);
  const std::string name = options.property.empty() ? c.property : options.property;
  if (name.empty()) {
    throw UsageError(fmt::format("{} names no law: say which with --property", options.file.string()));
  }
  const properties::Property& property = *SelectProperties({name}).front();
  if (!subjects::SameBits(property.fit(c), c)) {
    throw UsageError(fmt::format("the law {} does not speak about this case; it was written for {}", name,
                                 c.property.empty() ? "none" : c.property));
  }
  const auto subject = OpenSubject(options.subject);
  fmt::print("{} on {} {} ({})\n  {}\n", property.name, subject->info().name, subject->info().version, options.subject,
             property.law);
  fmt::print("  case     {}\n  from     {}\n", subjects::Summary(c), c.origin);

  properties::Context context{*subject, oracle::Tier::kReferee};
  const properties::Judgement judgement = properties::Judge(property, c, context);
  const std::string verdict = properties::VerdictName(judgement.verdict);
  const bool violated = judgement.verdict == properties::Verdict::kViolated;
  fmt::print("  verdict  {}{}{}\n",
             violated                                           ? Bad(verdict)
             : judgement.verdict == properties::Verdict::kHolds ? Good(verdict)
                                                                : Doubtful(verdict),
             judgement.reason.empty() ? "" : ": ", judgement.reason);
  if (c.rows > 0 && c.cols > 0 && judgement.verdict != properties::Verdict::kNotApplicable) {
    const subjects::RunResult result = subject->Run(c);
    if (result.outcome != subjects::Outcome::kReturned) {
      fmt::print("  the call itself: {}\n", result.detail);
    } else if (result.status != ASSAY_OK) {
      fmt::print("  the call itself answers {}\n", assay_status_name(result.status));
    } else {
      const properties::Witness at = judgement.witness.value_or(properties::Witness{});
      PrintRow(c, std::min(at.row, c.rows - 1), judgement.witness ? at.col : SIZE_MAX, result);
    }
  }
  return violated ? kFindings : kClean;
}

}  // namespace assay::cli
