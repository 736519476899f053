// SPDX-License-Identifier: Apache-2.0
//
// The result in Google Benchmark's JSON, so that its tools (compare.py and those of others) read it.

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "reports/bench.h"

namespace assay::reports {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

std::string FirstLine(const fs::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// "512K" in bytes.
std::int64_t SizeOf(const std::string& text) {
  const std::int64_t number = std::atoll(text.c_str());
  return text.ends_with('K') ? number << 10 : text.ends_with('M') ? number << 20 : number;
}

// "0-1,4": how many.
int CountOf(const std::string& list) {
  int count = 0;
  for (std::size_t at = 0; at < list.size();) {
    std::size_t used = 0;
    const int first = std::atoi(list.c_str() + at);
    const std::size_t end = std::min(list.find(',', at), list.size());
    const std::size_t dash = list.find('-', at);
    count += dash < end ? std::atoi(list.c_str() + dash + 1) - first + 1 : 1;
    used = end + 1;
    at = used;
  }
  return count;
}

json Caches() {
  json caches = json::array();
  for (int i = 0; i < 8; ++i) {
    const fs::path folder = fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}", i);
    std::error_code error;
    if (!fs::exists(folder, error)) break;
    caches.push_back({{"type", FirstLine(folder / "type")},
                      {"level", std::atoi(FirstLine(folder / "level").c_str())},
                      {"size", SizeOf(FirstLine(folder / "size"))},
                      {"num_sharing", CountOf(FirstLine(folder / "shared_cpu_list"))}});
  }
  return caches;
}

int MegahertzPerCpu() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("cpu MHz")) return static_cast<int>(std::lround(std::atof(line.c_str() + line.find(':') + 1)));
  }
  return 0;
}

json LoadAverages() {
  double load[3] = {};
  const int count = ::getloadavg(load, 3);
  json list = json::array();
  for (int i = 0; i < count; ++i) list.push_back(load[i]);
  return list;
}

json ContextJson(const BenchContext& context, const std::vector<BenchTable>& tables) {
  json versions = json::object();
  for (const Entrant& entrant : context.entrants) versions[entrant.name] = entrant.version;
  json disturbances = json::object();
  for (const BenchTable& table : tables) {
    if (!table.disturbances.empty()) disturbances[TitleOf(table)] = table.disturbances;
  }
  const std::string governor = FirstLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  return {{"date", context.date},
          {"host_name", ""},  // left empty: results are handed on
          {"executable", "assay"},
          {"num_cpus", ::sysconf(_SC_NPROCESSORS_ONLN)},
          {"mhz_per_cpu", MegahertzPerCpu()},
          {"cpu_scaling_enabled", !governor.empty() && governor != "performance"},
          {"caches", Caches()},
          {"load_avg", LoadAverages()},
          {"library_build_type", "release"},
          // Ours from here on.
          {"assay_commit", context.commit},
          {"compiler", context.compiler},
          {"compiler_flags", context.flags},
          {"cpu_model", context.cpu},
          {"command", context.command},
          {"seed", context.seed},
          {"pinned_cpu", context.pinned_cpu},
          {"versions", versions},
          {"disturbed", !disturbances.empty()},
          {"disturbances", disturbances}};
}

std::string RunName(const BenchTable& table, const BenchLine& line) {
  std::string name = TitleOf(table);
  for (char& letter : name) letter = letter == ' ' ? '/' : letter;
  std::erase(name, ',');
  return name + "/" + line.name;
}

json Entry(const BenchTable& table, const BenchLine& line, std::size_t family, std::size_t instance) {
  return {{"name", RunName(table, line)},
          {"family_index", family},
          {"per_family_instance_index", instance},
          {"run_name", RunName(table, line)},
          {"run_type", "iteration"},
          {"repetitions", std::max<std::size_t>(line.timings.size(), 1)},
          {"repetition_index", 0},
          {"threads", 1},
          {"iterations", line.iterations},
          {"real_time", 0.0},
          {"cpu_time", 0.0},
          {"time_unit", "ns"}};
}

json Aggregate(json entry, const std::string& what, double real, double cpu, std::size_t rounds) {
  entry["name"] = entry["run_name"].get<std::string>() + "_" + what;
  entry["run_type"] = "aggregate";
  entry["aggregate_name"] = what;
  entry["aggregate_unit"] = "time";
  entry["iterations"] = rounds;  // of an aggregate: how many timings are in it
  entry["real_time"] = real;
  entry["cpu_time"] = cpu;
  entry.erase("repetition_index");
  return entry;
}

// Of attention: what is done and read in a second, and its share of what the machine can.
void AddRates(const BenchTable& table, const BenchLine& line, json* median) {
  const auto add = [&](const char* name, double rate, double peak, const char* share) {
    if (rate > 0) (*median)[name] = 1e9 * rate;
    if (rate > 0 && std::isfinite(peak)) (*median)[share] = rate / peak;
  };
  add("flops_per_second", line.GigaflopsPerSecond(), table.PeakF32(), "share_of_f32_fma");
  add("flops_per_second", line.GigaflopsPerSecond(), table.PeakF64(), "share_of_f64_fma");
  add("bytes_per_second", line.GigabytesPerSecond(), table.PeakRead(), "share_of_read");
}

void AddLine(const BenchTable& table, const BenchLine& line, std::size_t family, std::size_t instance, json& list) {
  json entry = Entry(table, line, family, instance);
  if (!line.skipped.empty()) {
    entry["error_occurred"] = true;
    entry["error_message"] = line.skipped;
    list.push_back(std::move(entry));
    return;
  }
  double real = 0;
  double cpu = 0;
  std::vector<double> cpus;
  for (const Timing& timing : line.timings) {
    real += timing.real_ns;
    cpu += timing.cpu_ns;
    cpus.push_back(timing.cpu_ns);
  }
  const auto rounds = static_cast<double>(line.timings.size());
  entry["real_time"] = real / rounds;
  entry["cpu_time"] = cpu / rounds;
  entry["items_per_second"] = 1e9 * table.elements() / (real / rounds);
  if (line.max_err_ulp && std::isfinite(*line.max_err_ulp)) entry["max_err_ulp"] = *line.max_err_ulp;
  if (line.max_error && std::isfinite(*line.max_error)) entry["max_error"] = *line.max_error;
  list.push_back(entry);
  json median = Aggregate(entry, "median", line.median_ns, line.median_cpu_ns, line.timings.size());
  median["items_per_second"] = 1e9 * table.elements() / line.median_ns;
  if (table.attention) {
    AddRates(table, line, &median);
  } else {
    median["ns_per_element"] = line.median_ns / table.elements();
    if (std::isfinite(table.CopyNs())) median["times_copy"] = line.median_ns / table.CopyNs();
  }
  if (std::isfinite(table.FastestPeerNs())) median["times_fastest_peer"] = line.median_ns / table.FastestPeerNs();
  list.push_back(std::move(median));
  entry.erase("items_per_second");
  list.push_back(Aggregate(entry, "mad", line.deviation_ns, MedianDeviation(cpus), line.timings.size()));
}

}  // namespace

std::string BenchJson(const BenchContext& context, const std::vector<BenchTable>& tables) {
  json list = json::array();
  for (std::size_t family = 0; family < tables.size(); ++family) {
    std::size_t instance = 0;
    for (const BenchLine& line : tables[family].lines) AddLine(tables[family], line, family, instance++, list);
  }
  const json whole = {{"context", ContextJson(context, tables)}, {"benchmarks", list}};
  return whole.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace assay::reports
