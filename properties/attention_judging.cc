// SPDX-License-Identifier: Apache-2.0

#include "properties/attention_judging.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace assay::properties {

double Distance(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
  const double difference = std::fabs(a - b);
  return std::isnan(difference) ? kInf : difference;
}

AttentionRun::AttentionRun(Case c, Context& context)
    : case_(std::move(c)), run_(RunDerived(case_, context)), info_(context.subject.info()) {}

bool AttentionRun::Has(Role output) const {
  const std::vector<Role> outputs = subjects::OutputsOf(case_);
  return std::find(outputs.begin(), outputs.end(), output) != outputs.end();
}

const Array& AttentionRun::Out(Role output) const {
  const std::vector<Role> outputs = subjects::OutputsOf(case_);
  const auto found = std::find(outputs.begin(), outputs.end(), output);
  if (found == outputs.end()) throw std::logic_error(std::string("not an output: ") + subjects::RoleName(output));
  return found == outputs.begin() ? run_.result.out
                                  : run_.result.more.at(static_cast<std::size_t>(found - outputs.begin()) - 1);
}

const AttentionModel& AttentionRun::model() const {
  if (!model_) model_ = std::make_unique<AttentionModel>(case_);
  return *model_;
}

const Bound& AttentionRun::BoundOf(Role output, std::size_t i) const {
  auto found = bounds_.find(output);
  if (found == bounds_.end()) {
    found = bounds_.emplace(output, AttentionBounds(case_, info_, model(), output)).first;
  }
  return found->second[i];
}

Approx AttentionRun::Known(Role output, std::size_t i) const {
  const Array& out = Out(output);
  return {static_cast<long double>(out[i]),
          static_cast<long double>(SlackAround(BoundOf(output, i), out.element(), out[i]))};
}

Judgement AgreeEverywhere(const AttentionRun& a, const std::string& how_a, const AttentionRun& b,
                          const std::string& how_b) {
  Judgement worst;
  for (const Role output : kAttentionOutputs) {
    if (!a.Has(output) || !b.Has(output)) continue;
    Entries entries(a.asked(), output);
    for (std::size_t i = 0; i < a.Out(output).size(); ++i) entries.Agree(a, i, how_a, b, i, how_b);
    KeepWorse(&worst, entries.Take());
  }
  return worst;
}

namespace {

// Whether an infinity of that sign may stand for a number so near, at the end of the type.
bool MayOverflow(double got, subjects::Element element, long double want, long double slack) {
  if (!std::isinf(got)) return false;
  const double largest = subjects::FormatOf(element).max_finite;
  const auto end = static_cast<long double>(largest) + static_cast<long double>(subjects::UlpOf(element, largest)) / 2;
  return (got > 0 ? want : -want) + slack >= end;
}

// The slack around a number that may lie beyond the type.
double SlackNear(const Bound& bound, subjects::Element element, long double want) {
  const auto largest = static_cast<long double>(subjects::FormatOf(element).max_finite);
  return SlackAround(bound, element, static_cast<double>(std::clamp(want, -largest, largest)));
}

}  // namespace

void Entries::SameBits(const Array& a, std::size_t i, const std::string& how_a, const Array& b, std::size_t j,
                       const std::string& how_b) {
  if (subjects::SameNumber(a, i, b, j)) return;
  // No bound but equality: severity counts whole ULPs, so that the worst witness is the largest difference.
  const double severity = 1 + Distance(a[i], b[j]) / subjects::UlpOf(b.element(), b[j]);
  if (Violated() && !(severity > worst_.severity)) return;
  worst_ = properties::Violated(fmt::format("{} is {} {}, but {} {}", PlaceText(case_, output_, i),
                                            subjects::Show(a, i), how_a, subjects::Show(b, j), how_b),
                                severity);
  const std::size_t cols = subjects::DimsOf(case_, output_)[3];
  worst_.witness =
      Witness{i / cols, i % cols, std::numeric_limits<double>::quiet_NaN(), a[i], b[j], severity - 1, 0, output_};
}

void Entries::Agree(const AttentionRun& a, std::size_t i, const std::string& how_a, const AttentionRun& b,
                    std::size_t j, const std::string& how_b, double extra) {
  const Array& out_a = a.Out(output_);
  const Array& out_b = b.Out(output_);
  const double err = Distance(out_a[i], out_b[j]);
  if (err == 0) return;
  const Bound& bound_a = a.BoundOf(output_, i);
  const Bound& bound_b = b.BoundOf(output_, j);
  if (std::isinf(bound_a.absolute) || std::isinf(bound_b.absolute)) return;
  // Where one is infinite, the other tells how large both may be.
  const double finite = std::isfinite(out_a[i]) ? out_a[i] : out_b[j];
  const double other = std::isfinite(out_a[i]) ? out_b[j] : out_a[i];
  const bool odd = !std::isfinite(other);
  const double slack = SlackAround(bound_a, out_a.element(), odd ? finite : out_a[i]) +
                       SlackAround(bound_b, out_b.element(), odd ? finite : out_b[j]) + extra;
  if (MayOverflow(other, out_a.element(), finite, slack)) return;
  const double severity = std::isfinite(err) ? err / slack : kInf;
  if (severity > 1) {
    if (Violated() && !(severity > worst_.severity)) return;
    const std::size_t cols = subjects::DimsOf(case_, output_)[3];
    const double ulp = subjects::UlpOf(out_b.element(), out_b[j]);
    worst_ = properties::Violated(fmt::format("{} is {} {}, but {} {}: {:.3g} apart, where their bounds allow {:.3g}",
                                              PlaceText(case_, output_, i), subjects::Show(out_a, i), how_a,
                                              subjects::Show(out_b, j), how_b, err, slack),
                                  severity,
                                  Witness{i / cols, i % cols, std::numeric_limits<double>::quiet_NaN(), out_a[i],
                                          out_b[j], err / ulp, slack / ulp, output_});
  } else if (!Violated()) {
    worst_.severity = std::max(worst_.severity, severity);
  }
}

void Entries::Near(const AttentionRun& a, std::size_t i, const Approx& want, const std::string& what) {
  const Array& out = a.Out(output_);
  const Bound& bound = a.BoundOf(output_, i);
  if (std::isinf(bound.absolute) || std::isinf(want.error)) return;
  const bool infinite = std::isinf(out[i]);
  const auto slack = infinite ? SlackNear(bound, out.element(), want.value) : SlackAround(bound, out.element(), out[i]);
  if (MayOverflow(out[i], out.element(), want.value, static_cast<long double>(slack) + want.error)) return;
  const long double err = std::fabs(static_cast<long double>(out[i]) - want.value);
  if (err == 0) return;
  const double severity =
      std::isfinite(out[i]) ? static_cast<double>(err / (static_cast<long double>(slack) + want.error)) : kInf;
  if (severity > 1) {
    if (Violated() && !(severity > worst_.severity)) return;
    const auto value = static_cast<double>(want.value);
    worst_ = ViolatedAt(case_, output_, out, i, what, value, severity);
    worst_.witness->bound_ulp = slack / subjects::UlpOf(out.element(), value);
  } else if (!Violated()) {
    worst_.severity = std::max(worst_.severity, severity);
  }
}

void Entries::Is(const Array& a, std::size_t i, double want, const std::string& what) {
  const bool same = std::isnan(want) ? std::isnan(a[i]) : a[i] == want && (want != 0 || !std::signbit(a[i]));
  if (same || (Violated() && std::isinf(worst_.severity))) return;
  worst_ = ViolatedAt(case_, output_, a, i, what, want, kInf);
}

}  // namespace assay::properties
