// SPDX-License-Identifier: Apache-2.0

#include "properties/judging.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "subjects/float_text.h"

namespace assay::properties {

using subjects::Case;

Run RunCase(const Case& c, Context& context, const subjects::RunOptions& options) {
  Run run{context.subject.Run(c, options), std::nullopt};
  const subjects::RunResult& result = run.result;
  if (result.outcome != subjects::Outcome::kReturned) {
    run.failed = Violated(result.detail, std::numeric_limits<double>::infinity());
  } else if (result.status == ASSAY_UNSUPPORTED) {
    run.failed = NotApplicable("the subject answered ASSAY_UNSUPPORTED");
  } else if (result.status != ASSAY_OK) {
    run.failed = Violated(fmt::format("a valid call was refused with {}", assay_status_name(result.status)),
                          std::numeric_limits<double>::infinity());
  }
  return run;
}

Judgement Violated(std::string reason, double severity, std::optional<Witness> witness) {
  return {Verdict::kViolated, std::move(reason), severity, witness};
}

Judgement NotApplicable(std::string reason) { return {Verdict::kNotApplicable, std::move(reason), 0, std::nullopt}; }

double BoundUlp(const subjects::SubjectInfo& info, std::size_t n, double distance, double temperature) {
  switch (info.softmax_f32.kind) {
    case ASSAY_CLAIM_CORRECTLY_ROUNDED:
      return 0.5;
    case ASSAY_CLAIM_MAX_ULP:
      return info.softmax_f32.max_ulp;
    default: {
      if (distance > 150) return 1;  // e^-150 < 2^-216: nothing of a relative error is left
      const double factor = static_cast<double>(n) + 6 + (temperature == 1 ? 2 : 5) * distance;
      // 2^-24 e^-d in units of 2^-149; 1 + 2^-40 covers std::exp.
      return factor * std::min(1.0, std::exp(-distance) * 0x1p125 * (1 + 0x1p-40)) + 1;
    }
  }
}

RowShape ShapeOf(const Case& c, std::size_t row) {
  RowShape shape{0, -std::numeric_limits<double>::infinity()};
  for (std::size_t j = 0; j < c.cols; ++j) {
    if (!c.Visible(row, j)) continue;
    ++shape.visible;
    shape.max = std::max<double>(shape.max, c.logits[row * c.cols + j]);
  }
  return shape;
}

double Distance(const Case& c, const RowShape& shape, std::size_t i) {
  if (!c.Visible(i / c.cols, i % c.cols)) return 0;
  const double gap = shape.max - static_cast<double>(c.logits[i]);
  return gap == 0 ? 0 : gap / c.temperature;
}

oracle::Row OracleRow(const Case& c, std::size_t row, oracle::EmptyRow empty_row) {
  const std::span<const float> logits(c.logits);
  const std::span<const std::uint8_t> mask(c.mask);
  return {logits.subspan(row * c.cols, c.cols),
          c.has_mask ? mask.subspan(row * c.cols, c.cols) : std::span<const std::uint8_t>(), c.temperature, empty_row};
}

bool ClaimsNearest(const subjects::SubjectInfo& info) { return info.softmax_f32.kind == ASSAY_CLAIM_CORRECTLY_ROUNDED; }

double UlpOf(double x) {
  if (!(std::fabs(x) >= 0x1p-126)) return 0x1p-149;
  return std::ldexp(1.0, std::ilogb(x) - 23);
}

bool SameFloat(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) || std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

std::string Show(float x) {
  return std::isfinite(x) ? fmt::format("{} ({:.9g})", subjects::FloatText(x), x) : subjects::FloatText(x);
}

Judgement SameBitsOrViolated(const Case& c, const std::vector<float>& a, const std::string& how_a,
                             const std::vector<float>& b, const std::string& how_b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (SameFloat(a[i], b[i])) continue;
    const std::size_t row = i / c.cols;
    const std::size_t col = i % c.cols;
    const double err = std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])) / UlpOf(b[i]);
    // No bound but equality: severity counts whole ULPs, so that the worst witness is the largest difference.
    return Violated(fmt::format("entry [{}, {}] is {} {}, but {} {}", row, col, Show(a[i]), how_a, Show(b[i]), how_b),
                    std::isnan(err) ? std::numeric_limits<double>::infinity() : 1 + err,
                    Witness{row, col, c.logits[i], a[i], static_cast<double>(b[i]), err, 0});
  }
  return {};
}

Judgement AgreeOrViolated(const Case& c, const subjects::SubjectInfo& info, const std::vector<float>& a,
                          const std::string& how_a, const std::vector<float>& b, const std::string& how_b) {
  if (ClaimsNearest(info)) return SameBitsOrViolated(c, a, how_a, b, how_b);
  Judgement worst;
  RowShape shape;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const std::size_t row = i / c.cols;
    const std::size_t col = i % c.cols;
    if (col == 0) shape = ShapeOf(c, row);
    if (SameFloat(a[i], b[i])) continue;
    const double bound = 2 * BoundUlp(info, shape.visible, Distance(c, shape, i), c.temperature);
    const double err = std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])) /
                       UlpOf(std::max(std::fabs(a[i]), std::fabs(b[i])));
    const double severity = std::isnan(err) ? std::numeric_limits<double>::infinity() : err / bound;
    if (severity > 1 && severity > worst.severity) {
      worst =
          Violated(fmt::format("entry [{}, {}] is {} {}, but {} {}", row, col, Show(a[i]), how_a, Show(b[i]), how_b),
                   severity, Witness{row, col, c.logits[i], a[i], static_cast<double>(b[i]), err, bound});
    }
  }
  return worst;
}

}  // namespace assay::properties
