// SPDX-License-Identifier: Apache-2.0
//
// FitTemperature against closed forms, against the loss in long double, and by what must not change it.

#include "assay/calibration.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "calibration.h"

namespace assay {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Data {
  std::size_t classes = 0;
  std::vector<double> logits;
  std::vector<std::int64_t> labels;

  std::size_t rows() const { return labels.size(); }
  double At(std::size_t i, std::size_t j) const { return logits[i * classes + j]; }
};

TemperatureFit Fit(const Data& data, const FitOptions& options = {}) {
  TemperatureFit fit;
  EXPECT_EQ(FitTemperature(MatrixView<const double>(data.logits.data(), data.rows(), data.classes), data.labels, fit,
                           options),
            Status::kOk);
  return fit;
}

// Labels drawn from softmax(logits / truth).
Data Drawn(std::size_t rows, std::size_t classes, double sigma, double truth, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(0, sigma);
  std::uniform_real_distribution<double> uniform(0, 1);
  Data data{classes, std::vector<double>(rows * classes), std::vector<std::int64_t>(rows)};
  for (double& x : data.logits) x = normal(random);
  for (std::size_t i = 0; i < rows; ++i) {
    std::vector<double> weight(classes);
    double sum = 0;
    for (std::size_t j = 0; j < classes; ++j) sum += weight[j] = std::exp(data.At(i, j) / truth);
    double left = uniform(random) * sum;
    std::size_t label = 0;
    while (label + 1 < classes && left >= weight[label]) left -= weight[label++];
    data.labels[i] = static_cast<std::int64_t>(label);
  }
  return data;
}

struct Truth {
  long double nll = 0;
  long double slope = 0;  // of the mean loss, by 1/T
  long double ece = 0;
};

// As on paper, in long double.
Truth Exact(const Data& data, long double temperature) {
  Truth truth;
  std::vector<long double> confidence(15), hits(15);
  const auto rows = static_cast<long double>(data.rows());
  for (std::size_t i = 0; i < data.rows(); ++i) {
    const double* x = &data.logits[i * data.classes];
    const std::size_t best = static_cast<std::size_t>(std::max_element(x, x + data.classes) - x);
    long double sum = 0, mean = 0;
    for (std::size_t j = 0; j < data.classes; ++j) {
      const long double d = static_cast<long double>(x[j]) - x[best];
      const long double e = std::exp(d / temperature);
      sum += e;
      mean += e * d;
    }
    const auto label = static_cast<std::size_t>(data.labels[i]);
    const long double d = static_cast<long double>(x[label]) - x[best];
    truth.nll += (std::log(sum) - d / temperature) / rows;
    truth.slope += (mean / sum - d) / rows;
    const auto bin = static_cast<std::size_t>(std::ceil(15 / sum - 1e-15L)) - 1;
    confidence[bin] += 1 / sum;
    hits[bin] += best == label ? 1 : 0;
  }
  for (std::size_t m = 0; m < 15; ++m) truth.ece += std::fabs(hits[m] - confidence[m]) / rows;
  return truth;
}

void ExpectSame(const TemperatureFit& a, const TemperatureFit& b) {
  EXPECT_EQ(std::bit_cast<std::uint64_t>(a.temperature), std::bit_cast<std::uint64_t>(b.temperature));
  EXPECT_EQ(a.nll_before, b.nll_before);
  EXPECT_EQ(a.nll_after, b.nll_after);
  EXPECT_EQ(a.ece_before, b.ece_before);
  EXPECT_EQ(a.ece_after, b.ece_after);
  EXPECT_EQ(a.outcome, b.outcome);
  EXPECT_EQ(a.rows, b.rows);
}

// The stated bound, with room for the rounding of the want.
void ExpectTemperature(const TemperatureFit& fit, double want) {
  EXPECT_EQ(fit.outcome, FitOutcome::kMinimum);
  EXPECT_LE(fit.temperature_error, 1e-12);
  EXPECT_NEAR(fit.temperature / want, 1.0, fit.temperature_error + 0x1p-51);
}

// With logits [1, 0] and a share q of labels 0, the loss is least where 1 / (1 + exp(-1/T)) = q: T = 1 / log(q / (1 -
// q)).
TEST(FitTemperatureTest, FindsTheClosedFormOfTwoClasses) {
  const Data data{2, {1, 0, 1, 0, 1, 0, 1, 0}, {0, 0, 0, 1}};
  const TemperatureFit fit = Fit(data);
  ExpectTemperature(fit, 0.91023922662683739361);  // 1 / log 3
  // -(3/4) log(3/4) - (1/4) log(1/4) = 0.56233514461880830...; before: log(1 + e^-1) + 1/4
  EXPECT_NEAR(fit.nll_after, 0.56233514461880830, 1e-15);
  EXPECT_NEAR(fit.nll_before, 0.31326168751822283 + 0.25, 1e-15);
  EXPECT_NEAR(fit.ece_after, 0, 1e-15);
  EXPECT_NEAR(fit.ece_before, 0.75 - 0.73105857863000488, 1e-15);
  EXPECT_EQ(fit.rows, 4u);
}

TEST(FitTemperatureTest, FindsWhereTheDerivativeChangesSign) {
  for (const auto& [rows, classes, sigma, truth] :
       std::vector<std::tuple<std::size_t, std::size_t, double, double>>{{50, 2, 1.0, 1.0},
                                                                         {200, 10, 3.0, 2.5},
                                                                         {200, 10, 3.0, 0.4},
                                                                         {30, 100, 20.0, 7.0},
                                                                         {100, 3, 1e-3, 1e-3},
                                                                         {100, 5, 1e6, 3e6},
                                                                         {2000, 4, 2.0, 0.7},
                                                                         {9, 3, 1e-200, 1e-200},
                                                                         {9, 3, 1e+200, 1e+200}}) {
    const Data data = Drawn(rows, classes, sigma, truth, 31);
    const TemperatureFit fit = Fit(data);
    if (fit.outcome != FitOutcome::kMinimum) continue;
    const auto t = static_cast<long double>(fit.temperature);
    const long double step = 4 * static_cast<long double>(fit.temperature_error);
    EXPECT_GT(fit.temperature_error, 0);
    EXPECT_LE(fit.temperature_error, 1e-12) << rows << " " << classes << " " << sigma;
    EXPECT_GT(Exact(data, t * (1 - step)).slope, 0) << rows << " " << classes << " " << sigma;
    EXPECT_LT(Exact(data, t * (1 + step)).slope, 0) << rows << " " << classes << " " << sigma;
  }
}

TEST(FitTemperatureTest, MeasuresLossAndCalibrationErrorAsDefined) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    const Data data = Drawn(150, 2 + seed, 1.0 + seed, 2.0, seed);
    const TemperatureFit fit = Fit(data, {.temperature = 0.7});
    const Truth before = Exact(data, 0.7L);
    const Truth after = Exact(data, static_cast<long double>(fit.temperature));
    EXPECT_NEAR(fit.nll_before / static_cast<double>(before.nll), 1, 0x1p-40);
    EXPECT_NEAR(fit.nll_after / static_cast<double>(after.nll), 1, 0x1p-40);
    EXPECT_NEAR(fit.ece_before, static_cast<double>(before.ece), 1e-12);
    EXPECT_NEAR(fit.ece_after, static_cast<double>(after.ece), 1e-12);
    EXPECT_LE(fit.nll_after, fit.nll_before);
  }
}

// A confidence of 1/k times a bin's width is a bin's end and belongs below it; k equal logits make it exactly.
TEST(FitTemperatureTest, PutsAConfidenceOnABinsEndBelowIt) {
  for (const std::size_t k : {1, 3, 5, 15}) {
    // One row of k equal logits and a second one whose confidence is a little larger, hence in the next bin: together
    // they would cancel, apart they do not.
    Data data{k + 1, std::vector<double>(2 * (k + 1), 0.0), {0, 1}};
    data.logits[k] = -1e9;
    data.logits[2 * k + 1] = -1e9;
    if (k > 1) data.logits[k + 1] = 1e-3;
    const TemperatureFit fit = Fit(data);
    const double share = 1.0 / static_cast<double>(k);
    const double larger = k == 1 ? 1 : 1 / (1 + static_cast<double>(k - 1) * std::exp(-1e-3));
    const double apart = (std::fabs(1 - share) + larger) / 2;
    const double together = std::fabs(1 - share - larger) / 2;
    EXPECT_NEAR(fit.ece_before, k == 1 ? together : apart, 1e-12) << k;
  }
}

TEST(FitTemperatureTest, IsMultipliedWithTheLogits) {
  const Data data = Drawn(100, 6, 2.0, 1.3, 5);
  const TemperatureFit fit = Fit(data);
  for (const double factor : {0x1p-300, 0x1p-3, 2.0, 0x1p+200}) {
    Data scaled = data;
    for (double& x : scaled.logits) x *= factor;
    TemperatureFit got = Fit(scaled, {.temperature = factor});
    got.temperature /= factor;
    ExpectSame(got, fit);
  }
  Data scaled = data;
  for (double& x : scaled.logits) x *= 3;
  const TemperatureFit got = Fit(scaled);
  // The products are rounded: 2^-53 of each logit, which moves a difference by that over its own size.
  EXPECT_NEAR(got.temperature / (3 * fit.temperature), 1, 1e-14 + got.temperature_error + fit.temperature_error);
}

TEST(FitTemperatureTest, DoesNotDependOnTheOrderOfRows) {
  const Data data = Drawn(300, 5, 3.0, 2.0, 8);
  const TemperatureFit fit = Fit(data);
  Data shuffled = data;
  std::vector<std::size_t> order(data.rows());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::shuffle(order.begin(), order.end(), std::mt19937_64(3));
  for (std::size_t i = 0; i < order.size(); ++i) {
    shuffled.labels[i] = data.labels[order[i]];
    for (std::size_t j = 0; j < 5; ++j) shuffled.logits[i * 5 + j] = data.At(order[i], j);
  }
  const TemperatureFit got = Fit(shuffled);
  EXPECT_NEAR(got.temperature / fit.temperature, 1, got.temperature_error + fit.temperature_error);
  EXPECT_NEAR(got.ece_after, fit.ece_after, 1e-12);
}

TEST(FitTemperatureTest, SaysWhereThereIsNoMinimum) {
  const TemperatureFit separable = Fit({3, {1, 0, 0, 0, 5, 5, 2, 2, 2}, {0, 1, 2}});
  EXPECT_EQ(separable.outcome, FitOutcome::kZero);
  EXPECT_EQ(separable.temperature, 0);
  EXPECT_NEAR(separable.nll_after, (std::log(2.0) + std::log(3.0)) / 3, 1e-15);
  EXPECT_EQ(separable.temperature_error, 0);

  const TemperatureFit reversed = Fit({2, {1, 0, 0, 2}, {1, 0}});
  EXPECT_EQ(reversed.outcome, FitOutcome::kInfinite);
  EXPECT_EQ(reversed.temperature, kInf);
  EXPECT_NEAR(reversed.nll_after, std::log(2.0), 1e-15);
  EXPECT_GT(reversed.nll_before, reversed.nll_after);

  // The derivative is exactly 0 at 1/T = 0.
  EXPECT_EQ(Fit({2, {1, 0, 1, 0}, {0, 1}}).outcome, FitOutcome::kInfinite);
  // ... and -1e-9 / 2.
  EXPECT_EQ(Fit({2, {1, 0, 1 - 1e-9, 0}, {0, 1}}).outcome, FitOutcome::kMinimum);

  const TemperatureFit flat = Fit({2, {3, 3, -5, -5}, {1, 0}}, {.temperature = 1.5});
  EXPECT_EQ(flat.outcome, FitOutcome::kFlat);
  EXPECT_EQ(flat.temperature, 1.5);
  EXPECT_NEAR(flat.nll_after, std::log(2.0), 1e-15);
  EXPECT_EQ(Fit({1, {7, -2}, {0, 0}}).outcome, FitOutcome::kFlat);
  EXPECT_EQ(Fit({1, {7, -2}, {0, 0}}).nll_after, 0);
}

TEST(FitTemperatureTest, IsUndefinedForNaNAndInfiniteLosses) {
  for (const double bad : {kNaN, kInf}) {
    const TemperatureFit fit = Fit({2, {1, bad, 0, 1}, {0, 1}});
    EXPECT_EQ(fit.outcome, FitOutcome::kUndefined);
    EXPECT_TRUE(std::isnan(fit.temperature));
    EXPECT_TRUE(std::isnan(fit.nll_after));
  }
  const TemperatureFit hidden = Fit({2, {1, -kInf, 0, 1}, {1, 1}});
  EXPECT_EQ(hidden.outcome, FitOutcome::kUndefined);
  EXPECT_EQ(hidden.nll_before, kInf);
  EXPECT_TRUE(std::isnan(Fit({2, {1, -kInf, kNaN, 1}, {1, 1}}).nll_before));
  EXPECT_TRUE(std::isnan(Fit({2, {kNaN, 1, 1, -kInf}, {1, 1}}).nll_before));
}

TEST(FitTemperatureTest, LeavesOutWhatIsInvisibleOrIgnored) {
  const Data data = Drawn(60, 4, 2.0, 1.0, 12);
  const TemperatureFit fit = Fit(data);
  // A fifth class of -inf, a sixth behind the mask that holds NaN, and rows of NaN that are ignored.
  Data wider{6, {}, data.labels};
  std::vector<std::uint8_t> mask;
  for (std::size_t i = 0; i < data.rows(); ++i) {
    for (std::size_t j = 0; j < 4; ++j) wider.logits.push_back(data.At(i, j));
    wider.logits.insert(wider.logits.end(), {-kInf, kNaN});
    mask.insert(mask.end(), {1, 1, 2, 255, 1, 0});
  }
  wider.labels.insert(wider.labels.end(), {-100, -100});
  wider.logits.insert(wider.logits.end(), 12, kNaN);
  mask.insert(mask.end(), 12, 1);
  FitOptions options;
  options.mask = MatrixView<const std::uint8_t>(mask.data(), wider.rows(), 6);
  options.ignore_index = -100;
  ExpectSame(Fit(wider, options), fit);
}

TEST(FitTemperatureTest, TakesEmptyData) {
  TemperatureFit fit = Fit({5, {}, {}});
  EXPECT_EQ(fit.outcome, FitOutcome::kFlat);
  EXPECT_EQ(fit.temperature, 1);
  EXPECT_TRUE(std::isnan(fit.nll_before));
  EXPECT_EQ(fit.rows, 0u);
  fit = Fit({2, {1, 2}, {7}}, {.ignore_index = 7});
  EXPECT_EQ(fit.rows, 0u);
  EXPECT_TRUE(std::isnan(fit.ece_after));
}

TEST(FitTemperatureTest, GivesTheSameForEveryTypeAndStride) {
  std::mt19937_64 random(77);
  constexpr std::size_t kRows = 40;
  std::vector<double> x(kRows * 3);
  for (double& v : x) v = std::round(std::normal_distribution<double>(0, 16)(random)) / 8;  // exact in every type
  Data data{3, x, std::vector<std::int64_t>(kRows)};
  for (std::int64_t& label : data.labels) label = static_cast<std::int64_t>(random() % 3);
  // Most rows right, so that there is a minimum.
  for (std::size_t i = 0; i < 30; ++i) {
    data.labels[i] = std::max_element(&x[3 * i], &x[3 * i] + 3) - &x[3 * i];
  }
  const TemperatureFit want = Fit(data);
  ASSERT_EQ(want.outcome, FitOutcome::kMinimum);

  const std::vector<float> floats(x.begin(), x.end());
  std::vector<BFloat16> bfloats;
  for (const float v : floats) bfloats.push_back({static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(v) >> 16)});
  std::vector<double> columns(x.size() * 2, kNaN);
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t j = 0; j < 3; ++j) columns[2 * (j * kRows + i)] = x[3 * i + j];
  }
  TemperatureFit fit;
  ASSERT_EQ(FitTemperature(MatrixView(floats.data(), kRows, 3), data.labels, fit), Status::kOk);
  ExpectSame(fit, want);
  ASSERT_EQ(FitTemperature(MatrixView<const BFloat16>(bfloats.data(), kRows, 3), data.labels, fit), Status::kOk);
  ExpectSame(fit, want);
  ASSERT_EQ(FitTemperature(MatrixView<const double>(columns.data(), kRows, 3, 2, 2 * kRows), data.labels, fit),
            Status::kOk);
  ExpectSame(fit, want);
}

TEST(FitTemperatureTest, PredictsTheFirstOfEqualLargest) {
  EXPECT_NEAR(Fit({3, {4, 4, 4}, {1}}).ece_before, 1.0 / 3, 1e-15);  // the prediction is 0: wrong, at confidence 1/3
  EXPECT_NEAR(Fit({3, {4, 4, 4}, {0}}).ece_before, 2.0 / 3, 1e-15);
}

TEST(FitTemperatureTest, TakesDifferencesBeyondTheRangeOfDouble) {
  Data data{2, {}, {1, 0, 0, 0, 0, 0, 0, 0, 0, 0}};
  for (std::size_t i = 0; i < data.rows(); ++i) data.logits.insert(data.logits.end(), {1.5, -1.5});
  const TemperatureFit want = Fit(data);
  ExpectTemperature(want, 3 / std::log(9.0));
  for (double& x : data.logits) x *= 0x1p+1023;
  TemperatureFit got = Fit(data, {.temperature = 0x1p+1023});
  got.temperature *= 0x1p-1023;
  ExpectSame(got, want);
}

// Ten rows of two classes, nine of them right.
Data NineOfTen(double difference) {
  Data data{2, {}, {1, 0, 0, 0, 0, 0, 0, 0, 0, 0}};
  for (std::size_t i = 0; i < data.rows(); ++i) data.logits.insert(data.logits.end(), {difference, 0});
  return data;
}

TEST(FitTemperatureTest, SaysWhereATemperatureIsNoNormalNumber) {
  const TemperatureFit subnormal = Fit(NineOfTen(0x1p-1060));
  EXPECT_EQ(subnormal.outcome, FitOutcome::kMinimum);
  EXPECT_EQ(subnormal.temperature_error, kInf);  // 13 bits are left
  EXPECT_NEAR(subnormal.temperature, 0x1p-1060 / std::log(9.0), 0x1p-1074);
  const TemperatureFit zero = Fit(NineOfTen(0x1p-1074));  // below half the least number
  EXPECT_EQ(zero.outcome, FitOutcome::kZero);
  EXPECT_EQ(zero.temperature, 0);
  EXPECT_EQ(zero.temperature_error, 0);
}

TEST(FitTemperatureTest, BoundsTheErrorByABracketWhereTheCurvatureIsLost) {
  for (int exponent = -66; exponent <= -40; ++exponent) {
    // The last row makes differences of 2^exponent small beside the largest, its loss vanishes at the minimum.
    Data data = NineOfTen(std::ldexp(1, exponent));
    data.logits.insert(data.logits.end(), {1, 0});
    data.labels.push_back(0);
    const TemperatureFit fit = Fit(data);
    EXPECT_EQ(fit.outcome, FitOutcome::kMinimum);
    EXPECT_LT(fit.temperature_error, kInf) << exponent;
    EXPECT_NEAR(fit.temperature * std::log(9.0) / std::ldexp(1, exponent), 1, fit.temperature_error + 0x1p-50)
        << exponent;
  }
}

TEST(FitTemperatureTest, BoundsTheErrorOfTheDerivative) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    const Data data = Drawn(1 + seed, 2 + seed % 50, 1.0, 1.0, seed);
    assay_row_args args{};
    args.rows = data.rows();
    args.cols = data.classes;
    args.dtype = ASSAY_F64;
    args.logits = {data.logits.data(), static_cast<std::ptrdiff_t>(data.classes), 1};
    args.labels = {data.labels.data(), 1, 1};
    const internal::LabelledLogits labelled(args);
    const long double scale = std::ldexp(1.0L, labelled.summary().exponent);
    for (const double beta : {0.01, 1.0, 7.0, 100.0}) {
      const internal::LossAt at = labelled.At(beta);
      const long double exact = Exact(data, scale / beta).slope / scale;
      // The want's own error, 2^-11 of ours.
      EXPECT_LE(std::fabs(at.slope - exact), 1.001L * at.slope_error) << seed << " " << beta;
      EXPECT_LE(at.slope_error, 100 * 0x1p-53 * (1 + beta)) << seed << " " << beta;
    }
  }
}

// The bits of one fit, on every instruction set and compiler.
TEST(FitTemperatureTest, GivesTheSameBitsEverywhere) {
  Data data{7, std::vector<double>(7 * 200), std::vector<std::int64_t>(200)};
  std::uint64_t state = 1;
  const auto next = [&state] { return (state = state * 6364136223846793005u + 1442695040888963407u) >> 40; };
  for (double& x : data.logits) x = static_cast<double>(next() % 4096) / 512;
  for (std::size_t i = 0; i < data.rows(); ++i) {
    const double* row = &data.logits[7 * i];
    data.labels[i] = next() % 3 == 0 ? static_cast<std::int64_t>(next() % 7) : std::max_element(row, row + 7) - row;
  }
  const TemperatureFit fit = Fit(data);
  EXPECT_EQ(fit.temperature, 0x1.c6df04de6493fp+0);
  EXPECT_EQ(fit.nll_after, 0x1.735677754cdfbp+0);
  EXPECT_EQ(fit.ece_after, 0x1.5d2007c4a87a9p-2);
}

TEST(FitTemperatureTest, RefusesAndWritesNothing) {
  const std::vector<float> x = {1, 0, 0, 1};
  const std::vector<std::int64_t> labels = {0, 1};
  const auto after = [&](auto change) {
    assay_row_args args{};
    args.struct_size = sizeof(args);
    args.rows = args.cols = 2;
    args.temperature = 1;
    args.logits = {x.data(), 2, 1};
    args.labels = {labels.data(), 1, 1};
    change(args);
    assay_temperature_fit fit{};
    fit.temperature = -7;
    const assay_status status = assay_fit_temperature(&args, &fit);
    EXPECT_EQ(fit.temperature == -7, status != ASSAY_OK);
    return status;
  };
  const std::vector<std::int64_t> bad = {0, 2};
  EXPECT_EQ(after([](auto&) {}), ASSAY_OK);
  EXPECT_EQ(after([](auto& a) { a.struct_size = 8; }), ASSAY_BAD_STRUCT);
  EXPECT_EQ(after([](auto& a) { a.temperature = 0; }), ASSAY_BAD_TEMPERATURE);
  EXPECT_EQ(after([](auto& a) { a.temperature = -1; }), ASSAY_BAD_TEMPERATURE);
  EXPECT_EQ(after([](auto& a) { a.dtype = 4; }), ASSAY_BAD_ENUM);
  EXPECT_EQ(after([](auto& a) { a.logits.data = nullptr; }), ASSAY_NULL_POINTER);
  EXPECT_EQ(after([](auto& a) { a.labels.data = nullptr; }), ASSAY_NULL_POINTER);
  EXPECT_EQ(after([&](auto& a) { a.labels.data = bad.data(); }), ASSAY_BAD_LABEL);
  EXPECT_EQ(after([](auto& a) { a.bias = a.logits; }), ASSAY_BAD_PARAMETER);
  EXPECT_EQ(after([](auto& a) { a.targets = a.logits; }), ASSAY_BAD_PARAMETER);
  EXPECT_EQ(after([](auto& a) { a.label_smoothing = 0.1; }), ASSAY_BAD_PARAMETER);
  EXPECT_EQ(after([](auto& a) { a.rows = SIZE_MAX / 2; }), ASSAY_BAD_SHAPE);
  EXPECT_EQ(assay_fit_temperature(nullptr, nullptr), ASSAY_NULL_POINTER);
  TemperatureFit fit;
  EXPECT_EQ(FitTemperature(MatrixView<const float>(x.data(), 2, 2), std::span(labels).first(1), fit),
            Status::kBadShape);
}

}  // namespace
}  // namespace assay
