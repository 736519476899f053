// SPDX-License-Identifier: Apache-2.0

#include "cli/report_attention.h"

#include <algorithm>

namespace assay::cli {
namespace {

using reports::AttentionRow;

// The errors of one group more. The sum of squares stands in rms until all are there.
void Add(const AttentionErrors& errors, const AttentionErrors& nearest, AttentionRow* row) {
  row->results += errors.results;
  row->largest = std::max(row->largest, errors.largest);
  row->rms += errors.sum_of_squares;
  row->nearest = std::max(row->nearest, nearest.largest);
  row->share = std::max(row->share, errors.worst_share);
  row->holds = row->holds && errors.broken == 0;
}

// The results of the table, in its order.
std::vector<subjects::Role> ResultsOf(const AttentionTable& table) {
  std::vector<subjects::Role> results;
  for (const AttentionGroup& group : table.groups) {
    if (std::ranges::find(results, group.result) == results.end()) results.push_back(group.result);
  }
  return results;
}

}  // namespace

std::vector<AttentionRow> AttentionRowsOf(const AttentionTable& table,
                                          const std::function<std::string(const std::string&)>& kind_of) {
  std::vector<AttentionRow> rows;
  for (std::size_t s = 0; s < table.subjects.size(); ++s) {
    for (const subjects::Role result : ResultsOf(table)) {
      for (std::size_t spread = 0; spread < kNumSpreads; ++spread) {
        AttentionRow row;
        row.subject = table.subjects[s];
        row.kind = kind_of(row.subject);
        row.op = subjects::OpName(table.op);
        row.result = subjects::RoleName(result);
        row.spread = kSpreads[spread];
        row.claim = table.claims[s];
        bool any = false;
        for (const AttentionGroup& group : table.groups) {
          if (group.result != result) continue;
          for (const AttentionLine& line : group.lines) {
            if (line.subject != row.subject) continue;
            any = true;
            Add(line.at[spread], group.nearest.at[spread], &row);
            if (!line.failure.empty()) row.failure = line.failure;
          }
        }
        if (!any) continue;  // it has no such result
        row.holds = row.holds && row.failure.empty();
        row.rms = AttentionErrors{0, row.rms, row.results, 0, 0}.Rms();
        rows.push_back(std::move(row));
      }
    }
  }
  return rows;
}

std::vector<AttentionRow> MeasureAttentionForReport(const std::vector<NamedSubject>& subjects,
                                                    const std::function<std::string(const std::string&)>& kind_of,
                                                    const ReportOptions& options, Progress& progress) {
  ClaimsOptions claims;
  claims.seed = options.seed;
  claims.tier = options.tier;
  claims.max_cols = options.elements / 100;
  std::vector<AttentionRow> rows;
  for (const assay_op op : {ASSAY_ATTENTION, ASSAY_ATTENTION_BACKWARD}) {
    const std::vector<AttentionRow> more =
        AttentionRowsOf(MeasureAttention(subjects, op, ASSAY_F32, claims, progress), kind_of);
    rows.insert(rows.end(), more.begin(), more.end());
  }
  return rows;
}

}  // namespace assay::cli
