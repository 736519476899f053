// SPDX-License-Identifier: Apache-2.0

#include "cli/findings.h"

#include <fmt/format.h>

#include <cmath>

#include "cli/console.h"
#include "cli/select.h"
#include "subjects/case_io.h"

namespace assay::cli {
namespace {

void PresentCase(const char* which, const subjects::Case& c, const properties::Judgement& judgement,
                 const std::string& subject, const std::filesystem::path& file) {
  subjects::WriteCase(file, c);
  fmt::print("    {:8} {}\n", which, subjects::Summary(c));
  fmt::print("             {}\n", judgement.reason);
  if (judgement.witness && std::isfinite(judgement.witness->err_ulp) && judgement.witness->err_ulp != 0) {
    const properties::Witness& w = *judgement.witness;
    fmt::print("             input {:a} ({:.9g}), got {:a}, want {:a}, error {:.4g} ULP\n", w.input, w.input, w.got,
               w.want, std::fabs(w.err_ulp));
  }
  fmt::print("             {}\n",
             Bold(fmt::format("assay replay {} --subject {}", ShellQuoted(file.string()), ShellQuoted(subject))));
}

}  // namespace

void Present(const properties::Finding& finding, const std::string& subject, const std::filesystem::path& folder,
             const std::string& name) {
  std::filesystem::create_directories(folder);
  PresentCase("minimal", finding.minimal, finding.minimal_judgement, subject, folder / (name + "-minimal.json"));
  if (!subjects::SameBits(finding.minimal, finding.worst)) {
    PresentCase("worst", finding.worst, finding.worst_judgement, subject, folder / (name + "-worst.json"));
  }
}

}  // namespace assay::cli
