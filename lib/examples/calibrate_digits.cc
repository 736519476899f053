// SPDX-License-Identifier: Apache-2.0
//
// How far the probabilities of a digit classifier are from being confidences, and what one number mends of it: the
// temperature is fitted on the first half of the file that digits.py wrote and judged on the second.
//
//   calibrate_digits data/digits.txt
//
// Exit code 1 where a claim fails that it prints: a loss that is least at T, and less than before on rows it has not
// seen.
#include <algorithm>
#include <assay/calibration.hpp>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace {

constexpr std::size_t kClasses = 10;

struct Digits {
  std::vector<float> logits;
  std::vector<std::int64_t> labels;

  bool Read(const char* file) {
    std::ifstream in(file);
    std::string comment;
    std::getline(in, comment);
    for (std::int64_t label; in >> label;) {
      labels.push_back(label);
      for (std::size_t j = 0; j < kClasses; ++j) in >> logits.emplace_back();
    }
    return in.eof() && labels.size() >= 2;
  }

  std::size_t Right() const {
    std::size_t right = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const auto row = logits.begin() + static_cast<std::ptrdiff_t>(i * kClasses);
      right += std::max_element(row, row + kClasses) - row == labels[i] ? 1 : 0;
    }
    return right;
  }

  // What the fit says of some rows; "before" is at this temperature.
  assay::TemperatureFit Fit(std::size_t first, std::size_t rows, double temperature) const {
    assay::TemperatureFit fit;
    const assay::MatrixView<const float> some(&logits[first * kClasses], rows, kClasses);
    const assay::Status status =
        assay::FitTemperature(some, std::span(labels).subspan(first, rows), fit, {.temperature = temperature});
    if (status != assay::Status::kOk) std::fprintf(stderr, "%s\n", assay::StatusName(status));
    return fit;
  }
};

}  // namespace

int main(int argc, char** argv) {
  Digits digits;
  if (argc != 2 || !digits.Read(argv[1])) {
    std::fprintf(stderr, "usage: calibrate_digits FILE, as digits.py writes it\n");
    return 2;
  }
  const std::size_t half = digits.labels.size() / 2;
  const assay::TemperatureFit fit = digits.Fit(0, half, 1.0);
  const double before = digits.Fit(half, half, 1.0).nll_before;
  const double ece_before = digits.Fit(half, half, 1.0).ece_before;
  const double after = digits.Fit(half, half, fit.temperature).nll_before;
  const double ece_after = digits.Fit(half, half, fit.temperature).ece_before;
  std::printf("right on %zu of %zu rows\n", digits.Right(), digits.labels.size());
  std::printf("T = %.6f, fitted on %zu rows: NLL %.6f -> %.6f, ECE %.6f -> %.6f\n", fit.temperature, fit.rows,
              fit.nll_before, fit.nll_after, fit.ece_before, fit.ece_after);
  std::printf("on %zu other rows: NLL %.6f -> %.6f, ECE %.6f -> %.6f\n", half, before, after, ece_before, ece_after);

  const bool least = fit.outcome == assay::FitOutcome::kMinimum &&
                     digits.Fit(0, half, 0.99 * fit.temperature).nll_before > fit.nll_after &&
                     digits.Fit(0, half, 1.01 * fit.temperature).nll_before > fit.nll_after;
  return least && fit.nll_after < fit.nll_before && after < before && ece_after < ece_before ? 0 : 1;
}
