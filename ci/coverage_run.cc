// SPDX-License-Identifier: Apache-2.0
//
// Every law on every target and tier of the library, in this process: `assay check` without the child processes, whose
// counters would be lost when they are killed. For ci/coverage.
//
//   assay_coverage_run CASES TIER      of each law; exact or fast
//
// Exit codes: 0 every law holds · 1 one is violated · 2 usage

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

#include "assay/assay.h"
#include "properties/engine/engine.h"
#include "properties/property.h"
#include "subjects/subject.h"

namespace {

using namespace assay;  // NOLINT: the main program

std::uint64_t Violated(std::size_t target, assay_tier tier, std::uint64_t cases) {
  const auto subject = subjects::InProcess(*assay_target_subject(target, tier));
  std::uint64_t violated = 0;
  std::uint64_t judged = 0;
  for (const properties::Property& property : properties::Catalogue()) {
    if (property.nightly) continue;
    // Its threads would race for the counters; what they run, the other laws run too.
    if (std::string_view(property.name) == "concurrent_calls") continue;
    properties::EngineOptions options;
    options.cases = cases;
    options.max_findings = 1;
    const properties::PropertyResult result = properties::RunProperty(property, *subject, options);
    judged += result.cases;
    violated += result.violated;
    for (const properties::Finding& finding : result.findings) {
      fmt::print("{}: {}\n", property.name, finding.minimal_judgement.reason);
    }
  }
  fmt::print("{:8} {:5} {} of {} cases violated\n", assay_target_name(target),
             tier == ASSAY_TIER_EXACT ? "exact" : "fast", violated, judged);
  std::fflush(stdout);
  return violated;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view tier = argc == 3 ? argv[2] : "";
  const long cases = argc == 3 ? std::atol(argv[1]) : 0;
  if (cases <= 0 || (tier != "exact" && tier != "fast")) {
    fmt::print(stderr, "usage: assay_coverage_run CASES exact|fast\n");
    return 2;
  }
  std::uint64_t violated = 0;
  for (std::size_t i = 0; i < assay_num_targets(); ++i) {
    violated += Violated(i, tier == "exact" ? ASSAY_TIER_EXACT : ASSAY_TIER_FAST, static_cast<std::uint64_t>(cases));
  }
  return violated == 0 ? 0 : 1;
}
