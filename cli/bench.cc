// SPDX-License-Identifier: Apache-2.0
//
// assay bench: subjects timed beside one another and beside yardsticks; the method is in reports/BENCH.md.

#include "reports/bench.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <tuple>

#include "cli/build_info.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/folder.h"
#include "cli/select.h"
#include "reports/machine.h"
#include "subjects/files.h"
#include "subjects/peers/find.h"
#include "subjects/registry.h"
#include "subjects/subject.h"
#include "subjects/table.h"

namespace assay::cli {
namespace {

using reports::AttentionCall;
using reports::BenchCall;
using reports::BenchKind;
using reports::Entrant;

// n = 64, 1024 and 32768 with 2^16 elements, which the second-level cache holds, and one row that no cache holds.
const std::vector<std::string> kDefaultShapes = {"1024x64", "64x1024", "2x32768", "1x4M"};
// Of attention: short, middling, long, and one query behind many keys. For its memory, lengths that double.
const std::vector<std::string> kAttentionShapes = {"128x128", "512x512", "2048x2048", "1x4096"};
const std::vector<std::string> kMemoryShapes = {"4096x4096", "8192x8192", "16384x16384", "32768x32768"};

constexpr double kTrialSeconds = 60;  // a first call may still read its library from the disk

// "4096", "64K" or "4M".
std::size_t ParseCount(std::string_view text, std::string_view shape) {
  std::size_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  const std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  const std::size_t factor = unit.empty() ? 1 : unit == "K" ? 1 << 10 : unit == "M" ? 1 << 20 : 0;
  std::size_t count = 0;
  if (error != std::errc() || factor == 0 || __builtin_mul_overflow(number, factor, &count)) {
    throw UsageError(fmt::format("\"{}\" is no shape: write ROWSxCOLS, e.g. 64x1024 or 1x4M", shape));
  }
  return count;
}

std::pair<std::size_t, std::size_t> ParseShape(std::string_view shape) {
  const std::size_t cross = std::min(shape.find('x'), shape.size());
  const std::size_t rows = ParseCount(shape.substr(0, cross), shape);
  return {rows, ParseCount(shape.substr(std::min(cross + 1, shape.size())), shape)};
}

std::vector<std::string> ShapesOf(const BenchOptions& options, const std::vector<std::string>& otherwise) {
  if ((options.rows == 0) != (options.cols == 0)) throw UsageError("--rows and --cols go together");
  std::vector<std::string> shapes = options.shapes;
  if (options.rows != 0) shapes.push_back(fmt::format("{}x{}", options.rows, options.cols));
  return shapes.empty() ? otherwise : shapes;
}

std::vector<AttentionCall> AttentionCallsOf(const BenchOptions& options) {
  std::vector<AttentionCall> calls;
  if ((SelectOps(options.ops) & properties::Of(ASSAY_ATTENTION)) == 0) return calls;
  if (options.mask || options.temperature != 1) throw UsageError("attention is timed without --mask and --temperature");
  for (const assay_dtype dtype : SelectDtypes(options.dtypes)) {
    for (const std::uint64_t head_dim : options.head_dims) {
      for (const std::string& shape : ShapesOf(options, options.memory ? kMemoryShapes : kAttentionShapes)) {
        for (const bool causal : {false, true}) {
          if (options.memory && causal) continue;
          AttentionCall call;
          call.dtype = dtype;
          call.num_heads = options.num_heads;
          std::tie(call.seq_q, call.seq_kv) = ParseShape(shape);
          call.head_dim = head_dim;
          call.causal = causal;
          call.seed = options.seed;
          reports::CheckCall(call);
          calls.push_back(call);
        }
      }
    }
  }
  return calls;
}

std::vector<BenchCall> CallsOf(const BenchOptions& options) {
  const std::vector<assay_dtype> dtypes = SelectDtypes(options.dtypes);
  const std::vector<std::string> shapes = ShapesOf(options, kDefaultShapes);
  const properties::Ops ops = SelectOps(options.ops);
  if ((ops & properties::Of(ASSAY_ATTENTION_BACKWARD)) != 0) {
    throw UsageError("attention_backward is not timed; known are the operations of rows and attention");
  }
  std::vector<BenchCall> calls;
  for (int op = 0; op < ASSAY_NUM_ROW_OPS; ++op) {
    if ((ops & properties::Of(static_cast<assay_op>(op))) == 0) continue;
    for (const assay_dtype dtype : dtypes) {
      for (const std::string& shape : shapes) {
        const auto [rows, cols] = ParseShape(shape);
        BenchCall call;
        call.op = static_cast<assay_op>(op);
        call.dtype = dtype;
        call.rows = rows;
        call.cols = cols;
        call.temperature = options.temperature;
        call.mask = options.mask;
        call.seed = options.seed;
        reports::CheckCall(call);
        calls.push_back(call);
      }
    }
  }
  return calls;
}

BenchKind KindOf(const std::string& name) {
  if (const subjects::BuiltIn* const built_in = subjects::FindBuiltIn(name); built_in != nullptr) {
    return built_in->kind == subjects::Kind::kOurs ? BenchKind::kOurs : BenchKind::kOther;
  }
  return subjects::FindPeer(name) != nullptr ? BenchKind::kPeer : BenchKind::kOther;
}

// The entrant after a call of every kind in a process of its own, where a crash is a reason and not our end. A subject
// that was not asked for by name may fail to load.
Entrant Enter(const std::string& name, bool asked_for, const std::vector<subjects::Case>& trials) {
  Entrant entrant;
  entrant.name = name;
  entrant.kind = KindOf(name);
  try {
    const auto trial = OpenSubject(name, kTrialSeconds);
    entrant.version = trial->info().version;
    for (const subjects::Case& c : trials) {
      if (!subjects::WhyUnsupported(trial->info(), c).empty()) continue;
      const subjects::RunResult result = trial->Run(c);
      if (result.outcome != subjects::Outcome::kReturned) {
        entrant.skipped =
            fmt::format("on {} {} ends with {}", subjects::IsAttention(c.op) ? "2 queries" : "2 rows of 4",
                        subjects::OpName(c.op), result.detail);
        return entrant;
      }
    }
    entrant.table = &subjects::LoadHere(name);
  } catch (const subjects::OpenError& error) {
    if (asked_for) throw;
    entrant.skipped = error.what();
  }
  return entrant;
}

// "assay bench attention" reads as it should: the operation among the subjects.
BenchOptions WithOperations(BenchOptions options) {
  const auto word = std::find(options.subjects.begin(), options.subjects.end(), subjects::OpName(ASSAY_ATTENTION));
  if (word != options.subjects.end()) {
    options.subjects.erase(word);
    options.ops = {subjects::OpName(ASSAY_ATTENTION)};
  }
  return options;
}

std::vector<std::string> NamesOf(const BenchOptions& options) {
  std::vector<std::string> names = options.subjects;
  if (names.empty()) {
    names = {"assay-fast", "assay"};
    for (const subjects::Peer& peer : subjects::Peers()) names.push_back(peer.name);
  }
  for (const std::string& name : names) {
    if (std::count(names.begin(), names.end(), name) > 1) {
      throw UsageError(fmt::format("{} is given twice; name each subject once", name));
    }
  }
  return names;
}

// Of entrants that nobody asked for by name, those that have attention.
void DropOthers(std::vector<Entrant>* entrants) {
  std::erase_if(*entrants, [](const Entrant& entrant) {
    return entrant.table != nullptr && subjects::AttentionKernelOf(*entrant.table, ASSAY_ATTENTION).run == nullptr;
  });
}

bool ShowsMemory(const std::vector<AttentionCall>& calls, const std::vector<Entrant>& entrants) {
  bool any = false;
  for (const AttentionCall& call : calls) {
    std::fflush(stdout);
    const double operands =
        call.KeyValueBytes() * (1 + static_cast<double>(call.seq_q) / static_cast<double>(call.seq_kv));
    fmt::print("\n{}: q, k, v, out {:.1f} MiB\n", reports::TitleOf(call), operands * 0x1p-20);
    for (const Entrant& entrant : entrants) {
      if (entrant.table == nullptr) continue;
      const assay_attention_kernel& kernel = subjects::AttentionKernelOf(*entrant.table, ASSAY_ATTENTION);
      const std::string lacks = subjects::WhyUnsupported(subjects::InfoOf(*entrant.table), reports::FeaturesOf(call));
      const auto grown = lacks.empty() ? reports::MemoryOfCall(kernel, call) : std::nullopt;
      fmt::print("  {:24} {}\n", entrant.name,
                 grown ? fmt::format("peak of resident memory + {:.2f} MiB", static_cast<double>(*grown) * 0x1p-20)
                 : lacks.empty() ? "the call failed"
                                 : "skipped: " + lacks);
      any = any || grown.has_value();
    }
  }
  return any;
}

}  // namespace

int Bench(const BenchOptions& given) {
  const BenchOptions options = WithOperations(given);
  reports::BenchContext context;
  context.date = fmt::format("{:%Y-%m-%dT%H:%M:%S}+00:00", fmt::gmtime(std::time(nullptr)));
  context.commit = kBuildCommit;
  context.compiler = kBuildCompiler;
  context.flags = kBuildFlags;
  context.cpu = reports::CpuModel();
  context.command = options.command_line;
  context.seed = options.seed;
  try {
    const std::vector<AttentionCall> attention = AttentionCallsOf(options);
    const std::vector<BenchCall> calls = CallsOf(options);
    if (options.memory && (attention.empty() || !calls.empty())) throw UsageError("--memory goes with attention alone");
    std::vector<subjects::Case> trials;
    for (const BenchCall& call : calls) trials.push_back(reports::FeaturesOf(call));
    for (const AttentionCall& call : attention) trials.push_back(reports::FeaturesOf(call));
    const std::vector<std::string> names = NamesOf(options);
    for (const std::filesystem::path& file : {options.json, options.markdown}) {
      if (file.empty()) continue;
      if (std::filesystem::is_directory(file)) {
        throw UsageError(fmt::format("{} is a folder; name a file", file.string()));
      }
      CheckWritable(std::filesystem::absolute(file).parent_path(), "choose another place for " + file.string());
    }
    context.pinned_cpu = reports::PinToOneCpu();  // before any library is loaded: their threads stay on the same CPU
    for (const std::string& name : names) {
      context.entrants.push_back(Enter(name, !options.subjects.empty(), trials));
    }
    if (calls.empty() && options.subjects.empty()) DropOthers(&context.entrants);

    fmt::print("seed {}; {}; commit {}\n", options.seed, context.cpu, context.commit);
    if (context.pinned_cpu < 0) {
      fmt::print("{}: the system lets no thread be bound to a CPU, so timings include moves between CPUs\n",
                 Doubtful("not pinned"));
    } else {
      fmt::print("one thread, pinned to CPU {}\n", context.pinned_cpu);
    }
    if (subjects::Peers().empty()) {
      fmt::print("no peers are built: ci/setup peers installs their libraries, then configure and build again\n");
    }
    reports::TimingOptions timing;
    timing.seconds = options.seconds;
    timing.seed = options.seed;
    timing.cpu_time = options.cpu_time;
    std::vector<reports::BenchTable> tables;
    bool timed = false;
    const auto run = [&](const auto& call) {
      std::fflush(stdout);
      tables.push_back(reports::RunBench(call, context.entrants, timing));
      fmt::print("\n{}", reports::BenchText(tables.back()));
      for (const reports::BenchLine& line : tables.back().lines) {
        timed = timed || (line.kind != BenchKind::kYardstick && line.skipped.empty());
      }
    };
    if (options.memory) return ShowsMemory(attention, context.entrants) ? kClean : kSkipped;
    for (const BenchCall& call : calls) run(call);
    for (const AttentionCall& call : attention) run(call);
    if (!options.json.empty()) subjects::WriteWhole(options.json, reports::BenchJson(context, tables));
    if (!options.markdown.empty()) subjects::WriteWhole(options.markdown, reports::BenchMarkdown(context, tables));
    return timed ? kClean : kSkipped;
  } catch (const reports::BadBenchCall& error) {
    throw UsageError(error.what());
  }
}

}  // namespace assay::cli
