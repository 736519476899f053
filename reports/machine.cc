// SPDX-License-Identifier: Apache-2.0

#include "reports/machine.h"

#include <fstream>

namespace assay::reports {

std::string CpuModel() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "";
}

}  // namespace assay::reports
