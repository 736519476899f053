// SPDX-License-Identifier: Apache-2.0
//
// Top-k and top-p: which entries are kept, against sorting and sums in long double, and that what is written is the
// softmax of these.

#include "assay/sampling.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "sampling.h"

namespace assay {
namespace {

using Mask = std::vector<std::uint8_t>;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
// What the long double sums below may be off by; what lies closer to p is another test's.
constexpr long double kDoubt = 1e-17L;

std::vector<float> Written(const std::vector<float>& x, std::size_t k, double p, const SamplingOptions& options = {}) {
  std::vector<float> out(x.size(), -7.0f);
  EXPECT_EQ(TopKTopP(x, k, p, out, options), Status::kOk);
  return out;
}

std::vector<float> SoftmaxOf(const std::vector<float>& x, const Mask& kept, double temperature) {
  std::vector<float> out(x.size());
  SoftmaxOptions options;
  options.temperature = temperature;
  options.mask = kept;
  EXPECT_EQ(Softmax(x, out, options), Status::kOk);
  return out;
}

void ExpectBits(const std::vector<float>& got, const std::vector<float>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(got[i]), std::bit_cast<std::uint32_t>(want[i]))
        << "entry " << i << ": got " << got[i] << ", want " << want[i];
  }
}

// The kept entries by sorting. `doubtful` is set where a sum of shares is too close to p for long double.
Mask Sorted(const std::vector<double>& x, const Mask& mask, std::size_t k, double p, double temperature,
            bool* doubtful) {
  std::vector<std::size_t> order;
  for (std::size_t j = 0; j < x.size(); ++j) {
    if ((mask.empty() || mask[j] != 0) && x[j] > -std::numeric_limits<double>::infinity()) order.push_back(j);
  }
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return x[a] != x[b] ? x[a] > x[b] : a < b; });
  if (k != 0 && k < order.size()) order.resize(k);
  std::vector<long double> weight;
  for (const std::size_t j : order) {
    const long double d = static_cast<long double>(x[j]) - x[order[0]];
    weight.push_back(d == 0 || std::isinf(temperature) ? 1.0L : temperature == 0 ? 0.0L : std::exp(d / temperature));
  }
  // Smallest first: an error of n u at most.
  const long double total = std::accumulate(weight.rbegin(), weight.rend(), 0.0L);
  *doubtful = false;
  Mask kept(x.size(), 0);
  long double sum = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    kept[order[i]] = 1;
    sum += weight[i];
    const bool all_equal = weight.back() == 1 || temperature == 0;  // then sums and p * total are integers or exact
    if (!all_equal && p > 0 && p < 1 && std::fabs(sum / total - p) < kDoubt) *doubtful = true;
    if (p == 0 || (p < 1 && sum >= p * total)) break;
  }
  return kept;
}

struct Draw {
  std::vector<float> x;
  Mask mask;
  std::size_t k;
  double p;
  double temperature;
};

// Rows with ties, signed zeros, -inf and masks; p among others at and next to a sum of shares.
Draw DrawOne(std::mt19937_64& random) {
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  Draw d;
  const std::size_t n = 1 + below(below(4) == 0 ? 700 : 20);
  const float sigma = std::vector<float>{0.0f, 0.5f, 2.0f, 10.0f, 60.0f}[below(5)];
  const float grid = std::vector<float>{0.0f, 1.0f, 0.25f}[below(3)];
  std::normal_distribution<float> normal(0, 1);
  for (std::size_t j = 0; j < n; ++j) {
    float v = sigma * normal(random);
    if (grid != 0) v = std::round(v / grid) * grid;
    if (below(30) == 0) v = -kInf;
    if (below(30) == 0) v = -0.0f;
    d.x.push_back(v);
  }
  if (below(3) == 0) {
    for (std::size_t j = 0; j < n; ++j) {
      d.mask.push_back(below(3) == 0 ? std::uint8_t{0} : std::uint8_t{2});
      if (d.mask.back() == 0 && below(4) == 0) d.x[j] = kNaN;
    }
  }
  d.temperature = std::vector<double>{1, 1, 0.7, 3, 0.01, 1e30, 0, std::numeric_limits<double>::infinity()}[below(8)];
  d.k = std::vector<std::size_t>{0, 1, 2, below(n + 1), n, n + 5, 50}[below(7)];
  const double uniform = static_cast<double>(random() >> 11) * 0x1p-53;
  d.p = std::vector<double>{0, 1, 0.5, 0.9, uniform, 0x1.fffffffffffffp-1, 1e-300, -1}[below(8)];
  if (d.p == -1) {
    // A sum of shares, or the double below or above it.
    std::vector<double> z;
    for (std::size_t j = 0; j < n; ++j) {
      if (d.mask.empty() || d.mask[j] != 0) z.push_back(static_cast<double>(d.x[j]));
    }
    std::sort(z.rbegin(), z.rend());
    if (d.k != 0 && d.k < z.size()) z.resize(d.k);
    long double sum = 0, part = 0;
    const std::size_t until = below(n);
    for (std::size_t j = z.size(); j-- > 0;) {
      const long double w = std::exp((static_cast<long double>(z[j]) - z[0]) / d.temperature);
      sum += w;
      if (j <= until) part += w;
    }
    d.p = static_cast<double>(part / sum);
    if (below(3) != 0) d.p = std::nextafter(d.p, below(2) == 0 ? 0.0 : 2.0);
    if (!(d.p >= 0 && d.p <= 1)) d.p = 0.3;
  }
  return d;
}

TEST(SamplingTest, KeepsWhatSortingKeepsAndWritesItsSoftmax) {
  std::mt19937_64 random(20261121);
  int doubtful_cases = 0, pairs = 0;
  for (int i = 0; i < 30000; ++i) {
    const Draw d = DrawOne(random);
    const std::vector<double> x(d.x.begin(), d.x.end());
    bool doubtful;
    const Mask kept = Sorted(x, d.mask, d.k, d.p, d.temperature, &doubtful);
    SamplingOptions options;
    options.temperature = d.temperature;
    options.mask = d.mask;
    options.empty_row = EmptyRow::kZero;
    const std::vector<float> got = Written(d.x, d.k, d.p, options);
    if (doubtful) {
      ++doubtful_cases;
      continue;
    }
    ExpectBits(got, SoftmaxOf(d.x, kept, d.temperature));
    if (HasFailure()) FAIL() << "case " << i << ": k " << d.k << ", p " << d.p << ", T " << d.temperature;

    assay_row_args args{};
    args.cols = d.x.size();
    args.logits = {d.x.data(), 0, 1};
    args.mask = {d.mask.empty() ? nullptr : d.mask.data(), 0, 1};
    const internal::LogitsRow row(args, 0);
    const internal::RowRange range = internal::RangeOf(row);
    if (range.visible == 0) continue;
    internal::Rung rung;
    const internal::Cut cut =
        internal::Nucleus(row, range.max, d.k, d.p, d.temperature, internal::Rung::kDouble, &rung);
    pairs += rung == internal::Rung::kPairs ? 1 : 0;
    const internal::Cut climbed = internal::Nucleus(row, range.max, d.k, d.p, d.temperature, internal::Rung::kPairs);
    ASSERT_EQ(cut.key, climbed.key);
    ASSERT_EQ(cut.ties, climbed.ties);
  }
  EXPECT_LT(doubtful_cases, 300);
  EXPECT_GT(pairs, 500);  // that is, p within 2^-44 of a sum of shares
}

// k of n equal logits have the share k / n exactly: 3/4 is reached by 3 of 4 and by no fewer, and the next double by
// all.
TEST(SamplingTest, DecidesEqualLogitsExactly) {
  for (const std::size_t n : {1, 2, 4, 8, 64, 1024}) {
    const std::vector<float> x(n, 2.5f);
    for (std::size_t k = 1; k <= n; k += 1 + n / 9) {
      const double p = static_cast<double>(k) / static_cast<double>(n);  // exact, n is a power of two
      Mask first_k(n, 0);
      std::fill_n(first_k.begin(), k, std::uint8_t{1});
      ExpectBits(Written(x, 0, p), SoftmaxOf(x, first_k, 1.0));
      ExpectBits(Written(x, 0, std::nextafter(p, 0.0)), SoftmaxOf(x, first_k, 1.0));
      if (k == n) continue;
      first_k[k] = 1;
      ExpectBits(Written(x, 0, std::nextafter(p, 1.0)), SoftmaxOf(x, first_k, 1.0));
    }
  }
  // 2/3 rounds down as a double, so that two of three reach it; 1/3 rounds down too; 1/5 rounds up.
  ExpectBits(Written({1, 1, 1}, 0, 2.0 / 3), {0.5f, 0.5f, 0});
  ExpectBits(Written({1, 1, 1}, 0, 1.0 / 3), {1, 0, 0});
  ExpectBits(Written({1, 1, 1, 1, 1}, 0, 1.0 / 5), {0.5f, 0.5f, 0, 0, 0});
}

TEST(SamplingTest, DefinesTheEndsOfKAndP) {
  const std::vector<float> x = {1, 3, 2, 3};
  ExpectBits(Written(x, 0, 0), {0, 1, 0, 0});  // p = 0: the first of the largest
  ExpectBits(Written(x, 3, 0), {0, 1, 0, 0});
  for (const double p : {5e-324, 1e-300, 1e-45, 1e-35, 1e-25, 1e-9}) ExpectBits(Written(x, 0, p), {0, 1, 0, 0});
  ExpectBits(Written(x, 1, 1), {0, 1, 0, 0});  // k = 1 likewise
  ExpectBits(Written(x, 2, 1), {0, 0.5f, 0, 0.5f});
  ExpectBits(Written(x, 0, 1), SoftmaxOf(x, {1, 1, 1, 1}, 1.0));  // k = 0 and p = 1: all
  ExpectBits(Written(x, 4, 1), SoftmaxOf(x, {1, 1, 1, 1}, 1.0));
  ExpectBits(Written(x, SIZE_MAX, 1), SoftmaxOf(x, {1, 1, 1, 1}, 1.0));
  ExpectBits(Written({-0.0f, 0.0f}, 1, 1), {1, 0});               // equal zeros: by column
  ExpectBits(Written({2, 2, 2, 2}, 3, 0.5), {0.5f, 0.5f, 0, 0});  // top-p is of what top-k keeps: 2/3 >= 0.5 > 1/3
  // The first has 0.731 of the first two and 0.721 of all three.
  ExpectBits(Written({1, 0, -3}, 2, 0.725), {1, 0, 0});
  EXPECT_GT(Written({1, 0, -3}, 3, 0.725)[1], 0);
}

TEST(SamplingTest, KeepsTheOrderOfLogitsAtTheLimitsOfTemperature) {
  const std::vector<float> x = {1, 4, 4, 2, 4};
  SamplingOptions options;
  options.temperature = 0;
  ExpectBits(Written(x, 2, 1, options), {0, 0.5f, 0.5f, 0, 0});
  ExpectBits(Written(x, 0, 0.5, options), {0, 0.5f, 0.5f, 0, 0});  // 2/3 >= 0.5
  ExpectBits(Written(x, 0, 1, options), SoftmaxOf(x, {1, 1, 1, 1, 1}, 0.0));
  options.temperature = std::numeric_limits<double>::infinity();
  ExpectBits(Written(x, 4, 1, options), {0, 0.25f, 0.25f, 0.25f, 0.25f});
  ExpectBits(Written(x, 0, 0.75, options), {0, 0.25f, 0.25f, 0.25f, 0.25f});  // 4/5 >= 3/4 > 3/5
  // Subnormal T is an ordinary T.
  options.temperature = 5e-324;
  ExpectBits(Written({0, 0, 1e-45f}, 0, 0.999, options), {0, 0, 1});
}

TEST(SamplingTest, FollowsTheRowContractOfSoftmax) {
  SamplingOptions options;
  const Mask mask = {1, 0, 1};
  options.mask = mask;
  ExpectBits(Written({1, kNaN, 1}, 2, 0.9, options), {0.5f, 0, 0.5f});
  ExpectBits(Written({kNaN, 1, 1}, 2, 0.9, options), {kNaN, kNaN, kNaN});
  ExpectBits(Written({kInf, 1, 1}, 1, 0, options), {kNaN, kNaN, kNaN});
  ExpectBits(Written({-kInf, 1, -kInf}, 1, 0.5, options), {0, 0, 0});  // a mask is given: no mass
  ExpectBits(Written({-kInf, -kInf}, 1, 0.5), {kNaN, kNaN});           // none is: NaN
  options.empty_row = EmptyRow::kNaN;
  ExpectBits(Written({-kInf, 1, -kInf}, 1, 0.5, options), {kNaN, kNaN, kNaN});
  std::vector<float> none;
  EXPECT_EQ(TopKTopP(none, 3, 0.5, none), Status::kOk);
}

TEST(SamplingTest, GivesTheSameInPlaceAndForEveryRowApart) {
  std::mt19937_64 random(4);
  std::normal_distribution<float> normal(0, 4);
  constexpr std::size_t kRows = 6, kCols = 40;
  std::vector<float> x(kRows * kCols);
  for (float& v : x) v = normal(random);
  std::vector<float> all(x.size());
  ASSERT_EQ(TopKTopP(MatrixView(x.data(), kRows, kCols), 12, 0.8, MatrixView(all.data(), kRows, kCols)), Status::kOk);
  std::vector<float> in_place = x;
  const MatrixView<float> view(in_place.data(), kRows, kCols);
  ASSERT_EQ(TopKTopP(view, 12, 0.8, view), Status::kOk);
  ExpectBits(in_place, all);
  for (std::size_t i = 0; i < kRows; ++i) {
    const std::vector<float> row(&x[i * kCols], &x[i * kCols] + kCols);
    ExpectBits(Written(row, 12, 0.8), std::vector<float>(&all[i * kCols], &all[i * kCols] + kCols));
  }
}

TEST(SamplingTest, KeepsTheSameEntriesInAnyOrder) {
  std::mt19937_64 random(9);
  std::vector<float> x(3000);
  for (std::size_t j = 0; j < x.size(); ++j) x[j] = static_cast<float>(j) * 0.003f;  // all different
  const std::vector<float> want = Written(x, 0, 0.95);
  std::vector<std::size_t> order(x.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::shuffle(order.begin(), order.end(), random);
  std::vector<float> shuffled(x.size()), back(x.size());
  for (std::size_t j = 0; j < x.size(); ++j) shuffled[j] = x[order[j]];
  const std::vector<float> got = Written(shuffled, 0, 0.95);
  for (std::size_t j = 0; j < x.size(); ++j) back[order[j]] = got[j];
  ExpectBits(back, want);
}

TEST(SamplingTest, FindsTheCutOfLongRows) {
  std::vector<float> x(1 << 20);
  std::mt19937_64 random(2);
  std::normal_distribution<float> normal(0, 3);
  for (float& v : x) v = normal(random);
  const std::vector<double> wide(x.begin(), x.end());
  for (const auto& [k, p] : std::vector<std::pair<std::size_t, double>>{{50, 1.0}, {0, 0.9}, {100000, 0.99}}) {
    bool doubtful;
    const Mask kept = Sorted(wide, {}, k, p, 1.0, &doubtful);
    ASSERT_FALSE(doubtful);
    ExpectBits(Written(x, k, p), SoftmaxOf(x, kept, 1.0));
  }
}

// The cut alone, in types that need more digits: sorting in long double as before.
TEST(SamplingTest, CutsRowsOfDoubles) {
  std::mt19937_64 random(6);
  std::normal_distribution<double> normal(0, 5);
  for (int i = 0; i < 2000; ++i) {
    std::vector<double> x(1 + random() % 60);
    for (double& v : x) v = normal(random);
    if (random() % 4 == 0) x.push_back(x[0]);
    const double scale = std::vector<double>{1, 1e-310, 1e307}[random() % 3];
    for (double& v : x) v = std::clamp(v, -17.0, 17.0) * scale;  // differences of the largest overflow
    const std::size_t k = random() % (x.size() + 1);
    const double p = static_cast<double>(random() >> 11) * 0x1p-53;
    bool doubtful;
    const Mask kept = Sorted(x, {}, k, p, scale, &doubtful);
    if (doubtful || p == 0) continue;
    assay_row_args args{};
    args.cols = x.size();
    args.dtype = ASSAY_F64;
    args.logits = {x.data(), 0, 1};
    const internal::LogitsRow row(args, 0);
    for (const internal::Rung rung : {internal::Rung::kDouble, internal::Rung::kPairs}) {
      const internal::Cut cut = internal::Nucleus(row, internal::RangeOf(row).max, k, p, scale, rung);
      std::uint64_t ties = 0;
      for (std::size_t j = 0; j < x.size(); ++j) {
        const std::uint64_t key = internal::KeyOf(ASSAY_F64, x[j]);
        ASSERT_EQ(key > cut.key || (key == cut.key && ties++ < cut.ties), kept[j] != 0) << i << " " << j;
      }
    }
  }
}

TEST(SamplingTest, RefusesAndWritesNothing) {
  const std::vector<float> x = {1, 2};
  std::vector<float> out = {-7, -7};
  const auto after = [&](std::size_t k, double p, auto change) {
    assay_row_args args{};
    args.struct_size = sizeof(args);
    args.rows = 1;
    args.cols = 2;
    args.temperature = 1;
    args.logits = {x.data(), 2, 1};
    args.out = {out.data(), 2, 1};
    change(args);
    const assay_status status = assay_top_k_top_p(&args, k, p, ASSAY_TIER_EXACT);
    EXPECT_EQ(out[0], -7);
    return status;
  };
  const auto nothing = [](auto&) {};
  EXPECT_EQ(after(1, -1e-300, nothing), ASSAY_BAD_PARAMETER);
  EXPECT_EQ(after(1, 1.5, nothing), ASSAY_BAD_PARAMETER);
  EXPECT_EQ(after(1, std::nan(""), nothing), ASSAY_BAD_PARAMETER);
  EXPECT_EQ(after(1, 1, [](auto& a) { a.bias = a.logits; }), ASSAY_BAD_PARAMETER);
  EXPECT_EQ(after(1, 1, [](auto& a) { a.temperature = -1; }), ASSAY_BAD_TEMPERATURE);
  EXPECT_EQ(after(1, 1, [](auto& a) { a.out.data = nullptr; }), ASSAY_NULL_POINTER);
  EXPECT_EQ(after(1, 1, [](auto& a) { a.logits.data = static_cast<float*>(a.out.data) + 1; }), ASSAY_OVERLAP);
  EXPECT_EQ(assay_top_k_top_p(nullptr, 1, 1, ASSAY_TIER_EXACT), ASSAY_NULL_POINTER);
  EXPECT_EQ(TopK(x, 1, std::span(out).first(1)), Status::kBadShape);
}

}  // namespace
}  // namespace assay
