// SPDX-License-Identifier: Apache-2.0
//
// See special_values.h. A row is right when every entry is: exactly where NaN, 0 or 1 is asked for, to within
// kRoughlyRightUlp elsewhere.

#include "reports/special_values.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "reports/text.h"

namespace assay::reports {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();
// Generous on purpose: accuracy has tables of its own, this one is about conventions.
constexpr double kRoughlyRightUlp = 100;

struct Row {
  const char* name;
  std::vector<float> logits;
  std::vector<std::uint8_t> mask;
  double temperature;
};

const std::vector<Row>& Rows() {
  static const std::vector<Row> rows = {
      {"a NaN", {1, kNaN, 2}, {}, 1},
      {"+inf", {1, kInf, 2}, {}, 1},
      {"−inf beside numbers", {1, -kInf, 2}, {}, 1},
      {"only −inf", {-kInf, -kInf}, {}, 1},
      {"one entry", {-3.5f}, {}, 1},
      {"one entry that is −inf", {-kInf}, {}, 1},
      {"largest floats", {3.4028235e38f, -3.4028235e38f}, {}, 1},
      {"−0 and +0", {-0.0f, 0.0f}, {}, 1},
      {"NaN behind the mask", {1, kNaN, 2}, {1, 0, 1}, 1},
      {"everything masked", {1, 2, 3}, {0, 0, 0}, 1},
      {"one entry visible", {1, 2, 3}, {0, 1, 0}, 1},
      {"T = 0", {1, 3, 3}, {}, 0},
      {"T = +inf", {1, -kInf, 3}, {}, std::numeric_limits<double>::infinity()},
      {"T the smallest subnormal", {1, 3, 2}, {}, std::numeric_limits<double>::denorm_min()},
      {"results beyond the smallest float", {0, -87, -103, -104, -200}, {}, 1},
  };
  return rows;
}

template <class Values>
std::string List(const Values& values) {
  std::string text = "[";
  for (std::size_t i = 0; i < values.size(); ++i) text += (i == 0 ? "" : ", ") + Decimal(static_cast<float>(values[i]));
  return text + "]";
}

std::string InputText(const Row& row) {
  std::string text = List(row.logits);
  if (!row.mask.empty()) text += fmt::format(", mask [{}]", fmt::join(row.mask, ", "));
  return text;
}

bool IsRight(double got, const oracle::Exact& exact) {
  const bool is_plain = exact.nearest > 0 && exact.nearest < 1;
  return is_plain ? oracle::ErrUlp(got, exact) <= kRoughlyRightUlp
                  : oracle::IsNearest(got, exact) || (std::isnan(got) && std::isnan(exact.nearest));
}

SpecialValue MeasureOne(const Measured& subject, const Row& row, oracle::Tier tier) {
  SpecialValue value;
  value.subject = subject.name;
  value.name = row.name;
  value.input = InputText(row);
  subjects::Case c = SoftmaxCase(row.logits, row.mask, row.temperature);
  c.origin = fmt::format("special value: {}", row.name);
  const auto exact = ExactSoftmax(c, EmptyRowOf(subject.subject->info(), c), tier);
  std::vector<float> want;
  for (const oracle::Exact& e : exact) want.push_back(static_cast<float>(e.nearest));
  value.want = List(want);
  const std::string why = subjects::WhyUnsupported(subject.subject->info(), c);
  if (!why.empty()) {
    value.got = why;
    value.verdict = "skipped";
    return value;
  }
  const subjects::RunResult run = subject.subject->Run(c);
  value.verdict = "wrong";
  if (run.outcome != subjects::Outcome::kReturned) {
    value.got = run.detail;
  } else if (run.status == ASSAY_UNSUPPORTED) {
    value.got = assay_status_name(run.status);
    value.verdict = "skipped";
  } else if (run.status != ASSAY_OK) {
    value.got = assay_status_name(run.status);
  } else {
    value.got = List(run.out);
    bool right = run.out.size() == exact.size();
    for (std::size_t i = 0; right && i < exact.size(); ++i) right = IsRight(run.out[i], exact[i]);
    if (right) value.verdict = "right";
  }
  return value;
}

}  // namespace

std::vector<SpecialValue> MeasureSpecialValues(std::span<const Measured> subjects, oracle::Tier tier) {
  std::vector<SpecialValue> values;
  for (const Measured& subject : subjects) {
    for (const Row& row : Rows()) values.push_back(MeasureOne(subject, row, tier));
  }
  return values;
}

}  // namespace assay::reports
