// SPDX-License-Identifier: Apache-2.0
//
// The adapters of other people's libraries ("peers") that were built: shared libraries in the folder peers/ beside the
// program, found by name, loaded by nobody who does not ask for them.

#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace assay::subjects {

struct Peer {
  std::string name;  // "onednn"
  std::filesystem::path path;
};

// Those in the folder, by name. Where NAME-avx512.so and NAME-avx2.so stand side by side, the best that this machine
// runs is called NAME; one that it cannot run is left out.
std::vector<Peer> PeersIn(const std::filesystem::path& folder);

// Those beside the program.
const std::vector<Peer>& Peers();

// The peer of that name; also "NAME-avx2" for a certain one of several. nullptr where there is none.
const Peer* FindPeer(std::string_view name);

}  // namespace assay::subjects
