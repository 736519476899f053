// SPDX-License-Identifier: Apache-2.0
//
// See user_logits.h.

#include "reports/user_logits.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "reports/text.h"

namespace assay::reports {
namespace {

std::vector<UserEntry> Preview(const Measured& subject, const subjects::Case& c, oracle::Tier tier) {
  if (!subjects::WhyUnsupported(subject.subject->info(), c).empty()) return {};
  const subjects::RunResult run = subject.subject->Run(c);
  if (run.outcome != subjects::Outcome::kReturned || run.status != ASSAY_OK || run.out.size() != c.cols) return {};
  std::vector<oracle::Exact> exact;
  try {
    exact = ExactSoftmax(c, EmptyRowOf(subject.subject->info(), c), tier);
  } catch (const oracle::Undecided&) {
    return {};
  }
  std::vector<std::size_t> order(c.cols);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::size_t shown = std::min(UserLogits::kPreview, c.cols);
  // NaN compares with nothing: it goes behind everything, which keeps the order strict and weak.
  const auto key = [&](std::size_t i) { return exact[i].nearest >= 0 ? exact[i].nearest : -1.0; };
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown), order.end(),
                    [&](std::size_t a, std::size_t b) { return key(a) != key(b) ? key(a) > key(b) : a < b; });
  std::vector<UserEntry> preview;
  for (std::size_t k = 0; k < shown; ++k) {
    const std::size_t i = order[k];
    preview.push_back({0, i, static_cast<float>(c.logits[i]), static_cast<float>(run.out[i]), exact[i],
                       oracle::ErrUlp(run.out[i], exact[i])});
  }
  return preview;
}

}  // namespace

UserLogits MeasureUserLogits(std::span<const Measured> subjects, const NpyArray& array, std::string file,
                             oracle::Tier tier, double temperature) {
  if (!(temperature >= 0)) {
    throw std::invalid_argument(fmt::format("{}: temperature {} is not in [0, inf]", file, temperature));
  }
  UserLogits user;
  user.file = std::move(file);
  user.dtype = array.dtype;
  user.rows = array.rows;
  user.cols = array.cols;
  user.temperature = temperature;
  user.rounded_from_f64 = array.rounded_from_f64;
  std::vector<subjects::Case> cases(array.rows);
  for (std::size_t row = 0; row < array.rows; ++row) {
    subjects::Case& c = cases[row];
    c = SoftmaxCase(std::span(array.values).subspan(row * array.cols, array.cols), {}, temperature);
    c.property = "accuracy";
    c.origin = fmt::format("{}, row {}", user.file, row);
  }
  user.measured = MeasureCases(subjects, cases, "your logits", tier);
  if (!subjects.empty() && !cases.empty()) user.preview = Preview(subjects[0], cases[0], tier);
  return user;
}

std::string RoundingNote(const UserLogits& user) {
  if (user.rounded_from_f64 == 0) return "";
  return fmt::format(" Values that are not f32 numbers and were rounded to the nearest one: {}.",
                     Count(user.rounded_from_f64));
}

}  // namespace assay::reports
