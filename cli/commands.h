// SPDX-License-Identifier: Apache-2.0
//
// The commands of `assay`, a file for each; main.cc reads the command line into these options.

#pragma once

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "oracle/oracle.h"

namespace assay::cli {

// Documented in --help and README.md; 4 (budget ended before the mandatory part) is kBudget.
enum ExitCode : int { kClean = 0, kFindings = 1, kUsage = 2, kInfrastructure = 3, kBudget = 4, kSkipped = 77 };

// A wrong word on the command line: exit code 2.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline constexpr double kDefaultTimeLimitSeconds = 10;                      // for each call of a subject
inline constexpr std::uint64_t kDefaultCases = 500;                         // for each law
inline constexpr std::uint64_t kUntilTheTimeIsUp = std::uint64_t{1} << 40;  // --time without --cases

struct CheckOptions {
  std::string subject = "assay";
  std::vector<std::string> ops;         // empty: all
  std::vector<std::string> properties;  // empty: all but the nightly ones
  bool nightly = false;                 // those too
  std::uint64_t seed = 1;
  std::uint64_t cases = kDefaultCases;
  std::uint64_t shard = 0;
  std::uint64_t num_shards = 1;
  double seconds = 0;  // for the whole run; 0: no limit
  oracle::Tier tier = oracle::Tier::kBulk;
  std::filesystem::path findings = "assay-findings";
  double time_limit_seconds = kDefaultTimeLimitSeconds;
  std::filesystem::path json;               // empty: none
  std::filesystem::path junit;              // likewise
  std::filesystem::path expected_failures;  // likewise
};
int Check(const CheckOptions& options);

struct MergeOptions {
  std::vector<std::filesystem::path> files;  // at least one
  std::filesystem::path json;
  std::filesystem::path junit;
  std::filesystem::path expected_failures;
};
int Merge(const MergeOptions& options);

struct InitOptions {
  std::string name;
  std::filesystem::path folder;  // empty: the name
  bool attention = false;        // the kernel is attention; else softmax
};
int Init(const InitOptions& options);

struct ReplayOptions {
  std::filesystem::path file;
  std::string subject = "assay";
  std::string property;  // empty: the one the case names
  double time_limit_seconds = kDefaultTimeLimitSeconds;
  std::filesystem::path emit_cpp;  // write a stand-alone program here instead of running; empty: run
};
int Replay(const ReplayOptions& options);

struct ProbeOptions {
  std::string subject;  // empty: list the built-in subjects and the laws
  bool laws = false;    // only "LAW GROUP" a line, for scripts
};
int Probe(const ProbeOptions& options);

struct PowerOptions {
  std::vector<std::string> subjects;  // faulty ones that are built in; empty: all
  std::uint64_t seed = 1;
  std::uint64_t cases = 400;  // for each law
  bool nightly = false;       // those too whose law is slow
  std::filesystem::path out;  // Markdown; empty: none
};
int Power(const PowerOptions& options);

struct ClaimsOptions {
  std::vector<std::string> subjects;  // empty: both tiers of ours
  std::vector<std::string> ops;       // empty: all
  std::vector<std::string> dtypes;    // empty: all
  bool with_bias = true;              // as well as without
  std::uint64_t seed = 1;
  std::uint64_t min_cols = 1;
  std::uint64_t max_cols = 65'537;
  oracle::Tier tier = oracle::Tier::kBulk;
  double time_limit_seconds = kDefaultTimeLimitSeconds;
  std::filesystem::path out;  // Markdown; empty: none
};
int Claims(const ClaimsOptions& options);

struct BenchOptions {
  std::vector<std::string> subjects;  // empty: both tiers of ours and all peers
  std::vector<std::string> ops = {"softmax"};
  std::vector<std::string> dtypes = {"f32"};
  std::vector<std::string> shapes;  // "64x1024"; empty, without rows and cols: those of bench.cc
  std::uint64_t rows = 0;           // with cols one shape more
  std::uint64_t cols = 0;
  double temperature = 1;
  bool mask = false;
  // Of attention, whose shapes are QUERIESxKEYS.
  std::vector<std::uint64_t> head_dims = {64, 128};
  std::uint64_t num_heads = 8;
  bool memory = false;    // what a call takes of it, instead of times
  double seconds = 1;     // for each shape
  bool cpu_time = false;  // compare by it
  std::uint64_t seed = 1;
  std::filesystem::path json;      // empty: none
  std::filesystem::path markdown;  // likewise
  std::string command_line;        // as a shell reads it back
};
int Bench(const BenchOptions& options);

struct FuzzOptions {
  std::string subject = "assay";
  double seconds = 60;
  std::filesystem::path state = "assay-fuzz";
  std::filesystem::path fuzzer;      // empty: looked for beside this program's build
  std::filesystem::path seeds;       // folder of seed inputs; empty: the source tree's
  std::filesystem::path dictionary;  // for -dict; likewise
};
int Fuzz(const FuzzOptions& options);

struct ReportOptions {
  std::vector<std::string> subjects;  // empty: ours, scalar and some that show what goes wrong
  std::filesystem::path out = "assay-report";
  std::filesystem::path logits;  // NPY of the user's own; empty: none
  double temperature = 1;        // for them; >= 0 or +inf
  std::uint64_t seed = 1;
  std::uint64_t elements = 20'000;  // for each family, at least
  std::uint64_t cases = 100;        // for each control and law
  oracle::Tier tier = oracle::Tier::kBulk;
  std::string command_line;  // as a shell reads it back
};
int Report(const ReportOptions& options);

}  // namespace assay::cli
