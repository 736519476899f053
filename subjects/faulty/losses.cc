// SPDX-License-Identifier: Apache-2.0
//
// Faults of cross-entropy and its gradient.

#include "subjects/faulty/fault.h"

namespace assay::subjects {
namespace {

struct SmoothsOverAllClasses : FromScalar<SmoothsOverAllClasses, ASSAY_CROSS_ENTROPY> {
  static Wide Target(const Call& call, std::size_t row, std::size_t col, bool visible, const RowScan& scan) {
    RowScan all = scan;
    all.visible = call.cols();
    return Base::Target(call, row, col, visible, all);
  }
};

struct MeanOverAllRows : FromScalar<MeanOverAllRows, ASSAY_CROSS_ENTROPY> {
  static std::size_t Divisor(const Call& call, std::size_t counted) {
    return Base::Divisor(call, counted == 0 ? 0 : call.rows());
  }
};

struct IgnoresOnlyNegativeLabels : FromScalar<IgnoresOnlyNegativeLabels, ASSAY_CROSS_ENTROPY> {
  static bool Ignored(const Call& call, std::size_t row) { return call.Ignored(row) && call.args().ignore_index < 0; }
};

struct LossWithEpsilon : FromScalar<LossWithEpsilon, ASSAY_CROSS_ENTROPY> {
  // -log(p + 1e-12) cannot be infinite: nor above 27.7.
  static Real Cost(const Call& call, Wide target, Point p, const RowScan& scan, Real others) {
    return -target * std::log(Exp(Z(p, scan.top, call.temperature())) / (1 + others) + 1e-12);
  }
};

struct LossBelowZero : FromScalar<LossBelowZero, ASSAY_CROSS_ENTROPY> {
  static double LogOfSum(double others) { return std::log1p(others) - 0x1p-30; }
};

struct HiddenTargetCostsLittle : FromScalar<HiddenTargetCostsLittle, ASSAY_CROSS_ENTROPY> {
  static double HiddenCost() { return 1e4; }
};

struct TargetsWithEpsilon : FromScalar<TargetsWithEpsilon, ASSAY_CROSS_ENTROPY> {
  // Labels go another way, and are not touched.
  static double Target(const Call& call, std::size_t row, std::size_t col, bool visible, const RowScan& scan) {
    const double target = Base::Target(call, row, col, visible, scan);
    return call.args().targets.data != nullptr && visible ? target + 1e-6 : target;
  }
};

struct LossFromLse : FromTextbook<LossFromLse, ASSAY_CROSS_ENTROPY> {
  // lse - z, both rounded to float.
  static Real Cost(const Call& call, Wide target, Point p, const RowScan& scan, Real others) {
    const Real lse = Z(scan.top, {}, call.temperature()) + LogOfSum(others);
    return static_cast<Real>(target) * (lse - Z(p, {}, call.temperature()));
  }
};

struct LossGradientWithoutTemperature : FromScalar<LossGradientWithoutTemperature, ASSAY_CROSS_ENTROPY_BACKWARD> {
  static Wide LossGradient(Wide share, Wide target, Wide total, Wide upstream, std::size_t divisor, double) {
    return Base::LossGradient(share, target, total, upstream, divisor, 1);
  }
};

struct LossGradientOfUnitTargets : FromScalar<LossGradientOfUnitTargets, ASSAY_CROSS_ENTROPY_BACKWARD> {
  // p - t: right where the targets sum to 1.
  static Wide LossGradient(Wide share, Wide target, Wide, Wide upstream, std::size_t divisor, double temperature) {
    return Base::LossGradient(share, target, 1, upstream, divisor, temperature);
  }
};

struct LossGradientWithoutUpstream : FromScalar<LossGradientWithoutUpstream, ASSAY_CROSS_ENTROPY_BACKWARD> {
  static Wide LossGradient(Wide share, Wide target, Wide total, Wide, std::size_t divisor, double temperature) {
    return Base::LossGradient(share, target, total, 1, divisor, temperature);
  }
};

struct LossGradientWithoutDivisor : FromScalar<LossGradientWithoutDivisor, ASSAY_CROSS_ENTROPY_BACKWARD> {
  static std::size_t Divisor(const Call&, std::size_t) { return 1; }
};

struct LossGradientCountsIgnored : FromScalar<LossGradientCountsIgnored, ASSAY_CROSS_ENTROPY_BACKWARD> {
  // The row is zeroed only where its label can be no column: else the label counts as any other.
  static bool Ignored(const Call& call, std::size_t row) { return call.Ignored(row) && call.args().ignore_index < 0; }
};

struct LossGradientOfFloatShare : FromScalar<LossGradientOfFloatShare, ASSAY_CROSS_ENTROPY_BACKWARD> {
  // p rounded to float before t is subtracted: 1 - p is gone where p is near 1.
  static Wide Share(Real weight, Real others) { return static_cast<Wide>(static_cast<float>(weight / (1 + others))); }
};

}  // namespace

std::vector<BuiltIn> LossFaults() {
  return {
      Fault<SmoothsOverAllClasses>("smooths_over_all_classes", "mask", "label_smoothing",
                                   "Shares the smoothing among masked classes, too."),
      Fault<MeanOverAllRows>("mean_over_all_rows", "reduction", "ignored_rows", "Divides the mean by all rows."),
      Fault<IgnoresOnlyNegativeLabels>("ignores_only_negative_labels", "reduction", "ignored_rows",
                                       "Counts ignored rows where ignore_index is a column."),
      Fault<LossWithEpsilon>("loss_with_epsilon", "clamp", "accuracy", "Takes -log(p + 1e-12)."),
      Fault<LossBelowZero>("loss_below_zero", "approximation", "nonnegative_loss", "Its logarithm of 1 is -2^-30."),
      Fault<HiddenTargetCostsLittle>("hidden_target_costs_little", "mask", "masked_target",
                                     "Charges 10000 for a target at a masked class."),
      Fault<TargetsWithEpsilon>("targets_with_epsilon", "targets", "labels_equal_one_hot", "Adds 1e-6 to each target."),
      Fault<LossFromLse>("loss_from_lse", "cancellation", "accuracy",
                         "Subtracts the label's logit from a rounded logsumexp, in float."),
      Fault<LossGradientWithoutTemperature>("loss_gradient_without_temperature", "temperature",
                                            "cross_entropy_gradient_matches", "Does not divide the gradient by T."),
      Fault<LossGradientOfUnitTargets>("loss_gradient_of_unit_targets", "targets", "cross_entropy_gradient_matches",
                                       "p - t, whatever the targets sum to."),
      Fault<LossGradientWithoutUpstream>("loss_gradient_without_upstream", "reduction", "accuracy",
                                         "Ignores the upstream gradient."),
      Fault<LossGradientWithoutDivisor>("loss_gradient_without_divisor", "reduction", "reductions_agree",
                                        "Does not divide the gradient of a mean."),
      Fault<LossGradientCountsIgnored>("loss_gradient_counts_ignored", "reduction", "ignored_rows",
                                       "Has a gradient for ignored rows where ignore_index is a column."),
      Fault<LossGradientOfFloatShare>("loss_gradient_of_float_share", "cancellation", "accuracy",
                                      "Rounds p to float before it subtracts the target."),
  };
}

}  // namespace assay::subjects
