// SPDX-License-Identifier: Apache-2.0

#include "cli/select.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "subjects/peers/find.h"
#include "subjects/registry.h"

namespace assay::cli {

std::unique_ptr<subjects::Subject> OpenSubject(std::string_view name, double time_limit_seconds) {
  subjects::OpenOptions options;
  options.time_limit = std::chrono::milliseconds(static_cast<std::int64_t>(time_limit_seconds * 1000));
  const bool path = name.find('/') != std::string_view::npos || name.ends_with(".so");
  try {
    return subjects::Open(name, options);
  } catch (const subjects::OpenError& error) {
    const bool known = subjects::FindBuiltIn(name) != nullptr || subjects::FindPeer(name) != nullptr;
    if (!path && !known) throw UsageError(error.what());
    throw;
  }
}

std::vector<const properties::Property*> SelectProperties(const std::vector<std::string>& names, properties::Ops ops,
                                                          bool nightly) {
  std::vector<const properties::Property*> selected;
  for (const std::string& name : names) {
    const properties::Property* property = properties::FindProperty(name);
    if (property == nullptr) {
      std::vector<std::string_view> known;
      for (const properties::Property& p : properties::Catalogue()) known.push_back(p.name);
      throw UsageError(fmt::format("no law is called \"{}\". Known are: {}", name, fmt::join(known, ", ")));
    }
    selected.push_back(property);
  }
  if (!names.empty()) return selected;
  for (const properties::Property& property : properties::Catalogue()) {
    if ((property.ops & ops) != 0 && (nightly || !property.nightly)) selected.push_back(&property);
  }
  return selected;
}

properties::Ops SelectOps(const std::vector<std::string>& names) {
  if (names.empty()) return properties::kAllOps;
  properties::Ops ops = 0;
  for (const std::string& name : names) {
    const properties::Ops before = ops;
    std::vector<std::string_view> known;
    for (int op = 0; op < ASSAY_NUM_OPS; ++op) {
      known.push_back(subjects::OpName(static_cast<assay_op>(op)));
      if (name == known.back()) ops |= properties::Of(static_cast<assay_op>(op));
    }
    const bool repeated = ops == before && std::find(known.begin(), known.end(), name) != known.end();
    if (ops == before && !repeated) {
      throw UsageError(fmt::format("no operation is called \"{}\". Known are: {}", name, fmt::join(known, ", ")));
    }
  }
  return ops;
}

std::vector<assay_dtype> SelectDtypes(const std::vector<std::string>& names) {
  std::vector<std::string> known;
  for (int i = 0; i < ASSAY_NUM_DTYPES; ++i) {
    known.push_back(subjects::ElementName(subjects::ElementOf(static_cast<assay_dtype>(i))));
  }
  std::vector<assay_dtype> dtypes;
  for (const std::string& name : names.empty() ? known : names) {
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) {
      throw UsageError(fmt::format("no type is called \"{}\". Known are: {}", name, fmt::join(known, ", ")));
    }
    dtypes.push_back(static_cast<assay_dtype>(found - known.begin()));
  }
  return dtypes;
}

std::string OpsText(properties::Ops ops) {
  if (ops == properties::kAllOps) return "all operations";
  std::string text;
  for (int op = 0; op < ASSAY_NUM_OPS; ++op) {
    if ((ops & properties::Of(static_cast<assay_op>(op))) == 0) continue;
    text += (text.empty() ? "" : ", ") + std::string(subjects::OpName(static_cast<assay_op>(op)));
  }
  return text.empty() ? "no operation" : text;
}

properties::Ops SubjectOps(const subjects::SubjectInfo& info) {
  properties::Ops ops = 0;
  for (int op = 0; op < ASSAY_NUM_OPS; ++op) {
    if (info.For(static_cast<assay_op>(op)).implemented) ops |= properties::Of(static_cast<assay_op>(op));
  }
  return ops;
}

std::string ShellQuoted(std::string_view argument) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,+@%";
  if (!argument.empty() && argument.find_first_not_of(kPlain) == std::string_view::npos) return std::string(argument);
  std::string quoted = "'";
  for (const char ch : argument) quoted += ch == '\'' ? "'\\''" : std::string(1, ch);
  return quoted + "'";
}

std::string TitleOf(const subjects::SubjectInfo& info) {
  return info.version.empty() ? info.name : info.name + " " + info.version;
}

std::string Counted(std::uint64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

namespace {

// "4", "0.5", "2^-50", "0.5 + 2^-30": powers of two, and what is a little more than a short number, as such.
std::string ShortNumber(double x) {
  int exponent;
  if (x > 0 && x < 0.1 && std::frexp(x, &exponent) == 0.5) return fmt::format("2^{}", exponent - 1);
  const double rest = x - std::floor(2 * x) / 2;
  if (x < 10 && rest > 0 && rest < 0.1 && std::frexp(rest, &exponent) == 0.5) {
    return fmt::format("{:g} + 2^{}", x - rest, exponent - 1);
  }
  return fmt::format("{:g}", x);
}

}  // namespace

std::string ClaimText(const assay_claim& claim) {
  switch (claim.kind) {
    case ASSAY_CLAIM_CORRECTLY_ROUNDED:
      return "correctly rounded";
    case ASSAY_CLAIM_BOUND:
      return claim.terms == 0
                 ? ShortNumber(claim.max_ulp) + " ULP"
                 : fmt::format("{} ULP + {} of the terms", ShortNumber(claim.max_ulp), ShortNumber(claim.terms));
    default:
      return "none: held to the textbook bound";
  }
}

std::string ClaimText(const assay_attention_claim& claim) {
  if (claim.kind != ASSAY_CLAIM_BOUND) return ClaimText(assay_claim{claim.kind, 0, claim.max_ulp, 0});
  std::string relative;
  const auto add = [&](double factor, std::string_view of) {
    if (factor == 0) return;
    relative += fmt::format("{}{}{}", relative.empty() ? "" : " + ", ShortNumber(factor), of);
  };
  add(claim.terms, "");
  add(claim.keys, " n");
  add(claim.scores, " S");
  add(claim.scores_dim, " d S");
  return relative.empty() ? ShortNumber(claim.max_ulp) + " ULP"
                          : fmt::format("{} ULP + ({}) of the terms", ShortNumber(claim.max_ulp), relative);
}

}  // namespace assay::cli
