// SPDX-License-Identifier: Apache-2.0
//
// How results follow the logits: by the exponential alone. No oracle: exponentials of differences in long double, whose
// error (approx.h) counts.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "properties/fit.h"
#include "properties/row_checks.h"
#include "properties/scores.h"
#include "subjects/random.h"

namespace assay::properties {

// p_i / p_max = exp(z_i - z_max): true of every result before normalisation too, so a wrong exponential shows whatever
// the sum is, and a wrong sum alone does not. Slack: that of p_i, and that of p_max times the exponential.
Judgement CheckRatio(const Case& c, Context& context) {
  const KnownRun run = RunKnown(c, context);
  if (run.failed) return *run.failed;
  const Outputs& p = *run.outputs;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows; ++r) {
    std::size_t max = kPadding;
    for (std::size_t j = 0; j < c.cols; ++j) {
      const std::size_t i = r * c.cols + j;
      if (c.Visible(r, j) && (max == kPadding || ScoreOf(c, i).value > ScoreOf(c, max).value)) max = i;
    }
    for (std::size_t j = 0; j < c.cols; ++j) {
      const std::size_t i = r * c.cols + j;
      if (!c.Visible(r, j) || i == max) continue;
      const Approx difference = ScoreDifference(c, i, max);
      const Approx want = p[max] * Exp(difference);
      Expect(&worst, c, p.array(), i, ZeroSeverity(p[i] - want), want, [&] {
        return fmt::format("its score is {:.9g} below that of entry {}, which gets {}: that makes {:.9g}",
                           -static_cast<double>(difference.value), max % c.cols, Show(p.array(), max),
                           static_cast<double>(want.value));
      });
    }
  }
  return worst;
}

namespace {

// The logits moved, each finite one by a few ulps or by up to a step drawn from the key, and rounded.
Case Nudged(const Case& c) {
  subjects::Random random(c.law_key, 11);
  constexpr double kSteps[] = {0, 0x1p-12, 0x1p-4, 1, 8};  // 0: ulps
  const double step = kSteps[random.Below(std::size(kSteps))];
  Case nudged = c;
  Array& logits = nudged.logits.values;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double x = logits[i];
    const bool skip = random.Below(4) == 0;
    const double ulps = static_cast<double>(random.Below(7)) - 3;
    const double moved = x + (step == 0 ? ulps * subjects::UlpOf(logits.element(), x) : step * random.Uniform(-1, 1));
    if (!skip && std::isfinite(x) && std::isfinite(subjects::RoundTo(logits.element(), moved))) logits.Set(i, moved);
  }
  return Settled(std::move(nudged));
}

}  // namespace

// With d_i = (x'_i - x_i) / T of the visible entries, p'_i / p_i = exp(d_i) / sum p exp(d) lies between
// exp(d_i - max d) and exp(d_i - min d), within [e^(-2 eps), e^(2 eps)]; log_softmax likewise without exp; lse moves
// by min d to max d, and sigmoid by a factor between 1 and exp(d_i). Slack: those of both results.
Judgement CheckSensitivity(const Case& c, Context& context) {
  const Case nudged = Nudged(c);
  const KnownRun run = RunKnown(c, context);
  if (run.failed) return *run.failed;
  const KnownRun moved = RunKnownDerived(nudged, context);
  if (moved.failed) return *moved.failed;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows && c.cols > 0; ++r) {
    std::vector<Approx> d(c.cols);
    std::optional<Approx> least_move;
    std::optional<Approx> most_move;
    for (std::size_t j = 0; j < c.cols; ++j) {
      const std::size_t i = r * c.cols + j;
      if (!c.Visible(r, j)) continue;
      d[j] = OverT(Approx(nudged.logits[i]) - Approx(c.logits[i]), c.temperature);
      if (!least_move || d[j].value < least_move->value) least_move = d[j];
      if (!most_move || d[j].value > most_move->value) most_move = d[j];
    }
    if (!least_move) continue;
    const Approx low = *least_move;
    const Approx high = *most_move;
    const auto expect = [&](std::size_t i, const Approx& least, const Approx& most) {
      const Approx got = (*moved.outputs)[i];
      const double severity = std::max(NonnegativeSeverity(got - least), NonnegativeSeverity(most - got));
      Expect(&worst, nudged, moved.outputs->array(), i, severity, least, [&] {
        return fmt::format(
            "before the row's logits were moved by {:.6g} to {:.6g}, over T, it was {}; now it is at "
            "least {:.9g} and at most {:.9g}",
            static_cast<double>(low.value), static_cast<double>(high.value), Show(run.outputs->array(), i),
            static_cast<double>(least.value), static_cast<double>(most.value));
      });
    };
    if (c.op == ASSAY_LOGSUMEXP) {
      const Approx lse = (*run.outputs)[r];
      expect(r, lse + low, lse + high);
      continue;
    }
    for (std::size_t j = 0; j < c.cols; ++j) {
      const std::size_t i = r * c.cols + j;
      if (!c.Visible(r, j)) continue;
      const Approx before = (*run.outputs)[i];
      if (c.op == ASSAY_LOG_SOFTMAX) {
        expect(i, before + (d[j] - high), before + (d[j] - low));
      } else if (c.op == ASSAY_SIGMOID) {
        expect(i, before * Exp(Min(d[j], Approx())), before * Exp(Max(d[j], Approx())));
      } else {
        expect(i, before * Exp(d[j] - high), before * Exp(d[j] - low));
      }
    }
  }
  return worst;
}

namespace {

// Each entry of a row of sigmoids beside a logit of 0: one row of two classes for each entry.
Case TwoColumns(const Case& c) {
  Case two = subjects::MakeCase(ASSAY_SOFTMAX, c.dtype, c.rows * c.cols, 2);
  two.temperature = c.temperature;
  if (c.bias.given) Give(two, Role::kBias);
  for (std::size_t i = 0; i < c.logits.values.size(); ++i) {
    two.logits.values.SetBits(2 * i, c.logits.values.Bits(i));
    if (c.bias.given) two.bias.values.SetBits(2 * i, c.bias.values.Bits(i));
  }
  return two;
}

// sigmoid(z) + sigmoid(-z) = 1 within both slacks, and sigmoid(z) is the first share of [z, 0].
Judgement CheckSigmoidClasses(const Case& c, Context& context) {
  const KnownRun run = RunKnown(c, context);
  if (run.failed) return *run.failed;
  Case mirrored = c;
  for (Role role : {Role::kLogits, Role::kBias}) {
    Array& values = mirrored.operand(role).values;
    for (std::size_t i = 0; i < values.size(); ++i) values.Set(i, -values[i]);
  }
  const KnownRun other = RunKnownDerived(mirrored, context);
  if (other.failed) return *other.failed;
  Judgement worst;
  for (std::size_t i = 0; i < c.rows * c.cols; ++i) {
    if (!c.Visible(i / c.cols, i % c.cols)) continue;
    const Approx sum = (*run.outputs)[i] + (*other.outputs)[i];
    Expect(&worst, c, run.outputs->array(), i, ZeroSeverity(sum - Approx(1.0)), Approx(1.0) - (*other.outputs)[i],
           [&] { return fmt::format("that of -z is {}: they sum to 1", Show(other.outputs->array(), i)); });
  }
  const Case two = TwoColumns(c);
  const Run shares = RunDerived(two, context);
  if (shares.failed && shares.failed->verdict == Verdict::kNotApplicable) return worst;  // no softmax: the sum decides
  if (shares.failed) return *shares.failed;
  const std::vector<Bound> bounds = BoundsOf(two, context.subject.info());
  Array firsts(run.outputs->array().element(), c.rows * c.cols);
  std::vector<Bound> first_bounds;
  for (std::size_t i = 0; i < firsts.size(); ++i) {
    firsts.SetBits(i, shares.result.out.Bits(2 * i));
    first_bounds.push_back(bounds[2 * i]);
  }
  const bool nearest = ClaimsNearest(context.subject.info(), c) && ClaimsNearest(context.subject.info(), two);
  const std::string how = "as the share of z among [z, 0]";
  KeepWorse(&worst, nearest ? SameBitsOrViolated(c, run.outputs->array(), "as a sigmoid", firsts, how)
                            : AgreeWithin(c, run.outputs->array(), run.outputs->bounds(), "as a sigmoid", firsts,
                                          first_bounds, how));
  return worst;
}

}  // namespace

// softmax([x, y]) = [sigmoid(x - y), sigmoid(y - x)], where the shift grid makes both differences exact. Compared with
// the subject's own sigmoid where it has one, and always with 1 / (1 + exp) in long double.
Judgement CheckTwoClasses(const Case& c, Context& context) {
  if (c.op == ASSAY_SIGMOID) return CheckSigmoidClasses(c, context);
  const KnownRun run = RunKnown(c, context);
  if (run.failed) return *run.failed;
  const Array& p = run.outputs->array();
  Case differences = subjects::MakeCase(ASSAY_SIGMOID, c.dtype, c.rows, c.cols);
  Judgement worst;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double z = c.logits[i] - c.logits[i ^ 1];
    differences.logits.values.Set(i, z);
    const Approx want = Logistic(z);
    Expect(&worst, c, p, i, ZeroSeverity((*run.outputs)[i] - want), want,
           [&] { return fmt::format("the sigmoid of {:.9g} is {:.9g}", z, static_cast<double>(want.value)); });
  }
  const Run sigmoid = RunDerived(differences, context);
  if (sigmoid.failed && sigmoid.failed->verdict == Verdict::kNotApplicable) return worst;  // compared with the formula
  if (sigmoid.failed) return *sigmoid.failed;
  const subjects::SubjectInfo& info = context.subject.info();
  const std::string how = "as the sigmoid of the difference";
  KeepWorse(&worst, ClaimsNearest(info, c) && ClaimsNearest(info, differences)
                        ? SameBitsOrViolated(c, p, "among two", sigmoid.result.out, how)
                        : AgreeWithin(c, p, run.outputs->bounds(), "among two", sigmoid.result.out,
                                      BoundsOf(differences, info), how));
  return worst;
}

}  // namespace assay::properties
