// SPDX-License-Identifier: Apache-2.0
//
// assay fuzz: runs the libFuzzer target for a while, keeps its corpus in the state folder, and turns what it found
// into shrunk case files with replay commands, judged again in a child process.

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/findings.h"
#include "cli/folder.h"
#include "cli/report_lines.h"
#include "cli/select.h"
#include "fuzz/decode.h"
#include "properties/engine/engine.h"

namespace assay::cli {
namespace {

namespace fs = std::filesystem;

// The fuzzer is built by another compiler in another build folder: beside this program's, or named by --fuzzer.
fs::path FindFuzzer(const FuzzOptions& options) {
  if (!options.fuzzer.empty()) {
    if (!fs::exists(options.fuzzer)) {
      throw UsageError(fmt::format("--fuzzer {}: no such file; build it first (assay fuzz --help says how)",
                                   options.fuzzer.string()));
    }
    return options.fuzzer;
  }
  const fs::path here = fs::read_symlink("/proc/self/exe");  // build/PRESET/cli/assay
  const fs::path beside = here.parent_path().parent_path().parent_path() / "fuzz" / "fuzz" / "softmax_fuzz";
  if (fs::exists(beside)) return beside;
  throw std::runtime_error(
      fmt::format("the fuzz target is not built ({} is missing). It needs clang:\n"
                  "  apt-get install clang-19 libclang-rt-19-dev llvm-19\n"
                  "  cmake --preset fuzz && cmake --build --preset fuzz --target softmax_fuzz\n"
                  "or name it with --fuzzer FILE",
                  beside.string()));
}

// Runs the program to its end with standard error in `log`; true when it ended with code 0.
bool RunToEnd(const std::vector<std::string>& words, const std::string& subject, const fs::path& log) {
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error(fmt::format("cannot start a process: {}", std::strerror(errno)));
  if (child == 0) {
    ::setenv("ASSAY_FUZZ_SUBJECT", subject.c_str(), 1);
    if (std::freopen(log.c_str(), "w", stderr) == nullptr) ::_exit(127);
    std::vector<char*> argv;
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::vector<fs::path> FilesIn(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string LastLines(const fs::path& log) {
  std::ifstream in(log);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back("  " + line);
  std::string text;
  for (std::size_t i = lines.size() > 5 ? lines.size() - 5 : 0; i < lines.size(); ++i) text += lines[i] + "\n";
  return text;
}

// Judges what the fuzzer kept; true where it is a finding.
bool Examine(const fs::path& artifact, const FuzzOptions& options, subjects::Subject& subject) {
  std::ifstream in(artifact, std::ios::binary);
  const std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  fuzz::Decoded decoded = fuzz::Decode(bytes);
  const subjects::Case c = properties::Prepare(*decoded.property, std::move(decoded.c), subject.info());
  properties::Context context{subject, oracle::Tier::kReferee};
  const properties::Judgement judgement = properties::Judge(*decoded.property, c, context);
  if (judgement.verdict != properties::Verdict::kViolated) {
    fmt::print("  {} {} does not fail in a process of its own ({}: {}); kept, see the log\n", Doubtful("unclear"),
               artifact.filename().string(), decoded.property->name, properties::VerdictName(judgement.verdict));
    return false;
  }
  CheckRun run;
  run.subject = options.subject;
  run.time_limit_seconds = kDefaultTimeLimitSeconds;
  LawResult law;
  law.law = decoded.property->name;
  law.result.cases = law.result.violated = 1;
  law.result.tallies[c.op][c.dtype] = {.cases = 1, .holds = 0, .violated = 1, .severity = 0};
  law.result.findings = {properties::Shrink(*decoded.property, subject, c, {})};
  law.files = {KeepFinding(law.result.findings.front(), options.state / "findings", artifact.filename().string())};
  PrintLaw(run, law, {});
  return true;
}

}  // namespace

int Fuzz(const FuzzOptions& options) {
  const auto subject = OpenSubject(options.subject);
  const fs::path fuzzer = fs::absolute(FindFuzzer(options));
  const fs::path corpus = options.state / "corpus";
  const fs::path artifacts = options.state / "artifacts";
  const fs::path log = options.state / "fuzz.log";
  for (const fs::path& given : {options.seeds, options.dictionary}) {
    if (!given.empty() && !fs::exists(given)) {
      throw UsageError(fmt::format("{}: no such file or folder; check the path", given.string()));
    }
  }
  constexpr const char* kRemedy = "choose another with --state";
  CheckWritable(options.state, kRemedy);
  MakeFolder(corpus, kRemedy);
  MakeFolder(artifacts, kRemedy);
  const std::size_t corpus_before = FilesIn(corpus).size();
  // For a build inside the source tree, build/PRESET/fuzz/softmax_fuzz, the seeds are at hand; elsewhere name them.
  const fs::path source = fuzzer.parent_path().parent_path().parent_path().parent_path() / "fuzz";
  const fs::path seeds = options.seeds.empty() ? source / "corpus" / "softmax" : options.seeds;
  const fs::path dictionary = options.dictionary.empty() ? source / "floats.dict" : options.dictionary;
  std::vector<std::string> words = {fuzzer.string(), corpus.string()};
  if (fs::exists(seeds)) words.push_back(seeds.string());
  words.insert(words.end(),
               {"-fork=1", "-ignore_crashes=1", "-ignore_timeouts=1", "-ignore_ooms=1", "-timeout=20",
                "-use_value_profile=1", "-max_len=2048", fmt::format("-artifact_prefix={}/", artifacts.string()),
                fmt::format("-max_total_time={}", std::max(1, static_cast<int>(options.seconds)))});
  if (fs::exists(dictionary)) words.push_back(fmt::format("-dict={}", dictionary.string()));
  fmt::print("fuzzing {} for {:g} s; corpus of {} inputs in {}; log in {}\n", options.subject, options.seconds,
             corpus_before, corpus.string(), log.string());
  std::fflush(stdout);
  const bool ended_well = RunToEnd(words, options.subject, log);
  const std::vector<fs::path> kept = FilesIn(artifacts);
  if (!ended_well && kept.empty()) {
    throw std::runtime_error(
        fmt::format("the fuzzer stopped at once; the end of {}:\n{}", log.string(), LastLines(log)));
  }
  std::size_t findings = 0;
  constexpr std::size_t kPresented = 10;
  for (std::size_t i = 0; i < std::min(kept.size(), kPresented); ++i) findings += Examine(kept[i], options, *subject);
  if (kept.size() > kPresented) {
    fmt::print("  and {} more inputs in {}\n", kept.size() - kPresented, artifacts.string());
  }
  const bool clean = findings == 0 && kept.size() <= kPresented;
  fmt::print("{}: {} inputs kept by the fuzzer, {} findings shown; corpus now {} inputs\n",
             clean ? Good("clean") : Bad("findings"), kept.size(), findings, FilesIn(corpus).size());
  return clean ? kClean : kFindings;
}

}  // namespace assay::cli
