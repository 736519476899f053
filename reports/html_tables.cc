// SPDX-License-Identifier: Apache-2.0
//
// The smaller tables of the HTML page: attention, special values, the user's logits, provenance.

#include <fmt/format.h>

#include <algorithm>

#include "reports/figures.h"
#include "reports/html_parts.h"
#include "reports/text.h"

namespace assay::reports {

HtmlTable::HtmlTable(const std::vector<std::string>& head, std::vector<std::string> classes)
    : classes_(std::move(classes)) {
  html_ = "<div class=\"scroll\"><table><thead><tr>";
  for (std::size_t i = 0; i < head.size(); ++i) {
    html_ += fmt::format("<th scope=\"col\" class=\"{}\">{}</th>", classes_[i], head[i]);
  }
  html_ += "</tr></thead><tbody>\n";
}

void HtmlTable::Row(const std::vector<std::string>& cells) {
  html_ += "<tr>";
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const bool is_head = i == 0;
    html_ += fmt::format("<{} class=\"{}\">{}</{}>", is_head ? "th scope=\"row\"" : "td", classes_[i], cells[i],
                         is_head ? "th" : "td");
  }
  html_ += "</tr>\n";
}

std::string HtmlCode(std::string_view text) { return "<code>" + EscapeHtml(text) + "</code>"; }

std::string HtmlCommand(std::string_view command) {
  return command.empty() ? "" : "<div class=\"command\"><code>" + EscapeHtml(command) + "</code></div>";
}

std::string HtmlAttention(const std::vector<AttentionRow>& rows) {
  std::string html =
      "<p>Errors are in units of u&nbsp;W: the roundoff of f32 times the sum of the absolute values of what the result "
      "is "
      "made of. The spread is the standard deviation of the scores; the last column is the error as a share of the "
      "claim.</p>\n";
  HtmlTable table(
      {"subject", "operation", "result", "spread", "of", "largest", "correct rounding shows", "RMS", "share"},
      {"keep", "keep", "keep", "n", "n", "n", "n", "n", "n"});
  for (const AttentionRow& r : rows) {
    const std::string share = fmt::format("<span title=\"{}\"{}>{}</span>", EscapeHtml(r.claim),
                                          r.holds ? "" : " class=\"bad\"", Ulp(r.share));
    const std::string failure = fmt::format("<span class=\"bad\">{}</span>", EscapeHtml(r.failure));
    table.Row({EscapeHtml(r.subject), EscapeHtml(r.op), EscapeHtml(r.result), fmt::format("{:g}", r.spread),
               Count(r.results), Ulp(r.largest), Ulp(r.nearest), Ulp(r.rms), r.failure.empty() ? share : failure});
  }
  return html + table.Finish();
}

std::string HtmlSpecialValues(const std::vector<SpecialValue>& values) {
  // A row's input and what is asked of it are the same for most subjects: subjects with equal answers share a line.
  HtmlTable table({"row", "input", "want", "got", "subjects"}, {"keep", "keep", "keep", "text", "text"});
  std::vector<bool> done(values.size(), false);
  std::vector<std::string> names;
  for (const SpecialValue& v : values) {
    if (std::find(names.begin(), names.end(), v.name) == names.end()) names.push_back(v.name);
  }
  for (const std::string& name : names) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (done[i] || values[i].name != name) continue;
      std::vector<std::string> subjects;
      for (std::size_t j = i; j < values.size(); ++j) {
        if (done[j] || values[j].name != name || values[j].got != values[i].got || values[j].want != values[i].want ||
            values[j].verdict != values[i].verdict) {
          continue;
        }
        done[j] = true;
        subjects.push_back(values[j].subject);
      }
      const SpecialValue& v = values[i];
      const std::string mark = v.verdict == "right"   ? "<span class=\"good\">✓</span> "
                               : v.verdict == "wrong" ? "<span class=\"bad\">✗</span> "
                                                      : "<span class=\"quiet\">skipped:</span> ";
      table.Row({EscapeHtml(name), HtmlCode(v.input), HtmlCode(v.want),
                 mark + (v.verdict == "skipped" ? EscapeHtml(v.got) : HtmlCode(v.got)),
                 EscapeHtml(fmt::format("{}", fmt::join(subjects, ", ")))});
    }
  }
  return table.Finish();
}

std::string HtmlUserLogits(const UserLogits& user) {
  std::string html =
      fmt::format("<p>{}: {} {} of {} logits, dtype {}, T = {}.", HtmlCode(user.file), Count(user.rows),
                  user.rows == 1 ? "row" : "rows", Count(user.cols), HtmlCode(user.dtype), user.temperature);
  html += RoundingNote(user);
  html += "</p>\n";
  HtmlTable table({"subject", "max ULP", "p99.9", "mean", "misrounded", "of", "worst input, and how to see it again"},
                  {"keep", "n", "n", "n", "n", "n", "worst"});
  const auto groups = GroupEqual(user.measured);
  for (const Measurement& m : user.measured.measurements) {
    const auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g[0] == m.subject; });
    if (group == groups.end()) continue;  // shown with the one it equals
    const UlpStatistics& s = m.statistics;
    std::string worst;
    if (m.worst) {
      worst = HtmlCode(fmt::format("x {}, max {}", Hex(m.worst->x), Hex(m.worst->row_max))) + "<br>" +
              HtmlCode(fmt::format("got {}, want {}", Hex(m.worst->got), Hex(m.worst->exact.nearest))) +
              HtmlCommand(ReplayCommand(m));
    }
    if (m.failed_rows > 0) worst += fmt::format("<div class=\"bad\">{}</div>", EscapeHtml(m.failure));
    if (m.skipped_rows > 0)
      worst += fmt::format("<div class=\"quiet\">skipped: {}</div>", EscapeHtml(m.skipped_reason));
    table.Row({EscapeHtml(GroupLabel(*group)), Ulp(s.max()), Ulp(s.Quantile(0.999)), Ulp(s.Mean()),
               Count(s.misrounded()), Count(s.count()), worst});
  }
  html += table.Finish();
  if (user.preview.empty()) return html;
  html += "<p class=\"quiet\">The largest probabilities of the first row:</p>\n";
  HtmlTable preview({"column", "logit", "probability", "nearest to exact", "error (ULP)"}, {"n", "n", "n", "n", "n"});
  for (const UserEntry& e : user.preview) {
    preview.Row(
        {Count(e.col), Decimal(e.logit), Decimal(e.got), Decimal(static_cast<float>(e.exact.nearest)), Ulp(e.err_ulp)});
  }
  return html + preview.Finish();
}

std::string HtmlProvenance(const Provenance& p) {
  std::string html = "<dl>\n";
  const auto add = [&](const char* name, const std::string& value) {
    html += fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, value.empty() ? "unknown" : EscapeHtml(value));
  };
  add("Commit", p.commit);
  add("Date", p.date);
  add("Subject", p.subject);
  add("Its version", p.subject_version);
  add("CPU", p.cpu);
  add("Target", p.target);
  add("Compiler", p.compiler);
  add("Flags", p.compiler_flags);
  add("Seed", std::to_string(p.seed));
  add("Samples", p.samples);
  add("Oracle", p.oracle);
  add("Its precision", p.oracle_precision);
  add("Command", p.command);
  return html + "</dl>\n";
}

}  // namespace assay::reports
