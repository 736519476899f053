// SPDX-License-Identifier: Apache-2.0
//
// The bulk tier for the backward operations. Products and sums of doubles are kept exactly, at their full length, so
// that only the last division rounds; log_softmax adds an Arb ball for its exponential.

#include "oracle/bulk_numbers.h"
#include "oracle/loss_tiers.h"

namespace assay::oracle::bulk {
namespace {

// Bounds of exp(l), l != 0.
void SetExp(Ends& e, double l, slong precision, double planted, Arb& scratch) {
  if (l > static_cast<double>(kTail)) {
    // A result beyond every format, as |dy| < 2^1024, |sum| >= 2^-1074 and T < 2^1024.
    arf_one(e.lo);
    arf_mul_2exp_si(e.lo, e.lo, kTail);
    arf_set(e.hi, e.lo);
    return;
  }
  if (l < -static_cast<double>(kTail)) {
    arf_zero(e.lo);
    arf_one(e.hi);
    arf_mul_2exp_si(e.hi, e.hi, -kTail);
    return;
  }
  arb_set_d(scratch, l);
  arb_exp(scratch, scratch, precision);
  SetNonnegative(e, scratch, precision);
  Plant(e.lo, planted);
  Plant(e.hi, planted);
}

}  // namespace

void SoftmaxBackward(const LiveGradient& row, std::span<Exact> out) {
  const double planted = Planted(Tier::kBulk);
  const Arf temperature(row.temperature);
  Arf sum;
  Arf p;
  Arf dy;
  for (std::size_t j = 0; j < out.size(); ++j) {
    arf_set_d(p, row.saved[j]);
    arf_set_d(dy, row.upstream[j]);
    SetProduct(p, p, dy);
    if (j > 0) Plant(p, planted);
    SetSum(sum, sum, p);
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    arf_set_d(p, row.saved[i]);
    arf_set_d(dy, row.upstream[i]);
    SetDifference(dy, dy, sum);
    SetProduct(p, p, dy);
    out[i] = RoundQuotient(p, temperature, row.format);
  }
}

bool LogSoftmaxBackward(const LiveGradient& row, std::span<Exact> out, int rungs) {
  const double planted = Planted(Tier::kBulk);
  const Arf temperature(row.temperature);
  Arf sum;
  Arf dy;
  Ends e;
  Ends value;
  Arb scratch;
  for (const double upstream : row.upstream) {
    arf_set_d(dy, upstream);
    SetSum(sum, sum, dy);
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double l = row.saved[i];
    arf_set_d(dy, row.upstream[i]);
    if (sum.sign() == 0 || l == 0) {
      if (l == 0) SetDifference(dy, dy, sum);
      out[i] = RoundQuotient(dy, temperature, row.format);
      continue;
    }
    // exp(l) is transcendental, and so is dy - exp(l) sum.
    bool decided = false;
    for (int rung = 0; rung < rungs && !decided; ++rung) {
      const slong precision = kLadder[rung];
      SetExp(e, l, precision, planted, scratch);
      SetProduct(value.lo, sum.sign() > 0 ? e.hi : e.lo, sum);
      SetProduct(value.hi, sum.sign() > 0 ? e.lo : e.hi, sum);
      arf_sub(value.lo, dy, value.lo, precision, ARF_RND_FLOOR);
      arf_sub(value.hi, dy, value.hi, precision, ARF_RND_CEIL);
      const auto exact = RoundBetween(value, temperature, /*negate=*/false, row.format, rung == rungs - 1);
      if (exact) out[i] = *exact;
      decided = exact.has_value();
    }
    if (!decided) return false;
  }
  return true;
}

void SparsemaxBackward(const LiveGradient& row, std::span<Exact> out) {
  const double planted = Planted(Tier::kBulk);
  Arf denominator(row.temperature);
  Scale(denominator, out.size());
  Arf sum;
  Arf dy;
  for (std::size_t j = 0; j < out.size(); ++j) {
    arf_set_d(dy, row.upstream[j]);
    if (j > 0) Plant(dy, planted);
    SetSum(sum, sum, dy);
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    arf_set_d(dy, row.upstream[i]);
    Scale(dy, out.size());
    SetDifference(dy, dy, sum);
    out[i] = RoundQuotient(dy, denominator, row.format);
  }
}

}  // namespace assay::oracle::bulk
