// SPDX-License-Identifier: Apache-2.0
//
// The fast tier's activations on every target: the error bounds of error_bounds.h against the formulas in long double,
// rows that no constant scale suits, and one row's bits wherever it lies.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <vector>

#include "assay/assay.h"
#include "error_bounds.h"

namespace assay {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

struct Call {
  assay_op op = ASSAY_SOFTMAX;
  double temperature = 1;
  std::ptrdiff_t stride = 1;  // of logits and out
  bool in_place = false;
  std::size_t offset = 0;
};

assay_row_fn RunOf(const assay_subject& subject, assay_op op) {
  const assay_row_kernel* kernels[] = {&subject.softmax, &subject.log_softmax, &subject.logsumexp, &subject.sigmoid};
  return kernels[op]->run;
}

std::vector<float> Result(const assay_subject& subject, const Call& call, const std::vector<float>& logits) {
  const std::size_t n = logits.size();
  const std::size_t step = static_cast<std::size_t>(call.stride);
  std::vector<float> in(call.offset + n * step);
  for (std::size_t i = 0; i < n; ++i) in[call.offset + i * step] = logits[i];
  std::vector<float> out(in.size());
  float* const target = call.in_place ? in.data() : out.data();
  const auto row = static_cast<std::ptrdiff_t>(n * step);
  assay_row_args args{};
  args.struct_size = sizeof(args);
  args.rows = 1;
  args.cols = n;
  args.temperature = call.temperature;
  args.dtype = ASSAY_F32;
  args.logits = {in.data() + call.offset, row, call.stride};
  args.out = {target + call.offset, row, call.stride};
  EXPECT_EQ(RunOf(subject, call.op)(&args), ASSAY_OK);
  std::vector<float> result(call.op == ASSAY_LOGSUMEXP ? 1 : n);
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = target[call.offset + i * step];
  return result;
}

std::vector<long double> Exact(const Call& call, const std::vector<float>& logits) {
  const auto z = [&](float x) { return static_cast<long double>(x) / static_cast<long double>(call.temperature); };
  const float most = *std::max_element(logits.begin(), logits.end());
  long double maxima = 0;
  long double others = 0;
  for (const float x : logits) (x == most ? maxima : others) += x == most ? 1 : std::exp(z(x) - z(most));
  const long double log_sum = std::log1p(maxima - 1 + others);
  std::vector<long double> exact;
  if (call.op == ASSAY_LOGSUMEXP) return {z(most) + log_sum};
  for (const float x : logits) {
    const long double over = z(x) - z(most);
    exact.push_back(call.op == ASSAY_SOFTMAX       ? std::exp(over) / (maxima + others)
                    : call.op == ASSAY_LOG_SOFTMAX ? over - log_sum
                    : x < 0                        ? std::exp(z(x)) / (1 + std::exp(z(x)))
                                                   : 1 / (1 + std::exp(-z(x))));
  }
  return exact;
}

double ErrorInUlp(float got, long double exact) {
  if (exact == 0 || std::isinf(exact)) return static_cast<long double>(got) == exact ? 0 : HUGE_VAL;
  int exponent;
  std::frexp(exact, &exponent);
  const double ulp = std::ldexp(1.0, std::max(exponent - 24, -149));
  return static_cast<double>(std::fabs(static_cast<long double>(got) - exact) / static_cast<long double>(ulp));
}

double BoundOf(assay_op op) {
  return op == ASSAY_SOFTMAX       ? bounds::kFastSoftmaxUlp
         : op == ASSAY_LOG_SOFTMAX ? bounds::kFastLogSoftmaxUlp
         : op == ASSAY_LOGSUMEXP   ? bounds::kFastLogsumexpUlp
                                   : bounds::kFastSigmoidUlp;
}

void ForEachTarget(const std::function<void(const assay_subject&)>& fn) {
  for (std::size_t i = 0; i < assay_num_targets(); ++i) {
    SCOPED_TRACE(assay_target_name(i));
    fn(*assay_target_subject(i, ASSAY_TIER_FAST));
  }
}

void ExpectWithinBound(const assay_subject& subject, const Call& call, const std::vector<float>& logits) {
  const std::vector<float> got = Result(subject, call, logits);
  const std::vector<long double> exact = Exact(call, logits);
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_LE(ErrorInUlp(got[i], exact[i]), BoundOf(call.op))
        << "operation " << call.op << ", T = " << call.temperature << ", n = " << logits.size() << ", entry " << i
        << ": logit " << logits[i] << ", got " << got[i] << ", want " << exact[i];
  }
}

std::vector<float> Normals(std::size_t n, float sigma, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, sigma);
  std::vector<float> x(n);
  for (float& v : x) v = normal(random);
  return x;
}

TEST(FastTest, StaysWithinItsBoundsAtEveryTemperature) {
  ForEachTarget([](const assay_subject& subject) {
    for (const assay_op op : {ASSAY_SOFTMAX, ASSAY_LOG_SOFTMAX, ASSAY_LOGSUMEXP, ASSAY_SIGMOID}) {
      for (const double temperature : {1.0, 0.1, 0.7, 3.0, 1e-3, 1e4}) {
        for (const float sigma : {1.0f, 10.0f, 30.0f}) {
          for (const std::size_t n : {1, 2, 15, 16, 17, 63, 64, 65, 130, 1025}) {
            ExpectWithinBound(subject, {op, temperature}, Normals(n, sigma, static_cast<unsigned>(n)));
          }
        }
      }
    }
  });
}

TEST(FastTest, FindsALateMaximumOfAnySize) {
  ForEachTarget([](const assay_subject& subject) {
    for (const assay_op op : {ASSAY_SOFTMAX, ASSAY_LOG_SOFTMAX, ASSAY_LOGSUMEXP}) {
      for (const float rise : {36.0f, 53.0f, 95.0f, 300.0f, 3e3f, 1e30f, -40.0f, -300.0f, -1e30f}) {
        for (const std::size_t n : {3, 100, 1000}) {
          std::vector<float> logits = Normals(n, 1, 7);
          logits.back() += rise;
          ExpectWithinBound(subject, {op}, logits);
          for (float& x : logits) x += rise;
          ExpectWithinBound(subject, {op}, logits);
          std::sort(logits.rbegin(), logits.rend());
          ExpectWithinBound(subject, {op}, logits);
        }
      }
    }
  });
}

TEST(FastTest, KeepsTheMassOfManySmallEntries) {
  ForEachTarget([](const assay_subject& subject) {
    std::vector<float> logits(1 << 18, -17.0f);
    logits[12345] = 0;
    for (const assay_op op : {ASSAY_SOFTMAX, ASSAY_LOG_SOFTMAX}) ExpectWithinBound(subject, {op}, logits);
  });
}

TEST(FastTest, GivesOneAndZeroExactly) {
  ForEachTarget([](const assay_subject& subject) {
    for (const float x : {0.0f, -1e30f, 1e30f, 88.0f, -3.25f}) {
      std::vector<float> logits(40, -kInf);
      logits[17] = x;
      const std::vector<float> probs = Result(subject, {ASSAY_SOFTMAX}, logits);
      const std::vector<float> logs = Result(subject, {ASSAY_LOG_SOFTMAX}, logits);
      for (std::size_t i = 0; i < logits.size(); ++i) {
        EXPECT_EQ(probs[i], i == 17 ? 1.0f : 0.0f);
        EXPECT_EQ(logs[i], i == 17 ? 0.0f : -kInf);
        EXPECT_FALSE(std::signbit(probs[i]));
      }
      EXPECT_FALSE(std::signbit(logs[17]));
    }
  });
}

TEST(FastTest, ARowsBitsDoNotDependOnWhereItLies) {
  ForEachTarget([](const assay_subject& subject) {
    for (const assay_op op : {ASSAY_SOFTMAX, ASSAY_LOG_SOFTMAX, ASSAY_LOGSUMEXP, ASSAY_SIGMOID}) {
      for (const std::size_t n : {5, 64, 1000, 1025, 9000, 70000}) {
        for (const float late : {0.0f, 200.0f}) {
          std::vector<float> logits = Normals(n, 5, 3);
          logits.back() += late;
          const std::vector<float> want = Result(subject, {op}, logits);
          for (const Call& call : {Call{op, 1, 1, false, 3}, Call{op, 1, 3, false, 1}}) {
            ASSERT_EQ(Result(subject, call, logits), want) << "n = " << n << ", stride " << call.stride;
          }
          if (op != ASSAY_LOGSUMEXP) {
            for (const std::ptrdiff_t stride : {1, 2}) {
              ASSERT_EQ(Result(subject, {op, 1, stride, true, 5}, logits), want) << "in place, n = " << n;
            }
          }
        }
      }
    }
  });
}

// Loss and gradient of a label at entry `label`, in one row.
void ExpectLossWithinBound(const assay_subject& subject, double temperature, const std::vector<float>& logits,
                           std::size_t label) {
  const std::size_t n = logits.size();
  const std::vector<long double> p = Exact({ASSAY_SOFTMAX, temperature}, logits);
  const long double want = -Exact({ASSAY_LOG_SOFTMAX, temperature}, logits)[label];
  const auto index = static_cast<std::int64_t>(label);
  float loss = 0;
  std::vector<float> gradient(n);
  assay_row_args args{};
  args.struct_size = sizeof(args);
  args.rows = 1;
  args.cols = n;
  args.temperature = temperature;
  args.dtype = ASSAY_F32;
  args.logits = {logits.data(), static_cast<std::ptrdiff_t>(n), 1};
  args.labels = {&index, 1, 1};
  args.out = {&loss, 1, 1};
  ASSERT_EQ(subject.cross_entropy.run(&args), ASSAY_OK);
  EXPECT_LE(ErrorInUlp(loss, want), 0.5 + bounds::kFastLossRelative / bounds::kSingleU) << "loss " << want;
  args.out = {gradient.data(), static_cast<std::ptrdiff_t>(n), 1};
  ASSERT_EQ(subject.cross_entropy_backward.run(&args), ASSAY_OK);
  for (std::size_t i = 0; i < n; ++i) {
    const long double t = i == label ? 1 : 0;
    const auto exact = static_cast<double>((p[i] - t) / static_cast<long double>(temperature));
    const double terms = static_cast<double>(p[i] + t) / temperature;
    int exponent;
    std::frexp(exact, &exponent);
    const double half_ulp = std::ldexp(0.5, std::max(exponent - 24, -149));
    EXPECT_LE(std::fabs(static_cast<double>(gradient[i]) - exact), half_ulp + bounds::kFastLossGradientRelative * terms)
        << "entry " << i << ", label " << label;
  }
}

TEST(FastTest, LossesAndTheirGradientsStayWithinTheirBounds) {
  ForEachTarget([](const assay_subject& subject) {
    for (const double temperature : {1.0, 0.1, 3.0}) {
      for (const float sigma : {1.0f, 10.0f, 30.0f}) {
        for (const std::size_t n : {2, 17, 64, 1030}) {
          std::vector<float> logits = Normals(n, sigma, 11);
          ExpectLossWithinBound(subject, temperature, logits, 0);
          ExpectLossWithinBound(subject, temperature, logits, n - 1);
          logits[1] = 9 * sigma;  // a share near 1
          ExpectLossWithinBound(subject, temperature, logits, 0);
          ExpectLossWithinBound(subject, temperature, logits, 1);
        }
      }
    }
  });
}

}  // namespace
}  // namespace assay
