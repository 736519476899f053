// SPDX-License-Identifier: Apache-2.0

#include "cli/results.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "subjects/case_io.h"
#include "subjects/files.h"
#include "subjects/float_text.h"

namespace assay::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using properties::Finding;
using properties::Judgement;
using properties::PropertyResult;

constexpr const char* kFormat = "assay-check-1";

json ToJson(const Judgement& judgement) {
  json j = {{"reason", judgement.reason}, {"severity", subjects::FloatText(judgement.severity)}};
  if (judgement.witness) {
    const properties::Witness& w = *judgement.witness;
    j["witness"] = {{"row", w.row},
                    {"col", w.col},
                    {"input", subjects::FloatText(w.input)},
                    {"got", subjects::FloatText(w.got)},
                    {"want", subjects::FloatText(w.want)},
                    {"err_ulp", subjects::FloatText(w.err_ulp)},
                    {"bound_ulp", subjects::FloatText(w.bound_ulp)},
                    {"output", subjects::RoleName(w.output)}};
  }
  return j;
}

double Number(const json& j) {
  const auto value = subjects::ParseDouble(j.get<std::string>());
  if (!value) throw std::invalid_argument("\"" + j.get<std::string>() + "\" is no float in hex");
  return *value;
}

// Results written before there was attention name none.
subjects::Role OutputOf(const json& witness) {
  const std::string name = witness.value("output", "out");
  for (int i = subjects::kInputRoles; i < subjects::kInputRoles + subjects::kOutputRoles; ++i) {
    if (name == subjects::RoleName(static_cast<subjects::Role>(i))) return static_cast<subjects::Role>(i);
  }
  throw std::invalid_argument("no output is called \"" + name + "\"");
}

Judgement JudgementFrom(const json& j) {
  Judgement judgement{properties::Verdict::kViolated, j.at("reason"), Number(j.at("severity")), std::nullopt};
  if (j.contains("witness")) {
    const json& w = j.at("witness");
    judgement.witness = {w.at("row"),
                         w.at("col"),
                         Number(w.at("input")),
                         Number(w.at("got")),
                         Number(w.at("want")),
                         Number(w.at("err_ulp")),
                         Number(w.at("bound_ulp")),
                         OutputOf(w)};
  }
  return judgement;
}

// Relative to the folder of the results where that is possible, so that both can be moved together.
std::string Relative(const fs::path& file, const fs::path& folder) {
  if (file.empty()) return "";
  const fs::path relative = fs::absolute(file).lexically_normal().lexically_relative(folder);
  return (relative.empty() ? fs::absolute(file) : relative).string();
}

json ToJson(const LawResult& law, const fs::path& folder) {
  const PropertyResult& r = law.result;
  json j = {{"law", law.law},
            {"seconds", law.seconds},
            {"cases", r.cases},
            {"holds", r.holds},
            {"violated", r.violated},
            {"undecided", r.undecided},
            {"not_applicable", r.not_applicable},
            {"quarantined", r.quarantined},
            {"ran_out_of_time", r.ran_out_of_time},
            {"skip_reason", r.skip_reason},
            {"doubt", r.doubt}};
  j["tallies"] = json::array();
  for (int op = 0; op < ASSAY_NUM_OPS; ++op) {
    for (int dtype = 0; dtype < ASSAY_NUM_DTYPES; ++dtype) {
      const properties::Tally& t = r.tallies[op][dtype];
      if (t.cases == 0) continue;
      j["tallies"].push_back({{"op", op},
                              {"dtype", dtype},
                              {"cases", t.cases},
                              {"holds", t.holds},
                              {"violated", t.violated},
                              {"severity", subjects::FloatText(t.severity)}});
    }
  }
  j["deaths"] = json::array();
  for (const properties::Death& d : r.deaths) {
    j["deaths"].push_back({{"index", d.index}, {"op", static_cast<int>(d.op)}, {"how", d.how}});
  }
  j["findings"] = json::array();
  for (std::size_t i = 0; i < r.findings.size(); ++i) {
    const Finding& f = r.findings[i];
    j["findings"].push_back({{"index", f.index},
                             {"minimal", ToJson(f.minimal_judgement)},
                             {"minimal_file", Relative(law.files[i].minimal, folder)},
                             {"worst", ToJson(f.worst_judgement)},
                             {"worst_file", Relative(law.files[i].worst, folder)}});
  }
  return j;
}

LawResult LawFrom(const json& j, const fs::path& folder) {
  LawResult law;
  law.law = j.at("law");
  law.seconds = j.at("seconds");
  PropertyResult& r = law.result;
  r.cases = j.at("cases");
  r.holds = j.at("holds");
  r.violated = j.at("violated");
  r.undecided = j.at("undecided");
  r.not_applicable = j.at("not_applicable");
  r.quarantined = j.at("quarantined");
  r.ran_out_of_time = j.at("ran_out_of_time");
  r.skip_reason = j.at("skip_reason");
  r.doubt = j.at("doubt");
  for (const json& t : j.at("tallies")) {
    r.tallies.at(t.at("op").get<std::size_t>()).at(t.at("dtype").get<std::size_t>()) = {
        t.at("cases"), t.at("holds"), t.at("violated"), Number(t.at("severity"))};
  }
  for (const json& d : j.at("deaths")) {
    if (d.at("op").get<unsigned>() >= ASSAY_NUM_OPS) throw std::out_of_range("deaths: no such operation");
    r.deaths.push_back({d.at("index"), static_cast<assay_op>(d.at("op").get<int>()), d.at("how")});
  }
  for (const json& f : j.at("findings")) {
    Finding finding;
    finding.index = f.at("index");
    finding.minimal_judgement = JudgementFrom(f.at("minimal"));
    finding.worst_judgement = JudgementFrom(f.at("worst"));
    FindingFiles files;
    files.minimal = (folder / f.at("minimal_file").get<std::string>()).lexically_normal();
    if (const std::string worst = f.at("worst_file"); !worst.empty()) files.worst = (folder / worst).lexically_normal();
    finding.minimal = subjects::ReadCase(files.minimal);
    finding.worst = files.worst.empty() ? finding.minimal : subjects::ReadCase(files.worst);
    r.findings.push_back(std::move(finding));
    law.files.push_back(std::move(files));
  }
  return law;
}

fs::path FolderOf(const fs::path& path) { return fs::absolute(path).lexically_normal().parent_path(); }

}  // namespace

void WriteResults(const fs::path& path, const CheckRun& run) {
  json j = {{"format", kFormat},
            {"subject", run.subject},
            {"title", run.title},
            {"time_limit_seconds", run.time_limit_seconds},
            {"seed", run.seed},
            {"cases", run.cases},
            {"num_shards", run.num_shards},
            {"shards", run.shards},
            {"ops", run.ops},
            {"laws", json::array()}};
  for (const LawResult& law : run.laws) j["laws"].push_back(ToJson(law, FolderOf(path)));
  subjects::WriteWhole(path, j.dump(1, ' ', false, json::error_handler_t::replace) + "\n");
}

CheckRun ReadResults(const fs::path& path) {
  try {
    const json j = json::parse(subjects::ReadWhole(path));
    if (!j.is_object() || j.value("format", "") != kFormat) {
      throw UsageError(fmt::format("{} is no result of assay check: give a file written with --json", path.string()));
    }
    CheckRun run;
    run.subject = j.at("subject");
    run.title = j.at("title");
    run.time_limit_seconds = j.at("time_limit_seconds");
    run.seed = j.at("seed");
    run.cases = j.at("cases");
    run.num_shards = j.at("num_shards");
    run.shards = j.at("shards").get<std::set<std::uint64_t>>();
    run.ops = j.at("ops");
    for (const json& law : j.at("laws")) run.laws.push_back(LawFrom(law, path.parent_path()));
    return run;
  } catch (const UsageError&) {
    throw;
  } catch (const std::exception& error) {
    throw UsageError(
        fmt::format("{} cannot be read: {}; give a file written with --json, unchanged, and keep the "
                    "case files it names",
                    path.string(), error.what()));
  }
}

void MergeInto(CheckRun* a, CheckRun b) {
  const auto differ = [](const char* what, const auto& left, const auto& right) {
    if (left == right) return;
    throw UsageError(
        fmt::format("the results are of different runs: {} is {} in one and {} in another; merge shards "
                    "of one run",
                    what, left, right));
  };
  differ("the subject", a->subject, b.subject);
  differ("the version", a->title, b.title);
  differ("--seed", a->seed, b.seed);
  differ("--cases", a->cases, b.cases);
  differ("the number of shards", a->num_shards, b.num_shards);
  differ("--op (as a set)", a->ops, b.ops);
  differ("the number of laws", a->laws.size(), b.laws.size());
  for (const std::uint64_t shard : b.shards) {
    if (!a->shards.insert(shard).second) {
      throw UsageError(fmt::format("shard {}/{} is there twice; give each result once", shard, a->num_shards));
    }
  }
  for (std::size_t i = 0; i < a->laws.size(); ++i) {
    LawResult& left = a->laws[i];
    LawResult& right = b.laws[i];
    differ("a law", left.law, right.law);
    left.seconds += right.seconds;
    left.result = properties::Merge(left.result, right.result);
    // Each finding that is left keeps the files it came with.
    std::vector<FindingFiles> files = std::move(left.files);
    left.files.clear();
    files.insert(files.end(), right.files.begin(), right.files.end());
    for (const Finding& finding : left.result.findings) {
      for (const FindingFiles& one : files) {
        if (!subjects::SameBits(subjects::ReadCase(one.minimal), finding.minimal)) continue;
        left.files.push_back(one);
        break;
      }
    }
  }
}

}  // namespace assay::cli
