// SPDX-License-Identifier: Apache-2.0

#include "cli/findings.h"

#include "cli/folder.h"
#include "subjects/case_io.h"

namespace assay::cli {

FindingFiles KeepFinding(const properties::Finding& finding, const std::filesystem::path& folder,
                         const std::string& name) {
  MakeFolder(folder, "name another with its option");
  FindingFiles files{folder / (name + "-minimal.json"), {}};
  subjects::WriteCase(files.minimal, finding.minimal);
  if (!subjects::SameBits(finding.minimal, finding.worst)) {
    files.worst = folder / (name + "-worst.json");
    subjects::WriteCase(files.worst, finding.worst);
  }
  return files;
}

std::string FileStem(const std::string& subject) { return std::filesystem::path(subject).stem().string(); }

}  // namespace assay::cli
