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

// The named laws, all where there is no name. UsageError for an unknown one, with those that exist.
std::vector<const properties::Property*> SelectProperties(const std::vector<std::string>& names);

// The argument as a POSIX shell reads it back, for commands to paste.
std::string ShellQuoted(std::string_view argument);

// "naive 1", or the name alone where there is no version.
std::string TitleOf(const subjects::SubjectInfo& info);

// "1 law", "19 laws".
std::string Counted(std::uint64_t number, std::string_view noun);

// What a subject claims about its softmax: "correctly rounded", "at most 4 ULP", "nothing: held to the textbook bound".
std::string ClaimText(const subjects::SubjectInfo& info);

}  // namespace assay::cli
