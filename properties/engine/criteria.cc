// SPDX-License-Identifier: Apache-2.0

#include "properties/engine/criteria.h"

#include <cmath>
#include <vector>

#include "oracle/oracle.h"
#include "properties/truth.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Case;
using subjects::Operand;

bool AllClose(std::span<const double> got, std::span<const double> want, double rtol, double atol) {
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (got[i] == want[i]) continue;  // infinities
    if (!(std::fabs(got[i] - want[i]) <= atol + rtol * std::fabs(want[i]))) return false;
  }
  return true;
}

bool MeanSquare(std::span<const double> got, std::span<const double> want) {
  double error = 0;
  double size = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (got[i] == want[i]) continue;
    error += (got[i] - want[i]) * (got[i] - want[i]);
  }
  for (const double w : want) size += std::isfinite(w) ? w * w : 0;
  return error <= 1e-6 * size;
}

void FillNormal(Operand& operand, subjects::Random& random) {
  for (std::size_t i = 0; i < operand.values.size(); ++i) operand.values.Set(i, random.Normal());
}

// The forward result of N(0, 1) logits, rounded to the case's dtype.
void FillSaved(Case& c, subjects::Random& random) {
  std::vector<double> logits(c.cols);
  for (std::size_t r = 0; r < c.rows; ++r) {
    for (double& x : logits) x = subjects::RoundTo(subjects::ElementOf(c.dtype), random.Normal());
    oracle::Row row;
    row.logits = logits;
    row.format = FormatOf(c.dtype);
    const auto exact = c.op == ASSAY_SOFTMAX_BACKWARD       ? oracle::Softmax(row, oracle::Tier::kBulk)
                       : c.op == ASSAY_LOG_SOFTMAX_BACKWARD ? oracle::LogSoftmax(row, oracle::Tier::kBulk)
                                                            : oracle::Sparsemax(row, oracle::Tier::kBulk);
    for (std::size_t j = 0; j < c.cols; ++j) c.saved.values.Set(r * c.cols + j, exact[j].nearest);
  }
}

}  // namespace

const std::array<Criterion, kCriteria>& Criteria() {
  using Values = std::span<const double>;
  static constexpr std::array<Criterion, kCriteria> kAll = {{
      {"rtol 1e-3, atol 1e-7", [](Values got, Values want) { return AllClose(got, want, 1e-3, 1e-7); }},
      {"rtol 1.3e-6, atol 1e-5", [](Values got, Values want) { return AllClose(got, want, 1.3e-6, 1e-5); }},
      {"rtol 1e-2, atol 1e-2", [](Values got, Values want) { return AllClose(got, want, 1e-2, 1e-2); }},
      {"NMSE 1e-6", MeanSquare},
  }};
  return kAll;
}

Case BenignCase(assay_op op, assay_dtype dtype, std::size_t rows, std::size_t cols, std::uint64_t seed) {
  Case c = subjects::MakeCase(op, dtype, rows, cols);
  subjects::Random random(subjects::Mix(seed) + static_cast<std::uint64_t>(op), cols);
  if (subjects::IsBackwardOfActivation(op)) {
    FillSaved(c, random);
    FillNormal(c.upstream, random);
  } else {
    FillNormal(c.logits, random);
  }
  for (std::size_t r = 0; r < c.labels.values.size(); ++r) c.labels.values.SetBits(r, random.Below(cols));
  c.origin = "benign";
  return c;
}

Acceptance AcceptanceOf(subjects::Subject& subject, assay_op op, assay_dtype dtype, std::uint64_t seed) {
  Acceptance from;
  for (const std::size_t cols : kBenignCols) {
    const Case c = BenignCase(op, dtype, cols > 4096 ? 2 : 8, cols, seed);
    const subjects::RunResult run = subject.Run(c);
    const auto exact = ExactOf(c, subject.info(), oracle::Tier::kBulk);
    std::vector<double> want;
    std::vector<double> got;
    for (std::size_t i = 0; i < exact.size(); ++i) {
      want.push_back(exact[i].nearest);
      got.push_back(i < run.out.size() ? run.out[i] : std::nan(""));
    }
    const bool ran = run.outcome == subjects::Outcome::kReturned && run.status == ASSAY_OK;
    for (std::size_t k = 0; k < kCriteria; ++k) {
      if (!ran || !Criteria()[k].accepts(got, want)) {
        from[k].reset();
      } else if (!from[k]) {
        from[k] = cols;
      }
    }
  }
  return from;
}

}  // namespace assay::properties
