// SPDX-License-Identifier: Apache-2.0
//
// What `assay report` says of attention: the measurements of `assay claims`, in f32, over all shapes.

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/attention_claims.h"
#include "reports/report.h"

namespace assay::cli {

// By subject, operation, result and spread; kind_of(name) is the sort of subject. Shapes have a hundredth as many keys
// as there are logits in a family, at most. Empty where no subject has attention.
std::vector<reports::AttentionRow> MeasureAttentionForReport(
    const std::vector<NamedSubject>& subjects, const std::function<std::string(const std::string&)>& kind_of,
    const ReportOptions& options, Progress& progress);

// The same of one table.
std::vector<reports::AttentionRow> AttentionRowsOf(const AttentionTable& table,
                                                   const std::function<std::string(const std::string&)>& kind_of);

}  // namespace assay::cli
