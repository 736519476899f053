// SPDX-License-Identifier: Apache-2.0
//
// report.json, described by report.schema.json. Numbers that JSON cannot hold are the strings "inf" and "nan"; floats
// that must survive exactly stand as hex floats in strings.

#include <cmath>
#include <nlohmann/json.hpp>

#include "reports/figures.h"
#include "reports/report.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

using nlohmann::json;

json Number(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x > 0 ? "inf" : "-inf";
  return x;
}

json ProvenanceJson(const Provenance& p) {
  return {{"commit", p.commit},
          {"date", p.date},
          {"subject", p.subject},
          {"subject_version", p.subject_version},
          {"cpu", p.cpu},
          {"compiler", p.compiler},
          {"compiler_flags", p.compiler_flags},
          {"target", p.target},
          {"samples", p.samples},
          {"oracle", p.oracle},
          {"oracle_precision", p.oracle_precision},
          {"command", p.command},
          {"seed", p.seed}};
}

json WorstJson(const Measurement& m) {
  if (!m.worst) return nullptr;
  const Worst& w = *m.worst;
  return {{"x", Hex(w.x)},
          {"max", Hex(w.row_max)},
          {"got", Hex(w.got)},
          {"want", Hex(w.exact.nearest)},
          {"remainder_ulp", w.exact.remainder_ulp},
          {"err_ulp", Number(w.err_ulp)},
          {"temperature", Number(w.c.temperature)},
          {"element", w.element},
          {"cols", w.c.cols},
          {"case_file", w.case_file},
          {"command", ReplayCommand(m)}};
}

json MeasurementsJson(const MeasureResult& measured) {
  json list = json::array();
  for (const Measurement& m : measured.measurements) {
    const UlpStatistics& s = m.statistics;
    list.push_back({{"subject", m.subject},
                    {"kind", m.kind},
                    {"family", m.family},
                    {"claim", m.claim},
                    {"elements", s.count()},
                    {"max_ulp", Number(s.max())},
                    {"p999_ulp", Number(s.Quantile(0.999))},
                    {"mean_ulp", Number(s.Mean())},
                    {"misrounded", s.misrounded()},
                    {"infinite", s.infinite()},
                    {"skipped_rows", m.skipped_rows},
                    {"skipped_reason", m.skipped_reason},
                    {"failed_rows", m.failed_rows},
                    {"failure", m.failure},
                    {"undecided_rows", m.undecided_rows},
                    {"worst", WorstJson(m)}});
  }
  return list;
}

json HistogramJson(const Figures& figures) {
  json panels = json::array();
  for (const Panel& panel : figures.panels) panels.push_back({{"subjects", panel.label}, {"share", panel.share}});
  return {{"bins_ulp", figures.bins}, {"panels", panels}};
}

json GapsJson(const MeasureResult& measured) {
  json list = json::array();
  for (const GapSeries& gaps : measured.gaps) {
    json points = json::array();
    for (std::size_t bin = 0; bin < GapSeries::kBins; ++bin) {
      if (gaps.count[bin] == 0) continue;
      points.push_back({{"gap", bin}, {"max_ulp", Number(gaps.max_err[bin])}, {"elements", gaps.count[bin]}});
    }
    list.push_back({{"subject", gaps.subject}, {"kind", gaps.kind}, {"points", points}});
  }
  return list;
}

json EstimateJson(const Estimate& e) { return {{"mean", e.mean}, {"standard_error", e.standard_error}}; }

json ScoresJson(const ScoreStatistics& statistics) {
  if (statistics.unscaled.empty()) return nullptr;
  json points = json::array();
  for (const auto* curve : {&statistics.unscaled, &statistics.scaled}) {
    for (const ScorePoint& p : *curve) {
      points.push_back({{"head_dim", p.head_dim},
                        {"scale", p.scale},
                        {"variance", EstimateJson(p.variance)},
                        {"largest_share", EstimateJson(p.largest_share)},
                        {"entropy", EstimateJson(p.entropy)},
                        {"gradient_norm", EstimateJson(p.gradient_norm)}});
    }
  }
  return {{"seed", statistics.seed}, {"keys", statistics.keys}, {"rows", statistics.rows}, {"points", points}};
}

const char* ClaimName(ClaimVerdict verdict) {
  switch (verdict) {
    case ClaimVerdict::kHolds:
      return "holds";
    case ClaimVerdict::kFails:
      return "fails";
    default:
      return "none";
  }
}

json PublishedJson(const std::vector<PublishedResult>& results) {
  const PublishedCounts counts = CountPublished(results);
  json examples = json::array();
  for (const PublishedResult& r : results) {
    json figures = json::array();
    for (const PublishedFigure& f : r.figures) {
      figures.push_back({{"printed", f.printed}, {"rounded", f.rounded}, {"exact", f.exact}, {"right", f.right}});
    }
    json got = json::array();
    for (const float p : r.got) got.push_back(Hex(p));
    examples.push_back({{"id", r.example.id},
                        {"source", r.example.source},
                        {"op", r.example.op},
                        {"input", r.example.input},
                        {"temperature", r.example.temperature},
                        {"claim", r.example.claim},
                        {"claim_verdict", ClaimName(r.claim)},
                        {"finding", r.finding},
                        {"figures", figures},
                        {"exact", r.exact},
                        {"got", got},
                        {"got_right", r.got_right},
                        {"got_problem", r.got_problem}});
  }
  return {{"figures_right", counts.right},
          {"figures_wrong", counts.wrong},
          {"digits_right", counts.digits_right},
          {"digits_wrong", counts.digits_wrong},
          {"examples_without_figure", counts.without_figure},
          {"claims_hold", counts.claims_hold},
          {"claims_fail", counts.claims_fail},
          {"examples", examples}};
}

json UserJson(const std::vector<UserLogits>& users) {
  json list = json::array();
  for (const UserLogits& user : users) {
    json preview = json::array();
    for (const UserEntry& e : user.preview) {
      preview.push_back({{"row", e.row},
                         {"col", e.col},
                         {"logit", Hex(e.logit)},
                         {"got", Hex(e.got)},
                         {"want", Hex(e.exact.nearest)},
                         {"err_ulp", Number(e.err_ulp)}});
    }
    list.push_back({{"file", user.file},
                    {"dtype", user.dtype},
                    {"rows", user.rows},
                    {"cols", user.cols},
                    {"temperature", Number(user.temperature)},
                    {"rounded_from_f64", user.rounded_from_f64},
                    {"measurements", MeasurementsJson(user.measured)},
                    {"preview", preview}});
  }
  return list;
}

}  // namespace

std::string ToJson(const Report& report) {
  json attention = json::array();
  for (const AttentionRow& r : report.attention) {
    attention.push_back({{"subject", r.subject},
                         {"kind", r.kind},
                         {"op", r.op},
                         {"result", r.result},
                         {"spread", r.spread},
                         {"results", r.results},
                         {"largest", Number(r.largest)},
                         {"rms", Number(r.rms)},
                         {"nearest", Number(r.nearest)},
                         {"share", Number(r.share)},
                         {"claim", r.claim},
                         {"holds", r.holds},
                         {"failure", r.failure}});
  }
  json laws = json::array();
  for (const LawRow& law : report.laws) {
    laws.push_back({{"subject", law.subject},
                    {"kind", law.kind},
                    {"law", law.law},
                    {"law_sentence", law.law_sentence},
                    {"verdict", law.verdict},
                    {"reason", law.reason},
                    {"case_file", law.case_file}});
  }
  json special = json::array();
  for (const SpecialValue& v : report.special_values) {
    special.push_back({{"subject", v.subject},
                       {"name", v.name},
                       {"input", v.input},
                       {"want", v.want},
                       {"got", v.got},
                       {"verdict", v.verdict}});
  }
  const json j = {{"format", "assay-report-1"},
                  {"title", report.title},
                  {"verdict", report.verdict},
                  {"provenance", ProvenanceJson(report.provenance)},
                  {"measurements", MeasurementsJson(report.measured)},
                  {"histogram", HistogramJson(PrepareFigures(report.measured))},
                  {"error_against_gap", GapsJson(report.measured)},
                  {"attention", attention},
                  {"laws", laws},
                  {"score_statistics", ScoresJson(report.scores)},
                  {"published", PublishedJson(report.published)},
                  {"special_values", special},
                  {"user_logits", UserJson(report.user_logits)}};
  // Bytes that are not UTF-8 (a file name, a crash message) become U+FFFD rather than an exception.
  return j.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace assay::reports
