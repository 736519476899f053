// SPDX-License-Identifier: Apache-2.0
//
// The report in one sentence.

#include <fmt/format.h>

#include "reports/report.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

// What the sentence is about: all families of the first subject.
struct Summary {
  UlpStatistics total;
  const Measurement* worst = nullptr;
  const Measurement* failed = nullptr;
  std::size_t families = 0;
  std::uint64_t failed_rows = 0;
  std::uint64_t undecided_rows = 0;
  std::uint64_t skipped_rows = 0;
  std::string skipped_reason;
};

Summary Summarise(const MeasureResult& measured, const std::string& subject) {
  Summary s;
  for (const Measurement& m : measured.measurements) {
    if (m.subject != subject) continue;
    s.total.Merge(m.statistics);
    if (m.statistics.count() > 0) ++s.families;
    if (m.worst && (s.worst == nullptr || m.worst->err_ulp > s.worst->worst->err_ulp)) s.worst = &m;
    if (m.failed_rows > 0 && s.failed == nullptr) s.failed = &m;
    s.failed_rows += m.failed_rows;
    s.undecided_rows += m.undecided_rows;
    if (m.skipped_rows > 0 && s.skipped_rows == 0) s.skipped_reason = m.skipped_reason;
    s.skipped_rows += m.skipped_rows;
  }
  return s;
}

std::string Sentence(const std::string& name, const std::string& claim, const Summary& s) {
  const std::string scope = fmt::format("{} results in {} input {}", Count(s.total.count()), s.families,
                                        s.families == 1 ? "family" : "families");
  const std::string worst =
      s.worst == nullptr ? "0 ULP" : fmt::format("{} ULP, on {}", Ulp(s.worst->worst->err_ulp), s.worst->family);
  if (s.failed_rows > 0) {
    return fmt::format("{} fails on {} rows; the first: {} on {}", name, Count(s.failed_rows), s.failed->failure,
                       s.failed->family);
  }
  if (s.total.count() == 0) return fmt::format("{} was not measured on any input", name);
  if (claim == "correctly rounded") {
    return s.total.misrounded() == 0
               ? fmt::format(
                     "{} is correctly rounded wherever it was measured: each of {} is the float nearest to the "
                     "exact value",
                     name, scope)
               : fmt::format(
                     "{} claims correct rounding and breaks it: {} of {} are not the float nearest to the exact "
                     "value, the worst off by {}",
                     name, Count(s.total.misrounded()), scope, worst);
  }
  return fmt::format("{} is off by at most {} over {} (99.9 % of them within {} ULP); its claim: {}", name, worst,
                     scope, Ulp(s.total.Quantile(0.999)), claim);
}

}  // namespace

std::string Verdict(const Report& report) {
  const auto& measurements = report.measured.measurements;
  if (measurements.empty()) return "Nothing was measured.";
  const std::string& name = measurements[0].subject;
  const Summary s = Summarise(report.measured, name);
  std::string sentence = Sentence(name, measurements[0].claim, s);
  if (s.undecided_rows > 0) sentence += fmt::format("; {} rows the oracle could not decide", Count(s.undecided_rows));
  if (s.skipped_rows > 0) sentence += fmt::format("; {} rows skipped ({})", Count(s.skipped_rows), s.skipped_reason);
  return sentence + ".";
}

}  // namespace assay::reports
