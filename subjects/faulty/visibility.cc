// SPDX-License-Identifier: Apache-2.0
//
// Faults of what is visible: masks, -inf, NaN, +inf and empty rows.

#include <cstdint>
#include <cstring>

#include "subjects/faulty/fault.h"

namespace assay::subjects {
namespace {

// Masked entries stay in the row, with another logit.
template <class Self>
struct MaskedByLogit : FromScalar<Self> {
  static bool Visible(const Call&, std::size_t, std::size_t, Point p) {
    return !(p.x == -HUGE_VAL) && !(p.b == -HUGE_VAL);
  }
};

struct MaskAsLargeNegative : MaskedByLogit<MaskAsLargeNegative> {
  static double Logit(const Call& call, std::size_t row, std::size_t col) {
    return call.Masked(row, col) ? -1e9 : call.Logit(row, col);
  }
};

struct MaskBeforeScale : MaskedByLogit<MaskBeforeScale> {
  static double Logit(const Call& call, std::size_t row, std::size_t col) {
    return call.Logit(row, col) - (call.Masked(row, col) ? 1e4 : 0);
  }
};

struct BiasClamped : FromScalar<BiasClamped> {
  // A bias of -inf hides no longer.
  static Point At(const Call& call, std::size_t row, std::size_t col) {
    return {call.Logit(row, col),
            std::isnan(call.Bias(row, col)) ? call.Bias(row, col) : std::fmax(call.Bias(row, col), -60)};
  }
};

struct MinusInfLeaks : FromScalar<MinusInfLeaks> {
  static double Others(const Call& call, std::size_t row, const RowScan& scan) {
    // As of an exp that is clamped at -14, even where it is of -inf.
    double leak = 0;
    for (std::size_t col = 0; col < call.cols(); ++col) leak += call.Logit(row, col) == -HUGE_VAL ? 1 : 0;
    return Base::Others(call, row, scan) + leak * std::exp(-14.0);
  }
};

struct StaleBehindMask : FromScalar<StaleBehindMask> {
  // A masked lane keeps what the register held.
  static inline thread_local long double held = 0;
  static void Begin(const Call&) { held = 0; }
  static void Write(const Call& call, std::size_t row, std::size_t col, long double value) {
    if (call.Masked(row, col)) return call.Set(row, col, held);
    held = value;
    call.Set(row, col, value);
  }
};

struct SentinelAsMask : FromScalar<SentinelAsMask> {
  static bool Visible(const Call& call, std::size_t row, std::size_t col, Point p) {
    return Base::Visible(call, row, col, p) && !(p.x <= -1e9) && !(p.b <= -1e9);
  }
};

struct NanBehindMask : FromScalar<NanBehindMask> {
  static RowScan Scan(const Call& call, std::size_t row) {
    RowScan scan = Base::Scan(call, row);
    // As of 0 * x, which is no 0 for a NaN.
    for (std::size_t col = 0; col < call.cols(); ++col) scan.nan = scan.nan || std::isnan(call.Logit(row, col));
    return scan;
  }
};

struct MaskOfOne : FromScalar<MaskOfOne> {
  static bool Visible(const Call& call, std::size_t row, std::size_t col, Point p) {
    // Any byte but 0 shows an entry; here only 1 does.
    return call.MaskByte(row, col) == 1 && Base::Visible(call, row, col, p);
  }
};

struct IgnoresNan : FromScalar<IgnoresNan> {
  static bool Visible(const Call& call, std::size_t row, std::size_t col, Point p) {
    // Written as >, the comparison is false for NaN, which then passes for masked.
    return !call.Masked(row, col) && p.x > -HUGE_VAL && p.b > -HUGE_VAL;
  }
};

// A NaN loses every comparison, so the maximum does not see it.
template <class Self, assay_op kOp>
struct BlindToNan : FromScalar<Self, kOp> {
  static RowScan Scan(const Call& call, std::size_t row) {
    RowScan scan = FromScalar<Self, kOp>::Base::Scan(call, row);
    if (!scan.nan) return scan;
    scan.nan = false;
    scan.top = {-HUGE_VAL, 0};
    for (std::size_t col = 0; col < call.cols(); ++col) {
      const Point p = Self::At(call, row, col);
      if (!Self::Visible(call, row, col, p) || std::isnan(p.b) || !(p.x > scan.top.x)) continue;
      scan.top = p;
      scan.at = col;
    }
    return scan;
  }
};

struct NanSwallowedByMaximum : BlindToNan<NanSwallowedByMaximum, ASSAY_LOGSUMEXP> {
  // Nor does the guard against underflow.
  static double Exp(double z) { return z > -745 ? std::exp(z) : 0; }
};

struct NanStaysLocal : BlindToNan<NanStaysLocal, ASSAY_SOFTMAX> {
  static double Others(const Call& call, std::size_t row, const RowScan& scan) {
    double sum = 0;
    for (std::size_t col = 0; col < call.cols(); ++col) {
      const Point p = At(call, row, col);
      if (col == scan.at || !Visible(call, row, col, p)) continue;
      const double weight = Weight(call, row, col, p, scan);
      if (!std::isnan(weight)) sum += weight;
    }
    return sum;
  }
};

struct InfinityTakesAll : FromScalar<InfinityTakesAll> {
  static RowScan Scan(const Call& call, std::size_t row) {
    RowScan scan = Base::Scan(call, row);
    if (!scan.infinite || scan.nan) return scan;
    scan.infinite = false;
    for (std::size_t col = 0; col < call.cols(); ++col) {
      const Point p = At(call, row, col);
      if (Visible(call, row, col, p) && (p.x == HUGE_VAL || p.b == HUGE_VAL)) scan.at = col;
    }
    return scan;
  }
  static double Weight(const Call& call, std::size_t row, std::size_t col, Point p, const RowScan& scan) {
    const Point top = At(call, row, scan.at);
    if (top.x == HUGE_VAL || top.b == HUGE_VAL) return col == scan.at ? 1 : 0;
    return Base::Weight(call, row, col, p, scan);
  }
};

struct ForeignNan : FromScalar<ForeignNan, ASSAY_LOGSUMEXP> {
  static void Write(const Call& call, std::size_t row, std::size_t col, long double value) {
    call.Set(row, col, value);
    if (!std::isnan(value)) return;
    // What x86 makes of inf - inf: the sign is set.
    const std::uint32_t bits = 0xFFC00000;
    const assay_matrix& out = call.args().out;
    std::memcpy(static_cast<float*>(out.data) + static_cast<std::ptrdiff_t>(row) * out.row_stride, &bits, sizeof bits);
  }
};

struct EmptyRowZero : FromScalar<EmptyRowZero> {
  static bool EmptyRowIsZero(const Call&) { return true; }
};

struct EmptyRowByMask : FromScalar<EmptyRowByMask, ASSAY_SPARSEMAX> {
  static bool EmptyRowIsZero(const Call& call) { return call.HasMask(); }
};

struct LogOfEmptyRowZero : FromScalar<LogOfEmptyRowZero, ASSAY_LOG_SOFTMAX> {
  template <assay_op kOp>
  static void Row(const Call& call, std::size_t row) {
    if (Scan(call, row).visible == 0 && EmptyRowIsZero(call)) return call.Fill(row, 0);
    Base::Row<kOp>(call, row);
  }
};

}  // namespace

std::vector<BuiltIn> VisibilityFaults() {
  return {
      Fault<MaskAsLargeNegative>("mask_as_large_negative", "mask", "masked_is_zero", "Masks by a logit of -1e9."),
      Fault<MaskBeforeScale>("mask_before_scale", "mask", "masked_equals_compacted",
                             "Masks by adding -10000 before T divides."),
      Fault<MaskOfOne>("mask_of_one", "mask", "mask_forms_agree", "Takes only a mask byte of 1 for visible."),
      Fault<BiasClamped>("bias_clamped", "bias", "mask_forms_agree", "Takes a bias below -60 for -60."),
      Fault<MinusInfLeaks>("minus_inf_leaks", "clamp", "minus_inf_padding",
                           "Adds exp(-14) to the sum for each logit of -inf."),
      Fault<StaleBehindMask>("stale_behind_mask", "mask", "soft_argmax", "Writes its last share again where masked."),
      Fault<SentinelAsMask>("sentinel_as_mask", "mask", "sentinel_is_no_mask", "Takes -1e9 and less for masked."),
      Fault<NanBehindMask>("nan_behind_mask", "mask", "masked_content_ignored", "Sees a NaN behind the mask."),
      Fault<IgnoresNan>("ignores_nan", "NaN handling", "special_values", "Treats NaN as masked."),
      Fault<NanSwallowedByMaximum>("nan_swallowed_by_maximum", "NaN handling", "special_values",
                                   "Loses a NaN in the maximum and in the guard of its exp."),
      Fault<NanStaysLocal>("nan_stays_local", "NaN handling", "special_values", "Gives NaN only where the NaN is."),
      Fault<InfinityTakesAll>("infinity_takes_all", "special values", "special_values",
                              "Gives 1 to +inf, 0 to others."),
      Fault<ForeignNan>("foreign_nan", "NaN handling", "canonical_nan", "Writes NaNs with the sign set."),
      Fault<EmptyRowZero>("empty_row_zero", "empty row", "empty_row", "Gives zeros for every empty row."),
      Fault<EmptyRowByMask>("empty_row_by_mask", "empty row", "empty_row",
                            "Gives empty rows as AUTO does, whatever was asked for."),
      Fault<LogOfEmptyRowZero>("log_of_empty_row_zero", "empty row", "empty_row",
                               "Gives log-probabilities of 0 for an empty row without mass."),
  };
}

}  // namespace assay::subjects
