// SPDX-License-Identifier: Apache-2.0
//
// The command line of `assay`. The only file that sees CLI11, which costs seconds to compile.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/select.h"
#include "oracle/oracle.h"

namespace assay::cli {
namespace {

constexpr const char* kAbout =
    "Assay: how right is a kernel of softmax or attention? Checks, fuzzes and measures against an MPFR oracle.";
constexpr const char* kFooter =
    "Exit codes: 0 clean, 1 findings, 2 usage, 3 infrastructure (a subject cannot be loaded, a folder written),\n"
    "4 the time was up before every law had run, 77 no law could run on the subject.\n"
    "A SUBJECT is a built-in name (assay probe lists them) or the path of a shared library that exports\n"
    "assay_subject_v1. `assay COMMAND --help` shows examples.";

constexpr double kYear = 366 * 24 * 3600.0;

// "90", "90s", "15m" or "8h" in seconds; CLI11 shows what it throws.
double Seconds(const std::string& flag, const std::string& text) {
  std::size_t used = 0;
  double value = -1;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {
  }
  const std::string unit = text.substr(used);
  const double factor = unit.empty() || unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  const double seconds = value * factor;
  if (!(seconds >= 0.001 && seconds <= kYear)) {
    throw CLI::ValidationError(
        flag, fmt::format("\"{}\" is no time from a millisecond to a year: write 90s, 15m or 8h", text));
  }
  return seconds;
}

// A temperature as the kernels take it: any double >= 0, subnormal too, or inf.
double Temperature(const std::string& flag, const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(value >= 0)) {
    throw CLI::ValidationError(flag, fmt::format("\"{}\" is no temperature: write a number from 0 to inf", text));
  }
  return value;
}

void AddTime(CLI::App* command, const std::string& flag, double& seconds, const std::string& what) {
  command->add_option_function<std::string>(
      flag, [&seconds, flag](const std::string& text) { seconds = Seconds(flag, text); }, what);
}

// CLI11 2.1 takes -1 for 2^64 - 1 and 2^64 for the same.
CLI::Option* AddInteger(CLI::App* command, const std::string& flag, std::uint64_t& number, std::uint64_t least,
                        const std::string& what) {
  const auto parse = [&number, least, flag](const std::string& text) {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || stop != end || number < least) {
      throw CLI::ValidationError(
          flag, fmt::format("\"{}\" is no such number: write an integer from {} to 2^64 - 1", text, least));
    }
  };
  return command->add_option_function<std::string>(flag, parse, what)->default_str(std::to_string(number));
}

// "3/16": the fourth of sixteen.
CLI::Option* AddShard(CLI::App* command, CheckOptions& check) {
  const auto parse = [&check](const std::string& text) {
    const char* const end = text.data() + text.size();
    const auto [slash, first_error] = std::from_chars(text.data(), end, check.shard);
    const bool half = first_error == std::errc() && slash != end && *slash == '/';
    const auto [stop, error] = std::from_chars(half ? slash + 1 : end, end, check.num_shards);
    if (!half || error != std::errc() || stop != end || check.shard >= check.num_shards) {
      throw CLI::ValidationError("--shard", fmt::format("\"{}\" is no shard: write I/N with I from 0 to N - 1", text));
    }
  };
  return command->add_option_function<std::string>(
      "--shard", parse, "I/N, I from 0 to N - 1: only the cases I, I + N, I + 2 N ...; needs --cases");
}

void AddOracle(CLI::App* command, oracle::Tier& tier) {
  const auto parse = [&tier](const std::string& text) {
    if (text != "bulk" && text != "referee") {
      throw CLI::ValidationError("--oracle", fmt::format("\"{}\" is no oracle: write bulk or referee", text));
    }
    tier = text == "bulk" ? oracle::Tier::kBulk : oracle::Tier::kReferee;
  };
  command
      ->add_option_function<std::string>(
          "--oracle", parse, "bulk (Arb balls; violations confirmed by the referee) or referee (MPFR throughout)")
      ->default_str(oracle::TierName(tier));
}

int Main(int argc, char** argv) {
  CLI::App app{kAbout, "assay"};
  app.footer(kFooter);
  app.require_subcommand(1);
  app.set_version_flag("--version", ASSAY_VERSION);

  CheckOptions check;
  CLI::App* const check_command = app.add_subcommand("check", "Check every law on a subject");
  check_command->add_option("subject", check.subject, "What to check")->capture_default_str();
  check_command->add_option("--op", check.ops, "Only this operation; may be given again");
  check_command->add_option("--property", check.properties, "Only this law; may be given again");
  check_command->add_flag("--nightly", check.nightly, "The slow laws too");
  AddInteger(check_command, "--seed", check.seed, 0, "Seed of all cases");
  CLI::Option* const cases = AddInteger(check_command, "--cases", check.cases, 1, "Cases for each law");
  AddTime(check_command, "--time", check.seconds,
          "Stop after this long (90s, 15m, 8h); without --cases, go on until then");
  AddShard(check_command, check)->needs(cases);
  AddTime(check_command, "--time-limit", check.time_limit_seconds, "For each call of the subject; default 10s");
  AddOracle(check_command, check.tier);
  check_command->add_option("--findings", check.findings, "Folder for failing cases")->capture_default_str();
  check_command->add_option("--json", check.json, "Write the result to this file, for assay merge and programs");
  check_command->add_option("--junit", check.junit, "Write the result as JUnit XML");
  check_command->add_option(
      "--expected-failures", check.expected_failures,
      "File of laws (LAW or LAW OPERATION) that must fail, one a line, and of case files that must violate "
      "their laws still");
  check_command->footer(
      "Examples:\n  assay check                                  our own library\n"
      "  assay check ./my_kernel.so --time 60s        yours\n"
      "  assay check ./my_kernel.so --op attention    one of its operations\n"
      "  assay check unshifted --property exact_shift one law on a built-in control\n"
      "  assay check ./my_kernel.so --cases 100000 --shard 3/16 --json shard3.json");

  MergeOptions merge;
  CLI::App* const merge_command = app.add_subcommand("merge", "Put the results of shards together");
  merge_command->add_option("files", merge.files, "Results of assay check --json")->required();
  merge_command->add_option("--json", merge.json, "Write the whole to this file");
  merge_command->add_option("--junit", merge.junit, "Write the whole as JUnit XML");
  merge_command->add_option("--expected-failures", merge.expected_failures, "As for check");
  merge_command->footer("Example:\n  assay merge shard*.json --junit whole.xml");

  InitOptions init;
  CLI::App* const init_command = app.add_subcommand("init", "Write the glue for a kernel of your own");
  init_command->add_option("name", init.name, "Its name, as in C")->required();
  init_command->add_option("--out", init.folder, "Folder to make; default: the name");
  init_command->add_flag("--attention", init.attention, "A kernel of attention, not of softmax");
  init_command->footer("Examples:\n  assay init my_kernel\n  assay init my_kernel --attention");

  ReplayOptions replay;
  CLI::App* const replay_command = app.add_subcommand("replay", "Run one case file again and show every value");
  replay_command->add_option("file", replay.file, "A case file (.json)")->required();
  replay_command->add_option("--subject", replay.subject, "What to run it on")->capture_default_str();
  replay_command->add_option("--property", replay.property, "The law, where the file names none or another is meant");
  AddTime(replay_command, "--time-limit", replay.time_limit_seconds, "For each call of the subject; default 10s");
  replay_command->add_option("--emit-cpp", replay.emit_cpp,
                             "Do not run it: write a stand-alone C++ program that does to this file");
  replay_command->footer(
      "Examples:\n  assay replay assay-findings/unshifted-exact_shift-1-minimal.json --subject unshifted\n"
      "  assay replay case.json --subject ./my_kernel.so --emit-cpp reproducer.cc");

  ProbeOptions probe;
  CLI::App* const probe_command =
      app.add_subcommand("probe", "What a subject declares, and which laws apply; without one, what is built in");
  probe_command->add_option("subject", probe.subject, "What to look at");
  probe_command->add_flag("--laws", probe.laws, "Only LAW GROUP, a line for each, for scripts");
  probe_command->footer("Examples:\n  assay probe\n  assay probe ./my_kernel.so");

  PowerOptions power;
  CLI::App* const power_command =
      app.add_subcommand("power", "How many cases each law needs to see the fault it is for, beside allclose");
  power_command->add_option("subject", power.subjects, "Only these faulty subjects");
  AddInteger(power_command, "--seed", power.seed, 0, "Seed of all cases");
  AddInteger(power_command, "--cases", power.cases, 1, "Cases for each fault");
  power_command->add_flag("--nightly", power.nightly, "Those too whose law is slow");
  power_command->add_option("--out", power.out, "Write the table as Markdown to this file");
  power_command->footer("Examples:\n  assay power\n  assay power drops_tail --out power.md");

  ClaimsOptions claims;
  CLI::App* const claims_command =
      app.add_subcommand("claims", "What subjects claim, beside the largest errors that a search finds");
  claims_command->add_option("subject", claims.subjects, "Whose; default assay and assay-fast");
  claims_command->add_option("--op", claims.ops, "Only these operations")->delimiter(',')->allow_extra_args(false);
  claims_command->add_option("--dtype", claims.dtypes, "Only these types")->delimiter(',')->allow_extra_args(false);
  claims_command->add_flag("!--no-bias", claims.with_bias, "Leave out the rows with a bias");
  AddInteger(claims_command, "--seed", claims.seed, 0, "Seed of all inputs");
  AddInteger(claims_command, "--min-cols", claims.min_cols, 1, "The shortest rows; of attention the fewest keys");
  AddInteger(claims_command, "--max-cols", claims.max_cols, 1,
             "The longest rows (up to 67108864); of attention the most keys (up to 4096)");
  AddOracle(claims_command, claims.tier);
  AddTime(claims_command, "--time-limit", claims.time_limit_seconds, "For each call of the subject; default 10s");
  claims_command->add_option("--out", claims.out, "Write the table as Markdown to this file");
  claims_command->footer(
      "Attention and its backward: a line for each result and shape of queries and keys, with columns for\n"
      "scores of a standard deviation of 1, 16 and 100. Errors are in units of u W: the type's roundoff times\n"
      "the terms of the result (assay_attention_claim in assay.h); the line \"nearest\" is what correct rounding\n"
      "shows. Peers named as subjects run on the same inputs; /peer is the error over that of the best of them.\n\n"
      "Examples:\n  assay claims\n  assay claims assay-fast --op softmax --dtype f32 --no-bias --min-cols 16777216 "
      "--max-cols 67108864\n  assay claims assay assay-fast openblas onednn libtorch --op attention --dtype f32");

  BenchOptions bench;
  CLI::App* const bench_command =
      app.add_subcommand("bench", "Time subjects beside one another, beside a copy, and say when that was disturbed");
  bench_command->add_option("subject,--subject", bench.subjects,
                            "What to time; default assay-fast, assay, all peers; the word attention: that operation");
  bench_command->add_option("--op", bench.ops, "The operations; default softmax")
      ->delimiter(',')
      ->allow_extra_args(false);
  bench_command->add_option("--dtype", bench.dtypes, "Their types; default f32")
      ->delimiter(',')
      ->allow_extra_args(false);
  bench_command->add_option("--shapes", bench.shapes, "ROWSxCOLS, e.g. 64x1024,1x4M; of attention QUERIESxKEYS")
      ->delimiter(',')
      ->allow_extra_args(false);
  CLI::Option* const bench_rows = AddInteger(bench_command, "--rows", bench.rows, 1, "With --cols: one shape");
  bench_rows->needs(AddInteger(bench_command, "--cols", bench.cols, 1, "With --rows: one shape")->needs(bench_rows));
  bench_command->add_option_function<std::string>(
      "--temperature", [&bench](const std::string& text) { bench.temperature = Temperature("--temperature", text); },
      "T, at least 0 or inf; default 1");
  bench_command->add_flag("--mask", bench.mask, "Hide a quarter of the entries by a mask");
  bench_command->add_option("--head-dims", bench.head_dims, "Attention: its dimensions; default 64,128")
      ->delimiter(',')
      ->allow_extra_args(false);
  AddInteger(bench_command, "--heads", bench.num_heads, 1, "Attention: its heads; default 8");
  bench_command->add_flag("--memory", bench.memory, "Attention: by how much a call raises the peak of memory");
  AddTime(bench_command, "--for", bench.seconds, "How long for each shape (90s, 15m, 8h); default 1s");
  bench_command->add_flag("--cpu-time", bench.cpu_time, "Compare by CPU time, where others use the machine as well");
  AddInteger(bench_command, "--seed", bench.seed, 0, "Seed of the values and of the order in each round");
  bench_command->add_option("--json", bench.json, "Write the result to this file, in Google Benchmark's format");
  bench_command->add_option("--markdown", bench.markdown, "Write the tables as Markdown to this file");
  bench_command->footer(
      "Examples:\n  assay bench\n  assay bench assay-fast onednn ./my_kernel.so --op softmax,log_softmax --for 5s\n"
      "  assay bench --shapes 4096x16,64x1024 --json bench.json\n  assay bench attention --dtype f32,bf16");

  FuzzOptions fuzz;
  CLI::App* const fuzz_command = app.add_subcommand("fuzz", "Search for violations with libFuzzer");
  fuzz_command->add_option("subject", fuzz.subject, "What to fuzz")->capture_default_str();
  AddTime(fuzz_command, "--for", fuzz.seconds, "How long (90s, 15m, 8h); default 60s");
  fuzz_command->add_option("--state", fuzz.state, "Folder that keeps corpus and findings between runs")
      ->capture_default_str();
  fuzz_command->add_option("--fuzzer", fuzz.fuzzer, "The built softmax_fuzz, where it is not beside this build");
  fuzz_command->add_option("--seeds", fuzz.seeds, "Folder of seed inputs (fuzz/corpus/softmax)");
  fuzz_command->add_option("--dict", fuzz.dictionary, "Dictionary (fuzz/floats.dict)");
  fuzz_command->footer(
      "Needs clang once:\n  cmake --preset fuzz && cmake --build --preset fuzz --target softmax_fuzz\n"
      "Examples:\n  assay fuzz --for 60s\n  assay fuzz ./my_kernel.so --for 8h --state nightly");

  ReportOptions report;
  CLI::App* const report_command = app.add_subcommand("report", "Measure subjects: an HTML page, Markdown and JSON");
  report_command->add_option("--subject", report.subjects, "What to measure; may be given again");
  report_command->add_option("--out", report.out, "Folder to write to")->capture_default_str();
  AddInteger(report_command, "--seed", report.seed, 0, "Seed of all samples");
  AddInteger(report_command, "--elements", report.elements, 1,
             "Logits for each input family; attention has up to a hundredth as many keys");
  AddInteger(report_command, "--cases", report.cases, 1, "Cases for each control and law");
  report_command->add_option("--logits", report.logits, "Your own logits: NPY, f4 or f8, 1-D or 2-D");
  report_command->add_option_function<std::string>(
      "--temperature", [&report](const std::string& text) { report.temperature = Temperature("--temperature", text); },
      "T for --logits, at least 0 or inf; default 1");
  AddOracle(report_command, report.tier);
  report_command->footer(
      "Examples:\n  assay report --out report\n  assay report --subject ./my_kernel.so --logits scores.npy");

  const auto is_named = [argv](const CLI::App* command) { return command->get_name() == argv[1]; };
  if (argc > 1 && argv[1][0] != '-' && app.get_subcommands(is_named).empty()) {
    throw UsageError(fmt::format("no command is called \"{}\"; `assay --help` lists them", argv[1]));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);  // prints help, version or what is wrong
    return code == 0 ? kClean : kUsage;
  }
  for (int i = 0; i < argc; ++i) report.command_line += (i == 0 ? "assay" : " " + ShellQuoted(argv[i]));
  bench.command_line = report.command_line;

  if (check.seconds > 0 && cases->count() == 0) check.cases = kUntilTheTimeIsUp;
  if (*check_command) return Check(check);
  if (*merge_command) return Merge(merge);
  if (*init_command) return Init(init);
  if (*replay_command) return Replay(replay);
  if (*probe_command) return Probe(probe);
  if (*power_command) return Power(power);
  if (*claims_command) return Claims(claims);
  if (*bench_command) return Bench(bench);
  if (*fuzz_command) return Fuzz(fuzz);
  return Report(report);
}

}  // namespace
}  // namespace assay::cli

int main(int argc, char** argv) {
  try {
    const int code = assay::cli::Main(argc, argv);
    if (std::fflush(stdout) != 0) throw std::runtime_error("standard output cannot be written; is the disk full?");
    return code;
  } catch (const assay::cli::UsageError& error) {
    assay::cli::PrintError(error.what());
    return assay::cli::kUsage;
  } catch (const std::exception& error) {
    assay::cli::PrintError(error.what());
    return assay::cli::kInfrastructure;
  }
}
