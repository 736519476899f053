// SPDX-License-Identifier: Apache-2.0
//
// For tests of laws: a subject that answers the exact result rounded to the nearest number, and the same with a fault;
// and cases of every kind.

#pragma once

#include <functional>
#include <limits>
#include <utility>

#include "properties/fit.h"
#include "properties/property.h"
#include "properties/truth.h"
#include "subjects/random.h"

namespace assay::properties {

class OracleSubject : public subjects::Subject {
 public:
  // Alters the question before it is answered (a forgotten factor, a mask not seen), or the answer to it.
  using Ask = std::function<void(subjects::Case*)>;
  using Answer = std::function<void(const subjects::Case&, subjects::Array*)>;

  explicit OracleSubject(Ask ask = {}, Answer answer = {}) : ask_(std::move(ask)), answer_(std::move(answer)) {
    info_.name = "oracle";
    for (subjects::OpInfo& op : info_.ops) {
      op.implemented = true;
      op.dtypes = (1 << ASSAY_NUM_DTYPES) - 1;
      op.features = ASSAY_FEATURES_ALL;
    }
    Claim({ASSAY_CLAIM_CORRECTLY_ROUNDED, 0, 0.5, 0});
  }

  void Claim(const assay_claim& claim) {
    for (subjects::OpInfo& op : info_.ops) op.claims.fill(claim);
  }

  const subjects::SubjectInfo& info() const override { return info_; }
  subjects::SubjectInfo& info() { return info_; }

  subjects::RunResult Run(const subjects::Case& c, const subjects::RunOptions& options) override {
    subjects::RunResult result;
    result.out = subjects::Array(subjects::ElementOf(c.dtype), subjects::ShapeOf(c, subjects::Role::kOut).size());
    subjects::Case asked = c;
    if (ask_) ask_(&asked);
    result.status = Refusal(asked);
    if (result.status != ASSAY_OK) {
      for (std::size_t i = 0; i < result.out.size_bytes(); ++i) result.out.data()[i] = std::byte{options.poison};
      return result;
    }
    const std::vector<oracle::Exact> exact = ExactOf(asked, info_, oracle::Tier::kBulk, options.repeat);
    for (std::size_t i = 0; i < exact.size() && i < result.out.size(); ++i) result.out.Set(i, exact[i].nearest);
    if (answer_) answer_(c, &result.out);
    return result;
  }

 private:
  static assay_status Refusal(const subjects::Case& c) {
    if (!(c.label_smoothing >= 0 && c.label_smoothing <= 1)) return ASSAY_BAD_PARAMETER;
    for (std::size_t r = 0; c.labels.given && r < c.rows; ++r) {
      const auto label = static_cast<std::int64_t>(c.labels.values.Bits(r));
      if (c.has_ignore_index && label == c.ignore_index) continue;
      if (label < 0 || static_cast<std::uint64_t>(label) >= c.cols) return ASSAY_BAD_LABEL;
    }
    return ASSAY_OK;
  }

  subjects::SubjectInfo info_;
  Ask ask_;
  Answer answer_;
};

// A case of the operation: ordinary numbers of several scales, some raw bits, every switch.
inline subjects::Case AnyCaseOf(assay_op op, subjects::Random& random) {
  using subjects::Role;
  subjects::Case c = subjects::MakeCase(op, static_cast<assay_dtype>(random.Below(ASSAY_NUM_DTYPES)), random.Below(5),
                                        random.Below(12));
  c.law_key = random.Bits();
  constexpr double kTemperatures[] = {1, 1, 1, 1, 0.5, 3, 0.01, 0, 1e-310, 1e300, -1};
  c.temperature = kTemperatures[random.Below(std::size(kTemperatures))];
  if (random.Below(20) == 0) c.temperature = std::numeric_limits<double>::infinity();
  if (subjects::IsLoss(op)) {
    c.reduction = static_cast<assay_reduction>(random.Below(3));
    constexpr double kSmoothing[] = {0, 0, 0.25, 0.1, 1};
    c.label_smoothing = kSmoothing[random.Below(std::size(kSmoothing))];
    if (random.Below(3) == 0) {
      Take(c, Role::kLabels);
      Give(c, Role::kTargets);
    } else if (random.Below(2) == 0) {
      c.has_ignore_index = true;
      c.ignore_index = random.Below(2) == 0 ? -100 : 1;
    }
    if (op == ASSAY_CROSS_ENTROPY_BACKWARD && random.Below(2) == 0) Give(c, Role::kUpstream);
  }
  if (subjects::HasLogits(op) && random.Below(3) == 0) Give(c, Role::kBias);
  if (subjects::TakesMask(op) && random.Below(3) == 0) Give(c, Role::kMask);
  constexpr double kScales[] = {1, 1, 9, 0.01, 1000, 1e-30, 1e30};
  const double scale = kScales[random.Below(std::size(kScales))];
  const bool wild = random.Below(3) == 0;
  const bool ties = random.Below(4) == 0;
  subjects::ForEachInput(c, [&](Role role, subjects::Operand& operand) {
    const bool shares = role == Role::kSaved && op != ASSAY_LOG_SOFTMAX_BACKWARD;
    for (std::size_t i = 0; i < operand.values.size(); ++i) {
      if (role == Role::kMask) {
        operand.values.SetBits(i, random.Below(4) != 0);
      } else if (role == Role::kLabels) {
        operand.values.SetBits(i, random.Below(6) == 0 ? ~std::uint64_t{99} : random.Below(c.cols + 1));
      } else if (wild && random.Below(8) == 0) {
        operand.values.SetBits(i, random.Bits() >> (64 - 8 * subjects::BytesOf(operand.values.element())));
      } else if (shares || role == Role::kTargets) {
        operand.values.Set(i, random.Below(5) == 0 ? 0 : random.Uniform(0, shares ? 0.3 : 1));
      } else if (ties) {
        operand.values.Set(i, static_cast<double>(random.Below(3)));
      } else {
        operand.values.Set(i, scale * random.Uniform(-1, 1));
      }
    }
  });
  c.in_place = subjects::CanBeInPlace(op) && random.Below(3) == 0;
  return Settled(std::move(c));
}

}  // namespace assay::properties
