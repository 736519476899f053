// SPDX-License-Identifier: Apache-2.0
//
// Inside oracle/ only: the numbers of the bulk tier where results are rational, or an exponential away from it. Arb's
// floating-point numbers of any length (arf), which are exact unless told to round, and balls (arb).

#pragma once

#include <arb.h>

#include <optional>
#include <vector>

#include "oracle/oracle.h"
#include "oracle/tiers.h"

namespace assay::oracle::bulk {

inline constexpr slong kLadder[kRungs] = {128, 256, 512, 1280, 3200, 8192};

// An arf_t with a life of its own.
class Arf {
 public:
  Arf() { arf_init(x_); }
  explicit Arf(double x) : Arf() { arf_set_d(x_, x); }
  Arf(Arf&& other) noexcept : Arf() { arf_swap(x_, other.x_); }
  Arf& operator=(Arf&& other) noexcept {
    arf_swap(x_, other.x_);
    return *this;
  }
  Arf(const Arf&) = delete;
  Arf& operator=(const Arf&) = delete;
  ~Arf() { arf_clear(x_); }

  operator arf_ptr() { return x_; }
  operator arf_srcptr() const { return x_; }
  int sign() const { return arf_sgn(x_); }

 private:
  arf_t x_;
};

class Arb {
 public:
  Arb() { arb_init(x_); }
  Arb(Arb&& other) noexcept : Arb() { arb_swap(x_, other.x_); }
  Arb(const Arb&) = delete;
  Arb& operator=(const Arb&) = delete;
  ~Arb() { arb_clear(x_); }

  operator arb_ptr() { return x_; }
  operator arb_srcptr() const { return x_; }

 private:
  arb_t x_;
};

// Exact.
inline void SetSum(Arf& result, const Arf& a, const Arf& b) { arf_add(result, a, b, ARF_PREC_EXACT, ARF_RND_DOWN); }
inline void SetDifference(Arf& result, const Arf& a, const Arf& b) {
  arf_sub(result, a, b, ARF_PREC_EXACT, ARF_RND_DOWN);
}
inline void SetProduct(Arf& result, const Arf& a, const Arf& b) { arf_mul(result, a, b, ARF_PREC_EXACT, ARF_RND_DOWN); }
inline void Scale(Arf& x, std::uint64_t k) { arf_mul_ui(x, x, k, ARF_PREC_EXACT, ARF_RND_DOWN); }

// x times 1 + the planted error: in place, exact.
void Plant(Arf& x, double planted);

// lo and hi: bounds of a ball that is known to be >= 0.
struct Ends {
  Arf lo;
  Arf hi;
};
void SetNonnegative(Ends& ends, arb_srcptr ball, slong precision);

// numerator / denominator, denominator > 0: always decided, ties included.
Exact RoundQuotient(const Arf& numerator, const Arf& denominator, Format format);

// (a value strictly between ends) / denominator, denominator > 0; with `negate`, minus that. On the last rung,
// RoundUncertain.
std::optional<Exact> RoundBetween(const Ends& ends, const Arf& denominator, bool negate, Format format, bool last);

}  // namespace assay::oracle::bulk
