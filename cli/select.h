// SPDX-License-Identifier: Apache-2.0
//
// Names on the command line turned into things, with what to do where there is no such thing.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.h"
#include "properties/property.h"
#include "subjects/subject.h"

namespace assay::cli {

// subjects::Open, with an unknown built-in name turned into a UsageError.
std::unique_ptr<subjects::Subject> OpenSubject(std::string_view name,
                                               double time_limit_seconds = kDefaultTimeLimitSeconds);

// The named laws; without a name, all that speak about some of `ops`, nightly ones only where wanted. UsageError for an
// unknown name, with those that exist.
std::vector<const properties::Property*> SelectProperties(const std::vector<std::string>& names,
                                                          properties::Ops ops = properties::kAllOps,
                                                          bool nightly = false);

// The named operations, all where there is no name. UsageError for an unknown one, with those that exist.
properties::Ops SelectOps(const std::vector<std::string>& names);

// The named types, all where there is no name. UsageError for an unknown one, with those that exist.
std::vector<assay_dtype> SelectDtypes(const std::vector<std::string>& names);

// "softmax, log_softmax"; "all operations".
std::string OpsText(properties::Ops ops);

// What a subject implements.
properties::Ops SubjectOps(const subjects::SubjectInfo& info);

// The argument as a POSIX shell reads it back, for commands to paste.
std::string ShellQuoted(std::string_view argument);

// "naive 1", or the name alone where there is no version.
std::string TitleOf(const subjects::SubjectInfo& info);

// "1 law", "19 laws".
std::string Counted(std::uint64_t number, std::string_view noun);

// What a claim says: "correctly rounded", "4 ULP + 2^-50 of the terms", "none, held to the textbook bound".
std::string ClaimText(const assay_claim& claim);
std::string ClaimText(const assay_attention_claim& claim);

}  // namespace assay::cli
