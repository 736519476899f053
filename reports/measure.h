// SPDX-License-Identifier: Apache-2.0
//
// How wrong the softmax of a set of subjects is on rows of f32 logits: each row goes through the oracle once and
// through every subject, and each element's error in ULP is kept in statistics, in the graph against max - x, and as
// the worst witness.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "oracle/oracle.h"
#include "reports/statistics.h"
#include "subjects/case.h"
#include "subjects/subject.h"

namespace assay::reports {

// A subject to measure. `name` is what `--subject` takes: a built-in's name or a path.
struct Measured {
  std::string name;
  std::string kind;  // "ours", "reference", "control", "faulty", "peer", "yours": shown in tables
  subjects::Subject* subject = nullptr;
};

// The element with the largest error.
struct Worst {
  subjects::Case c;  // one row
  std::size_t element = 0;
  float x = 0;
  float row_max = 0;  // over the visible logits
  float got = 0;
  oracle::Exact exact;
  double err_ulp = 0;
  std::string case_file;  // once WriteWorstCases has written it
};

// One subject on one family.
struct Measurement {
  std::string subject;
  std::string kind;
  std::string family;
  std::string claim;  // "correctly rounded", "at most 4 ULP", "none"
  UlpStatistics statistics;
  std::optional<Worst> worst;  // where any error is not 0
  std::uint64_t skipped_rows = 0;
  std::string skipped_reason;        // the first one
  std::uint64_t failed_rows = 0;     // crashed, timed out, refused: their elements count as infinitely wrong
  std::string failure;               // the first one
  std::uint64_t undecided_rows = 0;  // the oracle could not decide: counted nowhere else
};

// Error against the distance below the row's maximum (max - x) / T, in bins of width 1; what is farther goes into none.
struct GapSeries {
  static constexpr std::size_t kBins = 106;  // results below 2^-150 round to 0: nothing to see beyond 104
  std::string subject;
  std::string kind;
  std::array<double, kBins> max_err = {};
  std::array<std::uint64_t, kBins> count = {};
};

struct MeasureResult {
  std::vector<Measurement> measurements;  // subjects in the order given, families in theirs
  std::vector<GapSeries> gaps;            // one a subject
};

struct MeasureOptions {
  std::uint64_t seed = 1;
  std::uint64_t elements_per_family = 20'000;  // at least; whole rounds through the lengths of rows
  oracle::Tier tier = oracle::Tier::kReferee;
  std::vector<std::string> families;  // names; empty = all. An unknown one throws std::invalid_argument
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // in elements
};

MeasureResult Measure(std::span<const Measured> subjects, const MeasureOptions& options);

// Rows of the caller's own, every one a Case, under the family name given.
MeasureResult MeasureCases(std::span<const Measured> subjects, std::span<const subjects::Case> cases,
                           std::string_view family, oracle::Tier tier);

// All of one subject's families taken together.
UlpStatistics Total(const MeasureResult& result, std::string_view subject);

// Writes the case of each worst witness to dir/SUBJECT-FAMILY.json and notes the file in it.
void WriteWorstCases(MeasureResult& result, const std::filesystem::path& dir);

// "assay replay FILE --subject NAME", or empty where there is no case file.
std::string ReplayCommand(const Measurement& measurement);

std::string ClaimText(const assay_claim& claim);

// A softmax in f32 over one row; `mask` is empty or as long as the row.
subjects::Case SoftmaxCase(std::span<const float> logits, std::span<const std::uint8_t> mask, double temperature);
std::vector<float> Floats(const subjects::Array& values);
// The exact result of such a case. Throws oracle::Undecided.
std::vector<oracle::Exact> ExactSoftmax(const subjects::Case& c, oracle::EmptyRow empty_row, oracle::Tier tier);
// The convention by which this subject answers a row without a visible entry.
oracle::EmptyRow EmptyRowOf(const subjects::SubjectInfo& info, const subjects::Case& c);

}  // namespace assay::reports
