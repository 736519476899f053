// SPDX-License-Identifier: Apache-2.0
//
// JUnit XML, as continuous integration reads it: a test case for each law.

#include <fmt/format.h>

#include <cmath>

#include "cli/report_lines.h"
#include "cli/results.h"
#include "cli/select.h"
#include "properties/property.h"
#include "subjects/files.h"

namespace assay::cli {
namespace {

// XML 1.0 has no place for most control characters; they become '?'.
std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char ch : text) {
    switch (ch) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\n':
        escaped += "&#10;";
        break;
      default:
        escaped += static_cast<unsigned char>(ch) < 0x20 ? '?' : ch;
    }
  }
  return escaped;
}

}  // namespace

void WriteJUnit(const std::filesystem::path& path, const CheckRun& run, const Expected& expected) {
  std::string cases;
  std::size_t failures = 0;
  std::size_t skipped = 0;
  double seconds = 0;
  for (const LawResult& law : run.laws) {
    const properties::Property* const property = properties::FindProperty(law.law);
    const LawOutcome outcome = OutcomeOf(law, expected);
    cases += fmt::format("  <testcase classname=\"assay.{}.{}\" name=\"{}\" time=\"{:.3f}\"", Escaped(run.title),
                         property == nullptr ? "law" : properties::GroupName(property->group), law.law, law.seconds);
    seconds += law.seconds;
    const std::string note = Escaped(outcome.note);
    if (outcome.failed) {
      ++failures;
      cases += fmt::format(">\n    <failure message=\"{}\">", note);
      for (std::size_t i = 0; i < law.result.findings.size(); ++i) {
        const properties::Finding& finding = law.result.findings[i];
        cases += Escaped(finding.minimal_judgement.reason + "\n" + ReplayCommand(run, law.files[i].minimal) + "\n");
      }
      cases += "</failure>\n  </testcase>\n";
    } else if (outcome.kind == LawOutcome::Kind::kHolds) {
      cases += "/>\n";
    } else {
      ++skipped;
      cases += fmt::format(">\n    <skipped message=\"{}\"/>\n  </testcase>\n", note);
    }
  }
  subjects::WriteWhole(
      path, fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                        "<testsuite name=\"assay {}\" tests=\"{}\" failures=\"{}\" errors=\"0\" "
                        "skipped=\"{}\" time=\"{:.3f}\">\n"
                        "  <properties>\n    <property name=\"seed\" value=\"{}\"/>\n"
                        "    <property name=\"cases\" value=\"{}\"/>\n  </properties>\n{}</testsuite>\n",
                        Escaped(run.title), run.laws.size(), failures, skipped, seconds, run.seed, run.cases, cases));
}

}  // namespace assay::cli
