// SPDX-License-Identifier: Apache-2.0
//
// See random.h. Needs -ffp-contract=off (set for the whole project): a fused multiply-add would change the last bit.

#include "subjects/random.h"

#include <bit>
#include <cmath>

namespace assay::subjects {

std::uint64_t Fnv1a(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return hash;
}

std::uint64_t Mix(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

double PortableLog(double x) {
  // x = 2^e m, m in [sqrt(1/2), sqrt(2)); log m = 2 artanh f, f = (m - 1) / (m + 1), |f| < 0.1716. The first term left
  // out is 2 f^25 / 25 < 6e-21.
  const auto bits = std::bit_cast<std::uint64_t>(x);
  constexpr std::uint64_t kSignificand = (std::uint64_t{1} << 52) - 1;
  int exponent = static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & kSignificand) | (std::uint64_t{1023} << 52));
  if (m > 0x1.6a09e667f3bcdp0) {  // sqrt(2)
    m *= 0.5;
    ++exponent;
  }
  const double f = (m - 1) / (m + 1);
  const double f2 = f * f;
  double sum = 0;
  for (int k = 23; k >= 1; k -= 2) sum = sum * f2 + 1.0 / k;
  return exponent * 0x1.62e42fefa39efp-1 + 2 * f * sum;
}

std::uint64_t Random::Bits() { return Mix(key_ + counter_++ * 0x9E3779B97F4A7C15u); }

std::uint64_t Random::Below(std::uint64_t n) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(Bits()) * n) >> 64);
}

double Random::Uniform() { return static_cast<double>(Bits() >> 11) * 0x1p-53; }

double Random::Normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  double u = 0;
  double v = 0;
  double s = 0;
  do {
    u = 2 * Uniform() - 1;
    v = 2 * Uniform() - 1;
    s = u * u + v * v;
  } while (s >= 1 || s == 0);
  const double factor = std::sqrt(-2 * PortableLog(s) / s);
  spare_ = v * factor;
  has_spare_ = true;
  return u * factor;
}

}  // namespace assay::subjects
