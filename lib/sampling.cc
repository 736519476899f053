// SPDX-License-Identifier: Apache-2.0
//
// Top-k and top-p without sorting and without scratch that grows: a radix search from the top byte of the entries' keys
// down, over 256 sums of weights. Weights are integers (exp((x - max) / T) in units of 2^-88), so that the sums are
// exact and do not depend on the order of the row.

#include "assay/sampling.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "error_bounds.h"
#include "fp_environment.h"
#include "sampling.h"
#include "scalar_exp.h"

namespace assay::internal {
namespace {

__extension__ using Weight = unsigned __int128;

constexpr int kUnitExponent = 88;  // 2^40 weights of at most 1 stay below 2^128
constexpr Weight kOne = Weight{1} << kUnitExponent;
constexpr std::size_t kMaxCols = std::size_t{1} << (128 - kUnitExponent);

// K - p S, in units, is off by at most this: each weight is cut off or below a unit, as are p S and its own rounding,
// and both sums carry what the weights themselves are off by, relative.
Weight Slack(Rung rung, Weight total, std::size_t n) {
  static_assert(2 * bounds::kNucleusWeightRelative <= 0x1p-44 && 2 * bounds::kNucleusWeightPairRelative <= 0x1p-90);
  return 4 * Weight{n} + (rung == Rung::kDouble ? total >> 44 : total >> 90);
}

// v in [0, 1] in units, cut off.
Weight UnitsOf(double v) {
  const auto bits = std::bit_cast<std::uint64_t>(v);
  const int exponent = static_cast<int>(bits >> 52) - 1075;
  const Weight mantissa = (bits & ((std::uint64_t{1} << 52) - 1)) | std::uint64_t{1} << 52;
  const int shift = exponent + kUnitExponent;
  if (shift >= 0) return mantissa << shift;
  return shift > -64 ? mantissa >> -shift : 0;
}

// The least integer >= p * total for 0 < p < 1.
Weight ShareOf(double p, Weight total) {
  int exponent;
  const auto mantissa = static_cast<std::uint64_t>(std::ldexp(std::frexp(p, &exponent), 53));
  const int shift = 53 - exponent;  // p = mantissa * 2^-shift, shift >= 53
  // mantissa * total = high * 2^64 + low
  const Weight low_product = Weight{mantissa} * static_cast<std::uint64_t>(total);
  const Weight high = Weight{mantissa} * static_cast<std::uint64_t>(total >> 64) + (low_product >> 64);
  const auto low = static_cast<std::uint64_t>(low_product);
  if (shift >= 64) {
    if (shift - 64 >= 128) return 1;
    const Weight quotient = high >> (shift - 64);
    return quotient + (((quotient << (shift - 64)) != high || low != 0) ? 1 : 0);
  }
  const Weight quotient = (high << (64 - shift)) | (low >> shift);
  return quotient + ((low & ((std::uint64_t{1} << shift) - 1)) != 0 ? 1 : 0);
}

// fn(key, x) for each entry that the cut keeps.
template <class Fn>
void ForKept(const LogitsRow& row, Cut cut, Fn fn) {
  std::uint64_t ties = 0;
  for (std::size_t j = 0; j < row.cols(); ++j) {
    if (!row.Visible(j)) continue;
    const double x = row.At(j);
    const std::uint64_t key = KeyOf(row.dtype(), x);
    if (key < cut.key || (key == cut.key && ties++ >= cut.ties)) continue;
    fn(key, x);
  }
}

struct Search {
  Cut cut;
  Weight total = 0;   // of all kept so far
  Weight below = 0;   // of the chosen ones but the last
  Weight chosen = 0;  // with it
};

// The least cut within `within` whose weights sum to target(total) >= 1 or more; `within` itself if rounding keeps even
// that from the target.
template <class Weigh, class Target>
Search LeastCut(const LogitsRow& row, Cut within, Weigh weigh, Target target_of) {
  struct Bin {
    Weight sum;
    std::uint64_t count;
  };
  Search search;
  search.cut = within;
  Weight above = 0;
  Weight target = 0;
  std::uint64_t prefix = 0;
  std::uint64_t known = 0;  // the bits of prefix that have been decided
  const int width = row.dtype() == ASSAY_F64 ? 64 : 32;
  for (int shift = width - 8; shift >= 0; shift -= 8) {
    Bin bins[256] = {};
    ForKept(row, within, [&](std::uint64_t key, double x) {
      if (((key ^ prefix) & known) != 0) return;
      Bin& bin = bins[(key >> shift) & 255];
      bin.sum += weigh(x);
      ++bin.count;
    });
    if (known == 0) {
      for (const Bin& bin : bins) search.total += bin.sum;
      target = target_of(search.total);
    }
    int i = 255;
    for (; i >= 0 && above + bins[i].sum < target; --i) above += bins[i].sum;
    if (i < 0) {
      search.below = search.chosen = above;
      return search;
    }
    prefix |= static_cast<std::uint64_t>(i) << shift;
    known |= std::uint64_t{255} << shift;
    if (shift > 0) continue;
    const Weight each = bins[i].sum / bins[i].count;  // equal keys, equal weights
    const Weight ties = (target - above + each - 1) / each;
    search.cut = {prefix, static_cast<std::uint64_t>(ties)};
    search.below = above + (ties - 1) * each;
    search.chosen = search.below + each;
  }
  return search;
}

Cut TopK(const LogitsRow& row, std::uint64_t k) {
  return LeastCut(
             row, Cut{}, [](double) { return Weight{1}; }, [k](Weight) { return Weight{k}; })
      .cut;
}

Search TopP(const LogitsRow& row, Cut within, double max, double p, double temperature, Rung rung) {
  const auto target = [p](Weight total) { return ShareOf(p, total); };
  if (temperature == 0) {
    return LeastCut(
        row, within, [max](double x) { return x == max ? kOne : Weight{0}; }, target);
  }
  if (temperature == std::numeric_limits<double>::infinity()) {
    return LeastCut(
        row, within, [](double) { return kOne; }, target);
  }
  if (rung == Rung::kDouble) {
    return LeastCut(
        row, within,
        [=](double x) { return x == max ? kOne : UnitsOf(ExpScalar(ScaledDifference(x, max, temperature))); }, target);
  }
  return LeastCut(
      row, within,
      [=](double x) {
        if (x == max) return kOne;
        const ScalarPair e = ExpScalarPair(ScaledDifferencePair(x, max, temperature));
        return e.lo < 0 ? UnitsOf(e.hi) - std::min(UnitsOf(e.hi), UnitsOf(-e.lo)) : UnitsOf(e.hi) + UnitsOf(e.lo);
      },
      target);
}

}  // namespace

Cut Nucleus(const LogitsRow& row, double max, std::size_t k, double p, double temperature, Rung first, Rung* decided) {
  if (decided != nullptr) *decided = Rung::kDouble;
  const Cut kept = k == 0 || k >= row.cols() ? Cut{} : TopK(row, k);
  if (p == 0) return TopK(row, 1);
  if (p == 1) return kept;
  bool rational = temperature == 0 || temperature == std::numeric_limits<double>::infinity();
  if (!rational) {
    rational = true;
    ForKept(row, kept, [&](std::uint64_t, double x) { rational = rational && x == max; });
  }
  Rung rung = first;
  Search search = TopP(row, kept, max, p, temperature, rung);
  if (!rational && rung == Rung::kDouble) {
    const Weight target = ShareOf(p, search.total);
    const Weight slack = Slack(rung, search.total, row.cols());
    if (search.below + slack >= target || search.chosen < target + slack) {
      rung = Rung::kPairs;
      search = TopP(row, kept, max, p, temperature, rung);
    }
  }
  if (decided != nullptr) *decided = rung;
  return search.cut;
}

namespace {

// Puts into out the logits that are kept and -inf for the others; a row with a visible NaN or +inf becomes NaN.
void WriteKept(const assay_row_args& args, std::size_t i, std::size_t k, double p) {
  const LogitsRow row(args, i);
  const RowRange range = RangeOf(row);
  const bool search = range.finite && range.visible > 0;
  const Cut cut = search ? Nucleus(row, range.max, k, p, args.temperature) : Cut{};
  std::byte* const out = static_cast<std::byte*>(args.out.data) + static_cast<std::ptrdiff_t>(i) * args.out.row_stride *
                                                                      static_cast<std::ptrdiff_t>(BytesOf(args.dtype));
  std::uint64_t ties = 0;
  for (std::size_t j = 0; j < row.cols(); ++j) {
    double value = -std::numeric_limits<double>::infinity();
    if (!range.finite) {
      value = std::numeric_limits<double>::quiet_NaN();
    } else if (row.Visible(j)) {
      const double x = row.At(j);
      const std::uint64_t key = KeyOf(args.dtype, x);
      if (key > cut.key || (key == cut.key && ties++ < cut.ties)) value = x;
    }
    StoreNumber(args.dtype, out, static_cast<std::ptrdiff_t>(j) * args.out.col_stride, value);
  }
}

// By bits: comparing a NaN raises a flag of the caller's, who gets a status and nothing else.
bool IsProbability(double p) {
  const auto bits = std::bit_cast<std::uint64_t>(p);
  return bits <= std::bit_cast<std::uint64_t>(1.0) || bits == std::uint64_t{1} << 63;
}

}  // namespace
}  // namespace assay::internal

extern "C" assay_status assay_top_k_top_p(const assay_row_args* args, size_t k, double p, assay_tier tier) {
  using namespace assay::internal;
  Request request;
  const assay_status status = CheckRequest(ASSAY_SOFTMAX, args, &request);
  if (status != ASSAY_OK) return status;
  if (tier != ASSAY_TIER_EXACT && tier != ASSAY_TIER_FAST) return ASSAY_BAD_ENUM;
  // By its bits: under a caller's DAZ a negative subnormal compares equal to 0.
  if (args->bias.data != nullptr || !IsProbability(p) ||
      (p == 0 && std::signbit(p) && std::bit_cast<std::uint64_t>(p) << 1 != 0)) {
    return ASSAY_BAD_PARAMETER;
  }
  if (args->rows == 0 || args->cols == 0) return ASSAY_OK;
  if (args->cols >= kMaxCols) return ASSAY_UNSUPPORTED;
  {
    const FpEnvironment environment;
    for (std::size_t i = 0; i < args->rows; ++i) WriteKept(request.args, i, k, std::fabs(p));
  }
  assay_row_args kept = *args;
  kept.logits = {args->out.data, args->out.row_stride, args->out.col_stride};
  kept.mask = {};
  kept.empty_row = request.empty_row_is_zero ? ASSAY_EMPTY_ROW_ZERO : ASSAY_EMPTY_ROW_NAN;
  return tier == ASSAY_TIER_FAST ? assay_fast_softmax(&kept) : assay_softmax(&kept);
}
