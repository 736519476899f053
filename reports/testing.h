// SPDX-License-Identifier: Apache-2.0
//
// For the tests of this folder: a subject whose error is known, and a report with something in every section.

#pragma once

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>

#include "oracle/oracle.h"
#include "reports/measure.h"
#include "reports/report.h"

namespace assay::reports {

// Answers with the oracle's nearest floats, passed through `spoil`.
class FakeSubject : public subjects::Subject {
 public:
  using Spoil = std::function<void(const subjects::Case&, subjects::RunResult&)>;
  explicit FakeSubject(Spoil spoil = [](const subjects::Case&, subjects::RunResult&) {}) : spoil_(std::move(spoil)) {
    info_.name = "fake";
    info_.version = "1";
    subjects::OpInfo& softmax = info_.For(ASSAY_SOFTMAX);
    softmax.implemented = true;
    softmax.dtypes = 1u << ASSAY_F32;
    softmax.features = ASSAY_FEATURES_ALL;
    softmax.claims[ASSAY_F32].kind = ASSAY_CLAIM_CORRECTLY_ROUNDED;
  }
  const subjects::SubjectInfo& info() const override { return info_; }
  subjects::SubjectInfo& info() { return info_; }
  subjects::RunResult Run(const subjects::Case& c, const subjects::RunOptions& = {}) override {
    subjects::RunResult result;
    for (const oracle::Exact& e : ExactSoftmax(c, EmptyRowOf(info_, c), oracle::Tier::kBulk)) {
      result.out.PushBack(e.nearest);
    }
    spoil_(c, result);
    return result;
  }

 private:
  subjects::SubjectInfo info_;
  Spoil spoil_;
};

// Text that breaks a writer which does not escape.
inline constexpr const char* kHostile = "<script>alert('x')</script> & \"q\" | `b` *e* <!-- \n";

inline Report FilledReport() {
  Report report;
  report.verdict = std::string("Verdict with ") + kHostile;
  report.provenance.commit = "0123abc";
  report.provenance.command = kHostile;
  report.provenance.cpu = "\xff not UTF-8";
  report.provenance.seed = 7;
  FakeSubject right;
  FakeSubject wrong([](const subjects::Case&, subjects::RunResult& r) {
    r.out.Set(0, std::numeric_limits<double>::quiet_NaN());
    if (r.out.size() == 7) r.status = ASSAY_BAD_SHAPE;
  });
  const Measured subjects[] = {{"right", "ours", &right}, {kHostile, "control", &wrong}};
  MeasureOptions options;
  options.elements_per_family = 1;
  options.tier = oracle::Tier::kBulk;
  options.families = {"normal-1", "masked-normal"};
  report.measured = Measure(subjects, options);
  for (Measurement& m : report.measured.measurements) {
    if (m.worst) m.worst->case_file = "cases/it's.json";
  }
  report.attention = {{"right", "ours", "attention", "out", 16, 1000, 0.5, 0.125, 0.5, 0.75, "1 ULP", true, ""},
                      {kHostile, "control", "attention", "lse", 1, 10, std::numeric_limits<double>::infinity(), 1e9,
                       0.5, 12, kHostile, false, ""},
                      {kHostile, "control", "attention", "lse", 100, 0, 0, 0, 0, 0, kHostile, false, kHostile}};
  report.laws = {{"right", "ours", "overflow", "Large logits are no excuse.", "holds", "9 cases", ""},
                 {"right", "ours", "order", "Order is kept.", "not applicable", kHostile, ""},
                 {kHostile, "control", "overflow", "Large logits are no excuse.", "violated", kHostile, "a b.json"},
                 {kHostile, "control", "order", "Order is kept.", "undecided", "no \"word\" on it", ""}};
  report.published = JudgePublished(ReadPublished(BuiltInPublishedJson()), right, oracle::Tier::kBulk);
  report.special_values = MeasureSpecialValues(subjects, oracle::Tier::kBulk);
  ScoreOptions scores;
  scores.rows = 4;
  scores.max_head_dim = 16;
  report.scores = DrawScoreStatistics(scores);
  NpyArray array;
  array.cols = 3;
  array.dtype = "<f8";
  array.rounded_from_f64 = 2;
  array.values = {1.0f, 2.5f, -std::numeric_limits<float>::infinity()};
  report.user_logits = {MeasureUserLogits(subjects, array, kHostile, oracle::Tier::kBulk, 0.7)};
  return report;
}

}  // namespace assay::reports
