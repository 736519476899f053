// SPDX-License-Identifier: Apache-2.0
//
// Counter-based random numbers: a pure function of (key, counter), so any sample can be drawn without drawing those
// before it. Only integers and the IEEE operations + - * / sqrt, never the C library's functions, which differ in the
// last bit between machines: the same key gives the same numbers everywhere.

#pragma once

#include <cstdint>
#include <string_view>

namespace assay::subjects {

// FNV-1a, 64 bits (Fowler, Noll & Vo): names into seeds, checksums against truncation; no defence against malice.
std::uint64_t Fnv1a(std::string_view bytes);

// splitmix64's finaliser (Steele, Lea & Flood 2014, OOPSLA; constants of Vigna's splitmix64.c).
std::uint64_t Mix(std::uint64_t x);

// Natural logarithm of a normal positive double, within 2^-50 relative or absolute, whichever is larger; for sampling.
double PortableLog(double x);

class Random {
 public:
  Random(std::uint64_t seed, std::uint64_t stream) : key_(Mix(seed ^ Mix(stream))) {}

  std::uint64_t Bits();
  // Below n > 0; the bias of the multiply-shift, n / 2^64, is of no concern here.
  std::uint64_t Below(std::uint64_t n);
  // Uniform in [0, 1), a multiple of 2^-53.
  double Uniform();
  double Uniform(double low, double high) { return low + (high - low) * Uniform(); }
  // Standard normal by Marsaglia's polar method (Marsaglia & Bray 1964).
  double Normal();

 private:
  std::uint64_t key_;
  std::uint64_t counter_ = 0;
  double spare_ = 0;
  bool has_spare_ = false;
};

}  // namespace assay::subjects
