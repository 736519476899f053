// SPDX-License-Identifier: Apache-2.0
//
// The contract of assay.h that can be stated without an oracle: special values, refusals, environment, in place.

#include "assay/softmax.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cfenv>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "kernels.h"

namespace assay {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr std::uint32_t kCanonicalNaN = 0x7FC00000;

std::vector<float> Probs(const std::vector<float>& logits, double temperature = 1.0,
                         const std::vector<std::uint8_t>& mask = {}, EmptyRow empty_row = EmptyRow::kAuto) {
  std::vector<float> probs(logits.size(), -7.0f);
  SoftmaxOptions options;
  options.temperature = temperature;
  options.empty_row = empty_row;
  if (!mask.empty()) options.mask = std::span<const std::uint8_t>(mask);
  EXPECT_EQ(Softmax(std::span<const float>(logits), std::span<float>(probs), options), Status::kOk);
  return probs;
}

void ExpectBits(const std::vector<float>& got, const std::vector<float>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(got[i]), std::bit_cast<std::uint32_t>(want[i]))
        << "entry " << i << ": got " << got[i] << ", want " << want[i];
  }
}

void ExpectAllNaN(const std::vector<float>& got) { ExpectBits(got, std::vector<float>(got.size(), kNaN)); }

std::vector<float> Normals(std::size_t n, float sigma, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, sigma);
  std::vector<float> x(n);
  for (float& v : x) v = normal(random);
  return x;
}

TEST(SoftmaxTest, GivesTheSharesOfSmallRows) {
  // Digits: 1/(1+e^-1) = 0.731058578630004879..., its rest 0.268941421369995120...
  ExpectBits(Probs({1, 0}), {0.73105857863000488f, 0.26894142136999512f});
  ExpectBits(Probs({5, 5, 5, 5}), {0.25f, 0.25f, 0.25f, 0.25f});
  ExpectBits(Probs({1000, 0}), {1.0f, 0.0f});
}

TEST(SoftmaxTest, KeepsSubnormalShares) {
  // e^-100 = 3.7200759760208359630e-44, between two subnormals.
  ExpectBits(Probs({0, -100}), {1.0f, 3.7200759760208359630e-44f});
  ExpectBits(Probs({0, -104.5f}), {1.0f, 0.0f});
}

TEST(SoftmaxTest, MakesTheRowNaNForAVisibleNaNOrInfinity) {
  ExpectAllNaN(Probs({1, kNaN, 2}));
  ExpectAllNaN(Probs({1, -kNaN, 2}));
  ExpectAllNaN(Probs({1, kInf, 2}));
  ExpectAllNaN(Probs({1, kInf, kInf}, 0.0));
  ExpectAllNaN(Probs({1, kNaN, kInf}, std::numeric_limits<double>::infinity()));
  EXPECT_EQ(std::bit_cast<std::uint32_t>(Probs({kNaN})[0]), kCanonicalNaN);
}

TEST(SoftmaxTest, GivesMaskedAndMinusInfinityExactlyPlusZero) {
  ExpectBits(Probs({3, kNaN, 3, -kInf}, 1.0, {1, 0, 2, 1}), {0.5f, 0.0f, 0.5f, 0.0f});
  ExpectBits(Probs({-kInf, -3e38f}), {0.0f, 1.0f});
}

TEST(SoftmaxTest, FollowsEmptyRow) {
  const std::vector<float> hidden = {-kInf, -kInf};
  ExpectAllNaN(Probs(hidden));
  ExpectBits(Probs(hidden, 1.0, {}, EmptyRow::kZero), {0, 0});
  ExpectBits(Probs({1, 2}, 1.0, {0, 0}), {0, 0});
  ExpectAllNaN(Probs({1, 2}, 1.0, {0, 0}, EmptyRow::kNaN));
}

TEST(SoftmaxTest, TakesTheLimitsOfTemperature) {
  const double inf = std::numeric_limits<double>::infinity();
  ExpectBits(Probs({1, 3, 3, -kInf}, 0.0), {0, 0.5f, 0.5f, 0});
  ExpectBits(Probs({1, 3, 3, -kInf}, -0.0), {0, 0.5f, 0.5f, 0});
  ExpectBits(Probs({1, 3, 3, -kInf}, 5e-324), {0, 0.5f, 0.5f, 0});
  ExpectBits(Probs({1, -3e38f, 3e38f, -kInf}, inf), {1.0f / 3, 1.0f / 3, 1.0f / 3, 0});
  ExpectBits(Probs({1, -3e38f, 3e38f, -kInf}, 1e300), {1.0f / 3, 1.0f / 3, 1.0f / 3, 0});
  ExpectBits(Probs({-0.0f, 0.0f}, 0.0), {0.5f, 0.5f});
}

// Runs the exact kernel from that step of its ladder on.
void RunFromStep(const assay_row_args& args, int step) {
  internal::Request request;
  ASSERT_EQ(internal::CheckRequest(ASSAY_SOFTMAX, &args, &request), ASSAY_OK);
  request.first_step = step;
  internal::ChosenKernels().rows.of[ASSAY_TIER_EXACT][ASSAY_SOFTMAX][ASSAY_F32](request);
}

assay_row_args RowsOf(const float* logits, float* probs, std::size_t rows, std::size_t cols, std::size_t stride,
                      double temperature) {
  assay_row_args args{};
  args.struct_size = sizeof(args);
  args.rows = rows;
  args.cols = cols;
  args.logits = {logits, static_cast<std::ptrdiff_t>(stride), 1};
  args.out = {probs, static_cast<std::ptrdiff_t>(stride), 1};
  args.temperature = temperature;
  return args;
}

TEST(SoftmaxTest, RoundsTheSameWhicheverStepOfTheLadderDecides) {
  for (const double temperature : {1.0, 0.1, 0.7, 3.0, 1e-30, 1e30}) {
    for (const std::size_t n : {1, 2, 3, 7, 8, 9, 31, 33, 255, 1000, 6144, 6145, 20000}) {
      for (const float sigma : {1.0f, 10.0f, 60.0f}) {
        const std::vector<float> x = Normals(n, sigma, 17);
        std::vector<float> fast(n), climbed(n);
        RunFromStep(RowsOf(x.data(), fast.data(), 1, n, n, temperature), 0);
        for (const int step : {1, 2}) {
          if (step == 2 && n > 300) continue;  // integers take microseconds an entry
          RunFromStep(RowsOf(x.data(), climbed.data(), 1, n, n, temperature), step);
          ASSERT_EQ(std::memcmp(fast.data(), climbed.data(), n * sizeof(float)), 0)
              << n << " " << temperature << " step " << step;
        }
      }
    }
  }
}

TEST(SoftmaxTest, GivesTheSameBitsInPlaceAndWithStrides) {
  constexpr std::size_t kRows = 5;
  for (const std::size_t cols : {1, 2, 15, 16, 17, 300, 7000}) {
    for (const int step : {0, 1}) {
      const std::vector<float> x = Normals(kRows * cols, 5, 23);
      std::vector<float> want(kRows * cols);
      RunFromStep(RowsOf(x.data(), want.data(), kRows, cols, cols, 0.7), step);
      const std::size_t stride = cols + 3;
      std::vector<float> padded(kRows * stride, 42.0f);
      for (std::size_t r = 0; r < kRows; ++r) std::copy_n(&x[r * cols], cols, &padded[r * stride]);
      RunFromStep(RowsOf(padded.data(), padded.data(), kRows, cols, stride, 0.7), step);
      for (std::size_t r = 0; r < kRows; ++r) {
        ASSERT_EQ(std::memcmp(&padded[r * stride], &want[r * cols], cols * sizeof(float)), 0) << cols;
        for (std::size_t j = cols; j < stride; ++j) ASSERT_EQ(padded[r * stride + j], 42.0f);
      }
    }
  }
}

TEST(SoftmaxTest, RepeatsARowWithStrideZero) {
  const std::vector<float> x = {1, 2};
  std::vector<float> probs(6);
  ASSERT_EQ(Softmax(MatrixView<const float>(x.data(), 3, 2, 0), MatrixView<float>(probs.data(), 3, 2)), Status::kOk);
  ExpectBits({probs[4], probs[5]}, {probs[0], probs[1]});
}

TEST(SoftmaxTest, TakesRowsBackwards) {
  const std::vector<float> x = {1, 2, 3, 5};
  const std::vector<std::uint8_t> mask = {1, 1, 1, 0};
  SoftmaxOptions options;
  options.mask = MatrixView<const std::uint8_t>(mask.data() + 2, 2, 2, -2);
  std::vector<float> probs(5, -7.0f);
  ASSERT_EQ(
      Softmax(MatrixView<const float>(x.data() + 2, 2, 2, -2), MatrixView<float>(probs.data() + 3, 2, 2, -3), options),
      Status::kOk);
  const std::vector<float> last = Probs({1, 2});
  ExpectBits(probs, {last[0], last[1], -7, 1, 0});
}

TEST(SoftmaxTest, IgnoresTheStrideOfADimensionOfOne) {
  std::vector<float> x = {1, 9, 2, 9}, probs(4, -7.0f);
  assay_row_args args{};
  args.struct_size = sizeof(args);
  args.temperature = 1.0;
  args.rows = 2;
  args.cols = 1;
  args.logits = {x.data(), 2, 77};
  args.out = {probs.data(), 1, 0};
  ASSERT_EQ(assay_softmax(&args), ASSAY_OK);
  ExpectBits(probs, {1, 1, -7, -7});
  args.rows = 1;
  args.cols = 2;
  args.logits = {x.data(), PTRDIFF_MIN, 1};
  args.out = {probs.data(), 0, 1};
  ASSERT_EQ(assay_softmax(&args), ASSAY_OK);
  EXPECT_GT(probs[1], 0.99f);
}

assay_row_args Args(const float* logits, float* probs, std::size_t rows, std::size_t cols) {
  assay_row_args args{};
  args.struct_size = sizeof(args);
  args.rows = rows;
  args.cols = cols;
  args.logits = {logits, static_cast<std::ptrdiff_t>(cols), 1};
  args.mask.row_stride = static_cast<std::ptrdiff_t>(cols);
  args.mask.col_stride = 1;
  args.out = {probs, static_cast<std::ptrdiff_t>(cols), 1};
  args.temperature = 1.0;
  return args;
}

// A buffer whose first half is the logits and whose second half is out, both [2, 8].
class Refusals : public testing::Test {
 protected:
  // What a call answers after `change`; it must have written nothing.
  template <class Change>
  assay_status After(Change change) {
    assay_row_args args = Args(buffer_.data(), buffer_.data() + 32, 2, 8);
    change(args);
    const std::vector<float> before = buffer_;
    const assay_status status = assay_softmax(&args);
    EXPECT_EQ(buffer_, before);
    return status;
  }

  std::vector<float> buffer_ = std::vector<float>(64, 3.0f);
};

TEST_F(Refusals, NameBadValues) {
  EXPECT_EQ(assay_softmax(nullptr), ASSAY_NULL_POINTER);
  EXPECT_EQ(After([](auto& a) { a.struct_size = 8; }), ASSAY_BAD_STRUCT);
  EXPECT_EQ(After([](auto& a) { a.dtype = 9; }), ASSAY_BAD_ENUM);
  EXPECT_EQ(After([](auto& a) { a.empty_row = 3; }), ASSAY_BAD_ENUM);
  EXPECT_EQ(After([](auto& a) { a.empty_row = -1; }), ASSAY_BAD_ENUM);
  EXPECT_EQ(After([](auto& a) { a.reduction = 3; }), ASSAY_BAD_ENUM);
  EXPECT_EQ(After([](auto& a) { a.temperature = -1e-300; }), ASSAY_BAD_TEMPERATURE);
  EXPECT_EQ(After([](auto& a) { a.temperature = std::nan(""); }), ASSAY_BAD_TEMPERATURE);
  EXPECT_EQ(After([](auto& a) { a.label_smoothing = 2; }), ASSAY_BAD_PARAMETER);
}

TEST_F(Refusals, NameOperandsThatSoftmaxHasNot) {
  const float other = 0;
  EXPECT_EQ(After([&](auto& a) { a.saved.data = &other; }), ASSAY_BAD_PARAMETER);
  EXPECT_EQ(After([&](auto& a) { a.upstream.data = &other; }), ASSAY_BAD_PARAMETER);
  EXPECT_EQ(After([&](auto& a) { a.targets.data = &other; }), ASSAY_BAD_PARAMETER);
  EXPECT_EQ(After([&](auto& a) { a.labels.data = &other; }), ASSAY_BAD_PARAMETER);
}

TEST_F(Refusals, NameBadShapes) {
  EXPECT_EQ(After([](auto& a) { a.out.row_stride = 7; }), ASSAY_BAD_SHAPE);
  EXPECT_EQ(After([](auto& a) { a.out.row_stride = -7; }), ASSAY_BAD_SHAPE);
  EXPECT_EQ(After([](auto& a) { a.out.col_stride = 0; }), ASSAY_BAD_SHAPE);
  EXPECT_EQ(After([](auto& a) { a.out.col_stride = 2; }), ASSAY_BAD_SHAPE);
  EXPECT_EQ(After([](auto& a) { a.rows = SIZE_MAX; }), ASSAY_BAD_SHAPE);
  EXPECT_EQ(After([](auto& a) { a.cols = SIZE_MAX / 4; }), ASSAY_BAD_SHAPE);
  EXPECT_EQ(After([](auto& a) { a.logits.row_stride = PTRDIFF_MAX / 4; }), ASSAY_BAD_SHAPE);
  EXPECT_EQ(After([](auto& a) { a.logits.row_stride = PTRDIFF_MIN; }), ASSAY_BAD_SHAPE);
  EXPECT_EQ(After([](auto& a) { a.logits.col_stride = PTRDIFF_MAX / 8; }), ASSAY_BAD_SHAPE);
}

TEST_F(Refusals, NameNullPointersAndOverlaps) {
  EXPECT_EQ(After([](auto& a) { a.logits.data = nullptr; }), ASSAY_NULL_POINTER);
  EXPECT_EQ(After([](auto& a) { a.out.data = nullptr; }), ASSAY_NULL_POINTER);
  EXPECT_EQ(After([&](auto& a) { a.out.data = buffer_.data() + 15; }), ASSAY_OVERLAP);
  EXPECT_EQ(After([&](auto& a) { a.logits.data = buffer_.data() + 47; }), ASSAY_OVERLAP);
  EXPECT_EQ(After([&](auto& a) {
              a.logits.data = buffer_.data() + 47;
              a.logits.row_stride = -9;
            }),
            ASSAY_OVERLAP);
  EXPECT_EQ(After([&](auto& a) {
              a.logits.data = a.out.data;
              a.logits.row_stride = 9;
            }),
            ASSAY_OVERLAP);
  EXPECT_EQ(After([&](auto& a) { a.mask.data = buffer_.data() + 47; }), ASSAY_OVERLAP);
}

TEST(SoftmaxTest, AcceptsEmptyShapesWithoutPointers) {
  assay_row_args args = Args(nullptr, nullptr, 0, 8);
  EXPECT_EQ(assay_softmax(&args), ASSAY_OK);
  args = Args(nullptr, nullptr, 8, 0);
  EXPECT_EQ(assay_softmax(&args), ASSAY_OK);
}

TEST(SoftmaxTest, RefusesViewsOfDifferentShapes) {
  std::vector<float> x(6), y(6);
  EXPECT_EQ(Softmax(std::span<const float>(x), std::span<float>(y).first(5)), Status::kBadShape);
  const std::vector<std::uint8_t> mask(5, 1);
  SoftmaxOptions options;
  options.mask = std::span<const std::uint8_t>(mask);
  EXPECT_EQ(Softmax(std::span<const float>(x), std::span<float>(y), options), Status::kBadShape);
}

TEST(SoftmaxTest, NamesEveryStatus) {
  const auto expect = [](assay_status status, const char* name) { EXPECT_STREQ(assay_status_name(status), name); };
  expect(ASSAY_OK, "ASSAY_OK");
  expect(ASSAY_BAD_STRUCT, "ASSAY_BAD_STRUCT");
  expect(ASSAY_BAD_SHAPE, "ASSAY_BAD_SHAPE");
  expect(ASSAY_BAD_TEMPERATURE, "ASSAY_BAD_TEMPERATURE");
  expect(ASSAY_BAD_ENUM, "ASSAY_BAD_ENUM");
  expect(ASSAY_NULL_POINTER, "ASSAY_NULL_POINTER");
  expect(ASSAY_OVERLAP, "ASSAY_OVERLAP");
  expect(ASSAY_UNSUPPORTED, "ASSAY_UNSUPPORTED");
  expect(ASSAY_BAD_LABEL, "ASSAY_BAD_LABEL");
  expect(ASSAY_BAD_PARAMETER, "ASSAY_BAD_PARAMETER");
  expect(ASSAY_BAD_LENGTH, "ASSAY_BAD_LENGTH");
  expect(ASSAY_SMALL_SCRATCH, "ASSAY_SMALL_SCRATCH");
  expect(static_cast<assay_status>(15), "unknown status");
}

#if defined(__x86_64__)
TEST(SoftmaxTest, NeitherFeelsNorChangesTheCallersFloatingPointEnvironment) {
  const std::vector<float> x = {0, -95, -100, 3, 0.3f};
  const std::vector<float> want = Probs(x, 0.7);
  for (const unsigned rounding : {0x0000u, 0x2000u, 0x4000u, 0x6000u}) {
    for (const unsigned flush : {0x0000u, 0x8040u}) {
      const unsigned caller = 0x1F80u | rounding | flush | 0x0001u;  // with one sticky flag up
      const unsigned saved = _mm_getcsr();
      _mm_setcsr(caller);
      std::vector<float> got(x.size());
      const assay_row_args args = [&] {
        assay_row_args a = Args(x.data(), got.data(), 1, x.size());
        a.temperature = 0.7;
        return a;
      }();
      const assay_status status = assay_softmax(&args);
      const unsigned after = _mm_getcsr();
      _mm_setcsr(saved);
      EXPECT_EQ(status, ASSAY_OK);
      EXPECT_EQ(after, caller);
      ExpectBits(got, want);
    }
  }
}
#endif

}  // namespace
}  // namespace assay
