// SPDX-License-Identifier: Apache-2.0

#include "cli/findings.h"

#include <fmt/format.h>

#include <cmath>

#include "cli/console.h"
#include "cli/folder.h"
#include "cli/select.h"
#include "subjects/case_io.h"

namespace assay::cli {
namespace {

constexpr std::size_t kIndent = 13;

void PresentCase(const char* which, const subjects::Case& c, const properties::Judgement& judgement,
                 const ReplayWith& with, const std::filesystem::path& file) {
  subjects::WriteCase(file, c);
  fmt::print("    {:8} {}\n", which, Wrapped(subjects::Summary(c), kIndent));
  fmt::print("{:{}}{}\n", "", kIndent, Wrapped(judgement.reason, kIndent));
  if (judgement.witness && std::isfinite(judgement.witness->err_ulp) && judgement.witness->err_ulp != 0) {
    const properties::Witness& w = *judgement.witness;
    const std::string text = fmt::format("input {:a} ({:.9g}), got {:a}, want {:a}, error {:.4g} ULP", w.input, w.input,
                                         w.got, w.want, std::fabs(w.err_ulp));
    fmt::print("{:{}}{}\n", "", kIndent, Wrapped(text, kIndent));
  }
  std::string command =
      fmt::format("assay replay {} --subject {}", ShellQuoted(file.string()), ShellQuoted(with.subject));
  if (with.time_limit_seconds != kDefaultTimeLimitSeconds) {
    command += fmt::format(" --time-limit {}s", with.time_limit_seconds);
  }
  fmt::print("{:{}}{}\n", "", kIndent, Bold(command));
}

}  // namespace

void Present(const properties::Finding& finding, const ReplayWith& with, const std::filesystem::path& folder,
             const std::string& name) {
  MakeFolder(folder, "name another with its option");
  PresentCase("minimal", finding.minimal, finding.minimal_judgement, with, folder / (name + "-minimal.json"));
  if (!subjects::SameBits(finding.minimal, finding.worst)) {
    PresentCase("worst", finding.worst, finding.worst_judgement, with, folder / (name + "-worst.json"));
  }
}

}  // namespace assay::cli
