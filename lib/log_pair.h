// SPDX-License-Identifier: Apache-2.0
//
// log(1 + o) in double-double, once per row: relative to the result, however small o is.
//
// Method   1 + o = 2^(k/16) (1 + f), 0 <= f < 2^(1/16) - 1 (the table of exp-inl.h), and log(1 + f) =
//          2 atanh(f / (2 + f)) by its Taylor series (Tang 1990). Where k = 0, f is o itself.
// Error    bounds::kLogPairRelative.
// FP       round-to-nearest, -ffp-contract=off; + - * / and exact fused products only.

#pragma once

#include <bit>
#include <cmath>
#include <cstddef>

#include "exp_constants.h"
#include "scalar_exp.h"

namespace assay::internal {

// Small terms are kept times 2^kLift, so that not even the low part of e^-1000 is subnormal.
inline constexpr int kLift = 600;
inline constexpr double kLifted = 0x1p600;
inline constexpr double kUnlift = 0x1p-600;

constexpr ScalarPair TimesPowerOfTwo(ScalarPair a, double power) { return {a.hi * power, a.lo * power}; }

// 2^600 log(1 + o / 2^600) for 0 <= o < 2^700.
inline ScalarPair LogOnePlusLifted(ScalarPair o) {
  // 1 / (2k + 1): those from k = 5 are multiplied by less than 2^-55.
  constexpr double kTail[] = {0x1.745d1745d1746p-4, 0x1.3b13b13b13b14p-4, 0x1.1111111111111p-4, 0x1.e1e1e1e1e1e1ep-5,
                              0x1.af286bca1af28p-5};
  constexpr ScalarPair kHead[] = {{1, 0},
                                  {0x1.5555555555555p-2, 0x1.5555555555555p-56},
                                  {0x1.999999999999ap-3, -0x1.999999999999ap-57},
                                  {0x1.2492492492492p-3, 0x1.2492492492492p-57},
                                  {0x1.c71c71c71c71cp-4, 0x1.c71c71c71c71cp-58}};
  const ScalarPair sum = Add({1, 0}, TimesPowerOfTwo(o, kUnlift));
  int exponent = 0;
  const double mantissa = 2 * std::frexp(sum.hi, &exponent);
  --exponent;
  std::size_t j = 15;
  while (constants::kPowerHi[j] > mantissa) --j;
  const double k = 16.0 * exponent + static_cast<double>(j);

  ScalarPair f = o;
  if (k != 0) {
    ScalarPair m = TimesPowerOfTwo(sum, std::ldexp(1.0, -exponent));
    if (j != 0) {
      const ScalarPair power = {constants::kPowerHi[16 - j], constants::kPowerLo[16 - j]};
      m = TimesPowerOfTwo(MultiplyScalar(m, power), 0.5);
    }
    f = TimesPowerOfTwo(TwoSumScalar(m.hi - 1.0, m.lo), kLifted);  // m.hi - 1 is exact
  }
  const ScalarPair s = MultiplyScalar(f, Reciprocal(Add({2, 0}, TimesPowerOfTwo(f, kUnlift))));
  const ScalarPair s_plain = TimesPowerOfTwo(s, kUnlift);
  const ScalarPair q = MultiplyScalar(s_plain, s_plain);
  double tail = kTail[4];
  for (int i = 3; i >= 0; --i) tail = kTail[i] + q.hi * tail;
  ScalarPair series = {tail, 0};
  for (int i = 4; i >= 0; --i) series = Add(kHead[i], MultiplyScalar(q, series));
  const ScalarPair of_f = TimesPowerOfTwo(MultiplyScalar(s, series), 2.0);
  if (k == 0) return of_f;
  const ScalarPair of_power =
      Add(TwoSumScalar(k * constants::kStep1, k * constants::kStep2), {k * constants::kStep3, 0});
  return Add(TimesPowerOfTwo(of_power, kLifted), of_f);
}

}  // namespace assay::internal
