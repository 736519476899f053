// SPDX-License-Identifier: Apache-2.0

#include "properties/judging.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace assay::properties {
namespace {

// The number the caller put where the output's entry stands: NaN where the shapes differ.
double InputAt(const Case& c, std::size_t i) {
  if (subjects::IsAttention(c.op)) return std::numeric_limits<double>::quiet_NaN();
  const subjects::Operand& input = subjects::IsBackwardOfActivation(c.op) ? c.saved : c.logits;
  const bool same_shape = subjects::ShapeOf(c, Role::kOut).cols == c.cols && i < input.values.size();
  return input.given && same_shape ? input[i] : std::numeric_limits<double>::quiet_NaN();
}

struct Place {
  std::size_t row;
  std::size_t col;
};

Place PlaceOf(const Case& c, Role output, std::size_t i) {
  const std::size_t cols = std::max<std::size_t>(1, subjects::ShapeOf(c, output).cols);
  return {i / cols, i % cols};
}

// The first of the outputs; kOut where none is asked for.
Role FirstOutput(const Case& c) {
  if (!subjects::IsAttention(c.op)) return Role::kOut;
  const std::vector<Role> roles = subjects::OutputsOf(c);
  return roles.empty() ? Role::kOut : roles.front();
}

double Difference(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
  const double difference = std::fabs(a - b);
  return std::isnan(difference) ? kInf : difference;
}

Judgement Differ(const Case& c, Role output, const Array& a, const std::string& how_a, const Array& b,
                 const std::string& how_b, std::size_t i, double severity, double bound_ulp) {
  const auto [row, col] = PlaceOf(c, output, i);
  const double err = Difference(a[i], b[i]) / subjects::UlpOf(b.element(), b[i]);
  return Violated(fmt::format("{} is {} {}, but {} {}", PlaceText(c, output, i), subjects::Show(a, i), how_a,
                              subjects::Show(b, i), how_b),
                  severity, Witness{row, col, InputAt(c, i), a[i], b[i], err, bound_ulp, output});
}

}  // namespace

Run RunCase(const Case& c, Context& context, const subjects::RunOptions& options) {
  Run run{context.subject.Run(c, options), std::nullopt};
  const subjects::RunResult& result = run.result;
  if (result.outcome != subjects::Outcome::kReturned) {
    run.failed = Violated(result.detail, kInf);
  } else if (result.status == ASSAY_UNSUPPORTED) {
    run.failed = NotApplicable("the subject answered ASSAY_UNSUPPORTED");
  } else if (result.status != ASSAY_OK) {
    run.failed = Violated(fmt::format("a valid call was refused with {}", assay_status_name(result.status)), kInf);
  }
  return run;
}

Run RunDerived(const Case& c, Context& context, const subjects::RunOptions& options) {
  const std::string unsupported = subjects::WhyUnsupported(context.subject.info(), c);
  if (!unsupported.empty()) return {{}, NotApplicable(unsupported)};
  return RunCase(c, context, options);
}

Judgement Violated(std::string reason, double severity, std::optional<Witness> witness) {
  return {Verdict::kViolated, std::move(reason), severity, witness};
}

Judgement NotApplicable(std::string reason) { return {Verdict::kNotApplicable, std::move(reason), 0, std::nullopt}; }

std::string PlaceText(const Case& c, Role output, std::size_t i) {
  if (!subjects::IsAttention(c.op)) {
    const auto [row, col] = PlaceOf(c, output, i);
    return fmt::format("entry [{}, {}]", row, col);
  }
  const subjects::Dims dims = subjects::DimsOf(c, output);
  std::size_t at[4];
  for (std::size_t d = 4; d-- > 0;) {
    const std::size_t size = std::max<std::size_t>(1, dims[d]);
    at[d] = i % size;
    i /= size;
  }
  const std::string place = fmt::format("{} [{}, {}, {}", subjects::RoleName(output), at[0], at[1], at[2]);
  return output == Role::kLse ? place + "]" : fmt::format("{}, {}]", place, at[3]);
}

Judgement ViolatedAt(const Case& c, const Array& out, std::size_t i, const std::string& what, double want,
                     double severity) {
  return ViolatedAt(c, FirstOutput(c), out, i, what, want, severity);
}

Judgement ViolatedAt(const Case& c, Role output, const Array& values, std::size_t i, const std::string& what,
                     double want, double severity) {
  const auto [row, col] = PlaceOf(c, output, i);
  const double err = Difference(values[i], want) / subjects::UlpOf(values.element(), want);
  return Violated(fmt::format("{} is {}, but {}", PlaceText(c, output, i), subjects::Show(values, i), what), severity,
                  Witness{row, col, InputAt(c, i), values[i], want, err, 0, output});
}

double ScoreAt(const Case& c, std::size_t row, std::size_t col) {
  const std::size_t i = row * c.cols + col;
  const double x = c.logits[i];
  if (c.temperature == 0) return x;
  const double scaled = std::isinf(c.temperature) && std::isfinite(x) ? 0 : x / c.temperature;
  return c.bias.given ? scaled + c.bias[i] : scaled;
}

RowShape ShapeOfRow(const Case& c, std::size_t row) {
  RowShape shape;
  for (std::size_t j = 0; j < c.cols; ++j) {
    if (!c.Visible(row, j)) continue;
    ++shape.visible;
    if (!subjects::HasLogits(c.op)) continue;
    const std::size_t i = row * c.cols + j;
    const auto special = [](double x) { return std::isnan(x) || x == kInf; };
    shape.special |= special(c.logits[i]) || (c.bias.given && special(c.bias[i]));
    shape.max = std::max(shape.max, ScoreAt(c, row, j));  // a NaN never wins
  }
  return shape;
}

Judgement SameBitsOrViolated(const Case& c, const Array& a, const std::string& how_a, const Array& b,
                             const std::string& how_b) {
  return SameBitsOrViolated(c, FirstOutput(c), a, how_a, b, how_b);
}

Judgement SameResultsOrViolated(const Case& c, const subjects::RunResult& a, const std::string& how_a,
                                const subjects::RunResult& b, const std::string& how_b) {
  const std::vector<Role> roles = subjects::OutputsOf(c);
  for (std::size_t k = 0; k < roles.size(); ++k) {
    Judgement judgement = SameBitsOrViolated(c, roles[k], k == 0 ? a.out : a.more.at(k - 1), how_a,
                                             k == 0 ? b.out : b.more.at(k - 1), how_b);
    if (judgement.verdict == Verdict::kViolated) return judgement;
  }
  return {};
}

Judgement SameBitsOrViolated(const Case& c, Role output, const Array& a, const std::string& how_a, const Array& b,
                             const std::string& how_b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (subjects::SameNumber(a, i, b, i)) continue;
    // No bound but equality: severity counts whole ULPs, so that the worst witness is the largest difference.
    const double err = Difference(a[i], b[i]) / subjects::UlpOf(b.element(), b[i]);
    return Differ(c, output, a, how_a, b, how_b, i, 1 + err, 0);
  }
  return {};
}

Judgement AgreeOrViolated(const Case& c, const subjects::SubjectInfo& info, const Array& a, const std::string& how_a,
                          const Array& b, const std::string& how_b) {
  if (ClaimsNearest(info, c)) return SameBitsOrViolated(c, a, how_a, b, how_b);
  const std::vector<Bound> bounds = BoundsOf(c, info);
  return AgreeWithin(c, a, bounds, how_a, b, bounds, how_b);
}

Judgement AgreeWithin(const Case& c, const Array& a, const std::vector<Bound>& bounds_a, const std::string& how_a,
                      const Array& b, const std::vector<Bound>& bounds_b, const std::string& how_b) {
  Judgement worst;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isinf(bounds_a[i].absolute) || std::isinf(bounds_b[i].absolute)) continue;  // nothing is promised
    const double err = Difference(a[i], b[i]);
    if (err == 0) continue;
    const double slack = SlackAround(bounds_a[i], a.element(), a[i]) + SlackAround(bounds_b[i], b.element(), b[i]);
    const double severity = std::isfinite(a[i]) && std::isfinite(b[i]) ? err / slack : kInf;
    if (severity > 1 && severity > worst.severity) {
      worst = Differ(c, FirstOutput(c), a, how_a, b, how_b, i, severity, slack / subjects::UlpOf(b.element(), b[i]));
    } else if (worst.verdict == Verdict::kHolds) {
      worst.severity = std::max(worst.severity, severity);
    }
  }
  return worst;
}

void KeepWorse(Judgement* worst, Judgement judgement) {
  const auto rank = [](const Judgement& j) {
    switch (j.verdict) {
      case Verdict::kViolated:
        return 3;
      case Verdict::kUndecided:
        return 2;
      case Verdict::kNotApplicable:
        return 1;
      case Verdict::kHolds:
        break;
    }
    return 0;
  };
  const int difference = rank(judgement) - rank(*worst);
  if (difference > 0 || (difference == 0 && judgement.severity > worst->severity)) *worst = std::move(judgement);
}

}  // namespace assay::properties
