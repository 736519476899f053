// SPDX-License-Identifier: Apache-2.0
//
// What a report says, as plain data, and its writers. Measuring (measure.h, published.h, special_values.h,
// user_logits.h) fills it, and the caller adds what only it knows: commit, command line, the table of violated laws.

#pragma once

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "reports/measure.h"
#include "reports/published.h"
#include "reports/score_statistics.h"
#include "reports/special_values.h"
#include "reports/user_logits.h"

namespace assay::reports {

// Where the numbers come from; strings are shown as they are, an empty one as "unknown".
struct Provenance {
  std::string commit;
  std::string date;
  std::string subject;
  std::string subject_version;
  std::string cpu;
  std::string compiler;
  std::string compiler_flags;
  std::string target;
  std::string samples;           // "80,000 logits in each of 15 families", "exhaustive"
  std::string oracle;            // "referee (MPFR)"
  std::string oracle_precision;  // "113 bits, raised until certain"
  std::string command;
  std::uint64_t seed = 0;
};

// One judged law of the table "control x violated law".
struct LawRow {
  std::string subject;
  std::string kind;  // "control", "faulty", "ours" ...
  std::string law;   // the property's name
  std::string law_sentence;
  std::string verdict;  // "holds", "violated", "undecided", "not applicable"
  std::string reason;
  std::string case_file;  // of the witness, where violated
};

// What attention or its backward showed in f32 at one spread of the scores, over all shapes; README.md, "Errors of
// attention".
struct AttentionRow {
  std::string subject;
  std::string kind;
  std::string op;
  std::string result;  // "out", "lse", "dq" ...
  double spread = 1;
  std::uint64_t results = 0;
  double largest = 0;  // in units of u W, like the next two
  double rms = 0;
  double nearest = 0;  // the largest of correctly rounded results
  double share = 0;    // of what is claimed, or of the textbook bound
  std::string claim;
  bool holds = true;
  std::string failure;  // a call that did not return, or was refused
};

struct Report {
  std::string title = "Assay: how right is this softmax?";
  std::string verdict;  // one sentence; Verdict() writes the usual one
  Provenance provenance;
  MeasureResult measured;
  std::vector<AttentionRow> attention;  // empty: nobody has it
  std::vector<LawRow> laws;
  std::vector<PublishedResult> published;
  std::vector<SpecialValue> special_values;
  std::vector<UserLogits> user_logits;  // empty: none were given
  ScoreStatistics scores;
};

// The verdict on the first subject measured, in one sentence, judged by the claim that it makes.
std::string Verdict(const Report& report);

std::string ToHtml(const Report& report);
std::string ToMarkdown(const Report& report);
std::string ToJson(const Report& report);  // described by report.schema.json
std::string ToSvg(const Report& report);   // the first figure: error against max - x

// What cannot be written and what to do about it.
struct ReportError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Makes the folder if need be and checks that files can be made in it: to be called before hours of measuring.
void PrepareOutDir(const std::filesystem::path& out_dir);

// Writes index.html, report.md, report.json and figure.svg beside their names and then renames all of them, so that a
// reader finds the old report or the new one. Throws ReportError and then leaves nothing of its own behind.
void WriteReport(const Report& report, const std::filesystem::path& out_dir);

}  // namespace assay::reports
