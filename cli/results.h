// SPDX-License-Identifier: Apache-2.0
//
// What a run of `assay check` found, as a value: it is printed, written as JSON and JUnit, read back and merged.

#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "cli/expected.h"
#include "properties/engine/engine.h"

namespace assay::cli {

// Where a finding's cases lie.
struct FindingFiles {
  std::filesystem::path minimal;
  std::filesystem::path worst;  // empty where it is the minimal one
};

struct LawResult {
  std::string law;
  properties::PropertyResult result;
  std::vector<FindingFiles> files;  // one for each of result.findings
  double seconds = 0;
};

struct CheckRun {
  std::string subject;  // as it was named on the command line
  std::string title;    // as it calls itself
  double time_limit_seconds = 0;
  std::uint64_t seed = 0;
  std::uint64_t cases = 0;
  std::uint64_t num_shards = 1;
  std::set<std::uint64_t> shards;  // those that are in here, of 0 .. num_shards - 1
  properties::Ops ops = properties::kAllOps;
  std::vector<LawResult> laws;  // in the order of the catalogue
};

// JSON, "assay-check-1". Case files are named relative to the JSON's folder. Throws std::runtime_error.
void WriteResults(const std::filesystem::path& path, const CheckRun& run);
// Throws UsageError where the file is none, with the field and what to do.
CheckRun ReadResults(const std::filesystem::path& path);

// JUnit XML: a test case for each law; one that fails as expected is a skipped one.
void WriteJUnit(const std::filesystem::path& path, const CheckRun& run, const Expected& expected);

// Merges b, which must be of the same run (UsageError otherwise, naming what differs), into a.
void MergeInto(CheckRun* a, CheckRun b);

}  // namespace assay::cli
