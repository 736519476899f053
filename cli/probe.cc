// SPDX-License-Identifier: Apache-2.0
//
// assay probe: what a subject declares, which laws will be checked on it and which are skipped and why; without a
// subject, what is built in.

#include <fmt/format.h>

#include <map>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/select.h"
#include "properties/engine/engine.h"
#include "subjects/peers/find.h"
#include "subjects/registry.h"

namespace assay::cli {
namespace {

using properties::Property;

void List() {
  fmt::print("{}\n", Bold("Subjects"));
  fmt::print("  {:34} the library on the best instruction set of this machine\n", "assay");
  for (const subjects::BuiltIn& built_in : subjects::BuiltIns()) {
    fmt::print("  {:34} {}\n", built_in.name, Wrapped(built_in.table->description, 37));
  }
  if (!subjects::Peers().empty()) fmt::print("\n{}\n", Bold("Peers: libraries of others, loaded when asked for"));
  for (const subjects::Peer& peer : subjects::Peers()) fmt::print("  {:34} {}\n", peer.name, peer.path.string());
  const properties::Group* group = nullptr;
  for (const Property& property : properties::Catalogue()) {
    if (group == nullptr || *group != property.group) {
      group = &property.group;
      fmt::print("\n{}\n", Bold(fmt::format("Laws: {}", properties::GroupName(property.group))));
    }
    fmt::print(
        "  {:34} {}\n", property.name,
        Wrapped(fmt::format("{}{}\nfinds: {}", property.law, property.nightly ? " (nightly)" : "", property.finds),
                37));
  }
}

void ListLaws() {
  for (const Property& property : properties::Catalogue()) {
    if (!property.nightly) fmt::print("{} {}\n", property.name, properties::GroupName(property.group));
  }
}

// Why none of the law's first cases can be run; empty where one can.
std::string WhySkipped(const Property& property, const subjects::SubjectInfo& info) {
  if (!properties::Speaks(property, info)) return "about operations it has not";
  std::string reason;
  for (std::uint64_t i = 0; i < 80; ++i) {
    const subjects::Case c = properties::CaseAt(property, info, 1, i);
    reason = properties::WhyNoSay(property, info, c.op);
    if (reason.empty()) reason = subjects::WhyUnsupported(info, c);
    if (reason.empty()) break;
  }
  return reason;
}

const char* EmptyRowText(assay_empty_row convention) { return convention == ASSAY_EMPTY_ROW_ZERO ? "zeros" : "NaN"; }

constexpr std::pair<assay_feature, const char*> kFeatures[] = {
    {ASSAY_FEATURE_MASK, "boolean mask"},
    {ASSAY_FEATURE_BIAS, "additive bias"},
    {ASSAY_FEATURE_TEMPERATURE, "temperature"},
    {ASSAY_FEATURE_TEMPERATURE_LIMITS, "T = 0 and T = inf"},
    {ASSAY_FEATURE_ROW_STRIDE, "row strides"},
    {ASSAY_FEATURE_ANY_STRIDE, "any strides"},
    {ASSAY_FEATURE_IN_PLACE, "in place"},
    {ASSAY_FEATURE_EMPTY_ROW, "choice of the empty row"},
    {ASSAY_FEATURE_STATUS, "refuses bad arguments"},
    {ASSAY_FEATURE_PROBABILITY_TARGETS, "probability targets"},
    {ASSAY_FEATURE_LABEL_SMOOTHING, "label smoothing"},
    {ASSAY_FEATURE_IGNORE_INDEX, "ignored rows"},
    {ASSAY_FEATURE_REDUCTION, "sum and mean"},
    {ASSAY_FEATURE_CONCURRENT, "concurrent calls"},
    {ASSAY_FEATURE_FP_ENVIRONMENT, "any floating-point environment"},
    {ASSAY_FEATURE_CANONICAL_NAN, "canonical NaN"},
    {ASSAY_FEATURE_CAUSAL, "causal"},
    {ASSAY_FEATURE_TOP_LEFT, "alignment to the top left"},
    {ASSAY_FEATURE_WINDOW, "sliding window"},
    {ASSAY_FEATURE_LENGTHS, "key lengths"},
    {ASSAY_FEATURE_GROUPED_HEADS, "grouped heads"},
    {ASSAY_FEATURE_VALUE_DIM, "value_dim other than head_dim"},
    {ASSAY_FEATURE_SCALE, "a scale of the caller's"},
    {ASSAY_FEATURE_SOFTCAP, "softcap"},
    {ASSAY_FEATURE_SINK, "sink"},
    {ASSAY_FEATURE_LSE, "lse"},
    {ASSAY_FEATURE_LSE_F64, "lse in f64"}};

// Whether the feature means anything for the operation.
bool Concerns(assay_feature feature, assay_op op) {
  constexpr std::uint64_t kOfLosses = ASSAY_FEATURE_PROBABILITY_TARGETS | ASSAY_FEATURE_LABEL_SMOOTHING |
                                      ASSAY_FEATURE_IGNORE_INDEX | ASSAY_FEATURE_REDUCTION;
  constexpr std::uint64_t kOfRows =
      ASSAY_FEATURE_TEMPERATURE | ASSAY_FEATURE_TEMPERATURE_LIMITS | ASSAY_FEATURE_EMPTY_ROW;
  if ((feature & kOfLosses) != 0) return subjects::IsLoss(op);
  if (subjects::IsAttention(op)) {
    // A sink and lse are of the forward pass; so is being in place.
    constexpr std::uint64_t kOfForward = ASSAY_FEATURE_SINK | ASSAY_FEATURE_LSE | ASSAY_FEATURE_IN_PLACE;
    return (feature & kOfRows) == 0 && (op == ASSAY_ATTENTION || (feature & kOfForward) == 0);
  }
  if (feature >= ASSAY_FEATURE_CAUSAL) return false;
  if (feature == ASSAY_FEATURE_MASK) return subjects::TakesMask(op);
  return feature != ASSAY_FEATURE_BIAS || subjects::HasLogits(op);
}

// A block for each operation: its dtypes with their claims, and the features it lacks.
void PrintOperation(const subjects::SubjectInfo& info, assay_op op) {
  const subjects::OpInfo& one = info.For(op);
  if (!one.implemented) {
    fmt::print("  {} {}\n", Doubtful("no "), subjects::OpName(op));
    return;
  }
  fmt::print("  {} {}\n", Good("yes"), subjects::OpName(op));
  for (int i = 0; i < ASSAY_NUM_DTYPES; ++i) {
    const auto dtype = static_cast<assay_dtype>(i);
    if (!info.Has(op, dtype)) continue;
    fmt::print("        {:5} claim: {}\n", subjects::ElementName(subjects::ElementOf(dtype)),
               subjects::IsAttention(op) ? ClaimText(one.attention_claims[dtype]) : ClaimText(one.claims[dtype]));
  }
  std::string without;
  for (const auto& [feature, text] : kFeatures) {
    if (info.Can(op, feature) || !Concerns(feature, op)) continue;
    without += (without.empty() ? "" : ", ") + std::string(text);
  }
  if (!without.empty()) fmt::print("        {}\n", Wrapped("without " + without, 8));
}

}  // namespace

int Probe(const ProbeOptions& options) {
  if (options.laws) {
    ListLaws();
    return kClean;
  }
  if (options.subject.empty()) {
    List();
    return kClean;
  }
  const auto subject = OpenSubject(options.subject);
  const subjects::SubjectInfo& info = subject->info();
  fmt::print("{}\n", Bold(TitleOf(info)));
  if (!info.description.empty()) fmt::print("  {}\n", Wrapped(info.description, 2));
  fmt::print("  empty row   {} without a mask, {} with one\n", EmptyRowText(info.empty_row_unmasked),
             EmptyRowText(info.empty_row_masked));
  if (info.plus_inf == ASSAY_PLUS_INF_ANYTHING) fmt::print("  +inf        what a row with +inf gives is not checked\n");
  if (info.alignment_bytes > 1) fmt::print("  alignment   rows start at multiples of {} bytes\n", info.alignment_bytes);
  if (info.over_read_bytes > 0) fmt::print("  over-read   up to {} bytes past a buffer\n", info.over_read_bytes);
  for (int op = 0; op < ASSAY_NUM_OPS; ++op) PrintOperation(info, static_cast<assay_op>(op));

  std::size_t checked = 0;
  std::size_t nightly = 0;
  std::size_t about_others = 0;
  std::map<std::string, std::string> skipped;  // reason: laws
  for (const Property& property : properties::Catalogue()) {
    const std::string reason = WhySkipped(property, info);
    about_others += properties::Speaks(property, info) ? 0 : 1;
    if (!reason.empty()) {
      std::string& laws = skipped[reason];
      laws += (laws.empty() ? "" : ", ") + std::string(property.name);
    } else {
      (property.nightly ? nightly : checked) += 1;
    }
  }
  for (const auto& [reason, laws] : skipped) {
    fmt::print("  {} {}\n", Doubtful("skipped"), Wrapped(fmt::format("{}: {}", reason, laws), 10));
  }
  fmt::print("{} of {} laws about its operations will be checked{}: assay check {}\n", checked,
             properties::Catalogue().size() - about_others,
             nightly == 0 ? "" : fmt::format(", {} more with --nightly", nightly), ShellQuoted(options.subject));
  return kClean;
}

}  // namespace assay::cli
