// SPDX-License-Identifier: Apache-2.0

#include "subjects/peers/find.h"

#include <algorithm>
#include <map>

namespace assay::subjects {
namespace {

namespace fs = std::filesystem;

// What the variants are compiled for (CMakeLists.txt): x86-64-v4 and x86-64-v3. The higher rank is preferred; -1 where
// the machine cannot.
struct Variant {
  std::string_view suffix;
  int rank;
};

std::vector<Variant> Variants() {
  int avx512 = -1;
  int avx2 = -1;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")) avx2 = 1;
  if (avx2 == 1 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    avx512 = 2;
  }
#endif
  return {{"-avx512", avx512}, {"-avx2", avx2}};
}

fs::path FolderBesideProgram() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::path() : program.parent_path() / "peers";
}

// The name a file stands for, and how good it is; its whole stem where it has no variant's suffix.
std::pair<std::string, int> NameAndRank(const fs::path& path) {
  const std::string stem = path.stem().string();
  for (const Variant& variant : Variants()) {
    if (stem.ends_with(variant.suffix)) return {stem.substr(0, stem.size() - variant.suffix.size()), variant.rank};
  }
  return {stem, 0};
}

std::vector<fs::path> LibrariesIn(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".so") found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

std::vector<Peer> PeersIn(const fs::path& folder) {
  std::map<std::string, std::pair<int, fs::path>> best;
  for (const fs::path& path : LibrariesIn(folder)) {
    const auto [name, rank] = NameAndRank(path);
    const auto there = best.find(name);
    if (rank >= 0 && (there == best.end() || there->second.first < rank)) best[name] = {rank, path};
  }
  std::vector<Peer> peers;
  for (const auto& [name, one] : best) peers.push_back({name, one.second});
  return peers;
}

const std::vector<Peer>& Peers() {
  static const std::vector<Peer> peers = PeersIn(FolderBesideProgram());
  return peers;
}

const Peer* FindPeer(std::string_view name) {
  static const std::vector<Peer> all = [] {
    std::vector<Peer> named = Peers();
    for (const fs::path& path : LibrariesIn(FolderBesideProgram())) named.push_back({path.stem().string(), path});
    return named;
  }();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Peer& peer) { return peer.name == name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace assay::subjects
