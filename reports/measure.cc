// SPDX-License-Identifier: Apache-2.0
//
// See measure.h. The oracle costs far more than any kernel, so each row's exact values are computed once.

#include "reports/measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "reports/sample.h"
#include "reports/text.h"
#include "subjects/case_io.h"

namespace assay::reports {
namespace {

using subjects::Case;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double VisibleMax(const Case& c) {
  double row_max = -kInfinity;
  for (std::size_t i = 0; i < c.cols; ++i) {
    if (c.Visible(0, i)) row_max = std::max(row_max, c.logits[i]);
  }
  return row_max;
}

// The exact values of a row under both conventions for a row without a visible entry; at most one is ever computed
// for a row that has one.
class RowTruth {
 public:
  RowTruth(const Case& c, oracle::Tier tier) : case_(c), tier_(tier) {
    for (std::size_t i = 0; i < c.cols; ++i) has_visible_ = has_visible_ || c.Visible(0, i);
  }
  // Throws oracle::Undecided.
  const std::vector<oracle::Exact>& For(oracle::EmptyRow empty_row) {
    auto& exact = exact_[has_visible_ || empty_row == oracle::EmptyRow::kNaN ? 0 : 1];
    if (exact.empty()) exact = ExactSoftmax(case_, empty_row, tier_);
    return exact;
  }

 private:
  const Case& case_;
  oracle::Tier tier_;
  bool has_visible_ = false;
  std::vector<oracle::Exact> exact_[2];
};

void AddElement(const Case& c, std::size_t i, double row_max, double got, const oracle::Exact& exact, bool failed,
                Measurement& m, GapSeries& gaps) {
  const double err_ulp = failed ? kInfinity : oracle::ErrUlp(got, exact);
  const bool misrounded = failed || !oracle::IsNearest(got, exact);
  m.statistics.Add(err_ulp, misrounded);
  if (c.Visible(0, i) && c.temperature > 0) {
    const double gap = (row_max - c.logits[i]) / c.temperature;
    // NaN and what lies beyond the last bin go nowhere.
    if (gap >= 0 && gap < static_cast<double>(GapSeries::kBins)) {
      const auto bin = static_cast<std::size_t>(gap);
      gaps.max_err[bin] = std::max(gaps.max_err[bin], err_ulp);
      ++gaps.count[bin];
    }
  }
  if (err_ulp == 0 || (m.worst && err_ulp <= m.worst->err_ulp)) return;
  if (!m.worst) m.worst.emplace();
  m.worst->element = i;
  m.worst->x = static_cast<float>(c.logits[i]);
  m.worst->row_max = static_cast<float>(row_max);
  m.worst->got = static_cast<float>(got);
  m.worst->exact = exact;
  m.worst->err_ulp = err_ulp;  // the caller copies the case, once a row
}

// The subject's results of a row, or why there are none; `declined` where it answered ASSAY_UNSUPPORTED.
struct Answer {
  subjects::Array probs;
  std::string failure;
  bool declined = false;
};

Answer Run(subjects::Subject& subject, const Case& c) {
  subjects::RunResult run = subject.Run(c);
  if (run.outcome != subjects::Outcome::kReturned) return {{}, run.detail};
  if (run.status == ASSAY_UNSUPPORTED) return {{}, "the subject answered ASSAY_UNSUPPORTED", true};
  if (run.status != ASSAY_OK) return {{}, fmt::format("refused: {}", assay_status_name(run.status))};
  if (run.out.size() != c.cols) return {{}, "gave a row of another length"};
  return {std::move(run.out), ""};
}

void MeasureRow(const Measured& subject, const Case& c, RowTruth& truth, Measurement& m, GapSeries& gaps) {
  const std::string why = subjects::WhyUnsupported(subject.subject->info(), c);
  if (!why.empty()) {
    if (m.skipped_rows++ == 0) m.skipped_reason = why;
    return;
  }
  const std::vector<oracle::Exact>* exact = nullptr;
  try {
    exact = &truth.For(EmptyRowOf(subject.subject->info(), c));
  } catch (const oracle::Undecided&) {
    ++m.undecided_rows;
    return;
  }
  const Answer answer = Run(*subject.subject, c);
  if (answer.declined) {
    if (m.skipped_rows++ == 0) m.skipped_reason = answer.failure;
    return;
  }
  const bool failed = !answer.failure.empty();
  if (failed && m.failed_rows++ == 0) m.failure = answer.failure;
  const double row_max = VisibleMax(c);
  const double worst_before = m.worst ? m.worst->err_ulp : 0;
  for (std::size_t i = 0; i < c.cols; ++i) {
    const double got = failed ? std::numeric_limits<double>::quiet_NaN() : answer.probs[i];
    AddElement(c, i, row_max, got, (*exact)[i], failed, m, gaps);
  }
  if (m.worst && m.worst->err_ulp > worst_before) m.worst->c = c;
}

Measurement NewMeasurement(const Measured& subject, std::string_view family) {
  Measurement m;
  m.subject = subject.name;
  m.kind = subject.kind;
  m.family = family;
  m.claim = ClaimText(subject.subject->info().Claim(ASSAY_SOFTMAX, ASSAY_F32));
  return m;
}

MeasureResult NewResult(std::span<const Measured> subjects) {
  MeasureResult result;
  for (const Measured& subject : subjects) result.gaps.push_back({subject.name, subject.kind, {}, {}});
  return result;
}

std::vector<const Family*> Chosen(const std::vector<std::string>& names) {
  std::vector<const Family*> families;
  for (const Family& family : Families()) {
    if (names.empty()) families.push_back(&family);
  }
  for (const std::string& name : names) {
    families.push_back(FindFamily(name));
    if (families.back() != nullptr) continue;
    std::vector<std::string> known;
    for (const Family& family : Families()) known.emplace_back(family.name);
    throw std::invalid_argument(fmt::format("unknown input family '{}'; there are: {}", name, fmt::join(known, ", ")));
  }
  return families;
}

}  // namespace

MeasureResult Measure(std::span<const Measured> subjects, const MeasureOptions& options) {
  const std::vector<const Family*> families = Chosen(options.families);
  std::uint64_t elements_per_round = 0;
  for (const std::size_t cols : kCols) elements_per_round += cols;
  const std::uint64_t rounds = (options.elements_per_family + elements_per_round - 1) / elements_per_round;
  const std::uint64_t total = rounds * elements_per_round * families.size();

  MeasureResult result = NewResult(subjects);
  // By family first, as each row is shared by all subjects; reordered by subject below.
  std::vector<std::vector<Measurement>> by_subject(subjects.size());
  std::uint64_t done = 0;
  for (const Family* family : families) {
    for (std::size_t s = 0; s < subjects.size(); ++s)
      by_subject[s].push_back(NewMeasurement(subjects[s], family->name));
    for (std::uint64_t index = 0; index < rounds * std::size(kCols); ++index) {
      const Case c = Sample(*family, options.seed, index);
      RowTruth truth(c, options.tier);
      for (std::size_t s = 0; s < subjects.size(); ++s) {
        MeasureRow(subjects[s], c, truth, by_subject[s].back(), result.gaps[s]);
      }
      done += c.cols;
      if (options.progress) options.progress(done, total);
    }
  }
  for (auto& measurements : by_subject) {
    for (Measurement& m : measurements) result.measurements.push_back(std::move(m));
  }
  return result;
}

MeasureResult MeasureCases(std::span<const Measured> subjects, std::span<const Case> cases, std::string_view family,
                           oracle::Tier tier) {
  MeasureResult result = NewResult(subjects);
  for (const Measured& subject : subjects) result.measurements.push_back(NewMeasurement(subject, family));
  for (const Case& c : cases) {
    if (c.rows != 1) throw std::invalid_argument("MeasureCases: a case must be one row");
    RowTruth truth(c, tier);
    for (std::size_t s = 0; s < subjects.size(); ++s) {
      MeasureRow(subjects[s], c, truth, result.measurements[s], result.gaps[s]);
    }
  }
  return result;
}

UlpStatistics Total(const MeasureResult& result, std::string_view subject) {
  UlpStatistics total;
  for (const Measurement& m : result.measurements) {
    if (m.subject == subject) total.Merge(m.statistics);
  }
  return total;
}

void WriteWorstCases(MeasureResult& result, const std::filesystem::path& dir) {
  std::filesystem::create_directories(dir);
  for (Measurement& m : result.measurements) {
    if (!m.worst) continue;
    const auto path = dir / (FileStem(m.subject) + "-" + FileStem(m.family) + ".json");
    subjects::WriteCase(path, m.worst->c);
    m.worst->case_file = path.string();
  }
}

std::string ReplayCommand(const Measurement& m) {
  if (!m.worst || m.worst->case_file.empty()) return "";
  return fmt::format("assay replay {} --subject {}", ShellWord(m.worst->case_file), ShellWord(m.subject));
}

std::string ClaimText(const assay_claim& claim) {
  switch (claim.kind) {
    case ASSAY_CLAIM_CORRECTLY_ROUNDED:
      return "correctly rounded";
    case ASSAY_CLAIM_BOUND:
      return fmt::format("at most {} ULP", Ulp(claim.max_ulp));
    default:
      return "none";
  }
}

oracle::EmptyRow EmptyRowOf(const subjects::SubjectInfo& info, const Case& c) {
  const assay_empty_row by_auto = c.mask.given ? info.empty_row_masked : info.empty_row_unmasked;
  const bool obeys = info.Can(ASSAY_SOFTMAX, ASSAY_FEATURE_EMPTY_ROW);
  const assay_empty_row chosen = c.empty_row == ASSAY_EMPTY_ROW_AUTO || !obeys ? by_auto : c.empty_row;
  return chosen == ASSAY_EMPTY_ROW_ZERO ? oracle::EmptyRow::kZero : oracle::EmptyRow::kNaN;
}

subjects::Case SoftmaxCase(std::span<const float> logits, std::span<const std::uint8_t> mask, double temperature) {
  Case c = subjects::MakeCase(ASSAY_SOFTMAX, ASSAY_F32, 1, logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    c.logits.values.SetBits(i, std::bit_cast<std::uint32_t>(logits[i]));
  }
  if (!mask.empty()) subjects::Give(c, subjects::Role::kMask);
  for (std::size_t i = 0; i < mask.size(); ++i) c.mask.values.SetBits(i, mask[i]);
  c.temperature = temperature;
  return c;
}

std::vector<float> Floats(const subjects::Array& values) {
  std::vector<float> floats(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    floats[i] = std::bit_cast<float>(static_cast<std::uint32_t>(values.Bits(i)));
  }
  return floats;
}

std::vector<oracle::Exact> ExactSoftmax(const Case& c, oracle::EmptyRow empty_row, oracle::Tier tier) {
  std::vector<double> logits(c.cols);
  std::vector<std::uint8_t> mask(c.mask.given ? c.cols : 0);
  for (std::size_t i = 0; i < c.cols; ++i) logits[i] = c.logits[i];
  for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = static_cast<std::uint8_t>(c.mask.values.Bits(i));
  oracle::Row row;
  row.logits = logits;
  row.mask = mask;
  row.temperature = c.temperature;
  row.empty_row = empty_row;
  return oracle::Softmax(row, tier);
}

}  // namespace assay::reports
