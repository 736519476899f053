// SPDX-License-Identifier: Apache-2.0
//
// The command line of `assay`. The only file that sees CLI11, which costs seconds to compile.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>

#include "cli/commands.h"
#include "oracle/oracle.h"

namespace assay::cli {
namespace {

constexpr const char* kAbout =
    "Assay: how right is a softmax kernel? Checks, fuzzes and measures against an MPFR oracle.";
constexpr const char* kFooter =
    "Exit codes: 0 clean, 1 findings, 2 usage, 3 infrastructure (a subject cannot be loaded, a folder written),\n"
    "4 the time was up before every law had run.\n"
    "A SUBJECT is a built-in name (assay probe lists them) or the path of a shared library that exports\n"
    "assay_subject_v1. `assay COMMAND --help` shows examples.";

// "90", "90s", "15m" or "8h" in seconds; CLI11 shows what it throws.
double Seconds(const std::string& text) {
  std::size_t used = 0;
  double value = -1;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {
  }
  const std::string unit = text.substr(used);
  const double factor = unit.empty() || unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  if (!(value > 0) || factor == 0 || !std::isfinite(value)) {
    throw CLI::ValidationError(fmt::format("\"{}\" is no time above 0: write 90s, 15m or 8h", text));
  }
  return value * factor;
}

void AddTime(CLI::App* command, const std::string& flag, double& seconds, const std::string& what) {
  command->add_option_function<std::string>(
      flag, [&seconds](const std::string& text) { seconds = Seconds(text); }, what);
}

void AddOracle(CLI::App* command, oracle::Tier& tier) {
  command
      ->add_option("--oracle", tier,
                   "bulk (Arb balls; violations confirmed by the referee) or referee (MPFR throughout)")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, oracle::Tier>{{"bulk", oracle::Tier::kBulk}, {"referee", oracle::Tier::kReferee}}));
}

int Main(int argc, char** argv) {
  CLI::App app{kAbout, "assay"};
  app.footer(kFooter);
  app.require_subcommand(1);
  app.set_version_flag("--version", ASSAY_VERSION);

  CheckOptions check;
  CLI::App* const check_command = app.add_subcommand("check", "Check every law on a subject");
  check_command->add_option("subject", check.subject, "What to check")->capture_default_str();
  check_command->add_option("--property", check.properties, "Only this law; may be given again");
  check_command->add_option("--seed", check.seed, "Seed of all cases")->capture_default_str();
  check_command->add_option("--cases", check.cases, "Cases for each law")->capture_default_str();
  AddTime(check_command, "--time", check.seconds, "Stop after this long (90s, 15m, 8h)");
  AddTime(check_command, "--time-limit", check.time_limit_seconds, "For each call of the subject; default 10s");
  AddOracle(check_command, check.tier);
  check_command->add_option("--findings", check.findings, "Folder for failing cases")->capture_default_str();
  check_command->footer(
      "Examples:\n  assay check                                  our own library\n"
      "  assay check ./my_kernel.so --time 60s        yours\n"
      "  assay check naive --property exact_shift     one law on a built-in control");

  ReplayOptions replay;
  CLI::App* const replay_command = app.add_subcommand("replay", "Run one case file again and show every value");
  replay_command->add_option("file", replay.file, "A case file (.json)")->required();
  replay_command->add_option("--subject", replay.subject, "What to run it on")->capture_default_str();
  replay_command->add_option("--property", replay.property, "The law, where the file names none or another is meant");
  replay_command->footer("Example:\n  assay replay assay-findings/naive-exact_shift-1-minimal.json --subject naive");

  ProbeOptions probe;
  CLI::App* const probe_command =
      app.add_subcommand("probe", "What a subject declares, and which laws apply; without one, what is built in");
  probe_command->add_option("subject", probe.subject, "What to look at");
  probe_command->footer("Examples:\n  assay probe\n  assay probe ./my_kernel.so");

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
  report_command->add_option("--seed", report.seed, "Seed of all samples")->capture_default_str();
  report_command->add_option("--elements", report.elements, "Logits for each input family")->capture_default_str();
  report_command->add_option("--cases", report.cases, "Cases for each control and law")->capture_default_str();
  report_command->add_option("--logits", report.logits, "Your own logits: NPY, f4 or f8, 1-D or 2-D");
  AddOracle(report_command, report.tier);
  report_command->footer(
      "Examples:\n  assay report --out report\n  assay report --subject ./my_kernel.so --logits scores.npy");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);  // prints help, version or what is wrong
    return code == 0 ? kClean : kUsage;
  }
  for (int i = 0; i < argc; ++i) report.command_line += (i == 0 ? "assay" : " " + std::string(argv[i]));

  if (*check_command) return Check(check);
  if (*replay_command) return Replay(replay);
  if (*probe_command) return Probe(probe);
  if (*fuzz_command) return Fuzz(fuzz);
  return Report(report);
}

}  // namespace
}  // namespace assay::cli

int main(int argc, char** argv) {
  try {
    return assay::cli::Main(argc, argv);
  } catch (const assay::cli::UsageError& error) {
    fmt::print(stderr, "assay: {}\n", error.what());
    return assay::cli::kUsage;
  } catch (const std::exception& error) {
    fmt::print(stderr, "assay: {}\n", error.what());
    return assay::cli::kInfrastructure;
  }
}
