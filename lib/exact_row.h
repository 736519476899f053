// SPDX-License-Identifier: Apache-2.0
//
// The last step of the exact tier: a row of z_j = x_j / T + b_j in integers, and the number nearest to a result. What
// double-double leaves in doubt are rows that somebody tuned, and rows where x / T and b cancel; for those this takes
// microseconds an entry. Integers: the same on every target, in every order of the row.

#pragma once

#include <cstddef>
#include <cstdint>

#include "assay/assay.h"
#include "places.h"
#include "wide_sum.h"
#include "wide_words.h"

namespace assay::internal {

// Nothing is computed before it is asked for. 1 KiB here, and 12 KiB of stack while it works.
//
// In place: the row is read when the first result, or a wider sum, is asked for. Afterwards only the entry that is
// asked about is read. So where results overwrite the row, ask once about every entry that will be asked about, with
// the same enclosure, while the row is still whole; the same questions give the same answers later.
class ExactRow {
 public:
  // A row with a visible entry, all visible ones finite. bias, mask: data = null where absent. temperature as in
  // assay.h, limits included: T = inf: z = b. T = 0: z = b, and only the visible entries with the largest x live
  // (sigmoid: x > 0 gives 1, x < 0 gives 0).
  ExactRow(ConstPlace logits, ConstPlace bias, ConstPlace mask, std::int32_t dtype, std::size_t n, double temperature);

  // The sign of z_i - z_j, both live.
  int CompareZ(std::size_t i, std::size_t j) const;

  // A live entry with the largest z, the first of them.
  std::size_t Largest();

  // The number of the type nearest to the result of entry i, ties to even; zero is +0. op: softmax, log_softmax,
  // sigmoid, or logsumexp (i is not used). i is visible; where T = 0 leaves it out, the result is 0 or -inf.
  // The exact result lies in [low, high], which may be infinite; the closer they are, the fewer comparisons.
  // Certain, unless the result and a midpoint agree to about 4000 bits: then the order of the widest numbers, the same
  // on every target.
  double Nearest(assay_op op, std::size_t i, double low, double high);

 private:
  struct Entry {
    double x;  // 0 where z = b
    double b;
  };
  struct Rough {
    double value;
    double error;
  };

  double X(std::size_t i) const;
  double B(std::size_t i) const;
  // Whether entry i is visible, and what it holds if the mask shows it.
  bool Visible(std::size_t i, double& x, double& b) const;
  // Whether it is live, and what counts; after FindLargest.
  bool Read(std::size_t i, Entry& entry) const;
  Entry At(std::size_t i) const { return {only_bias_ ? 0 : X(i), B(i)}; }
  Rough RoughDifference(const Entry& a, const Entry& b) const;  // of z
  int CompareEntries(const Entry& a, const Entry& b) const;
  // (z_a - z_b - c) T, exactly.
  wide::ProductSum Difference(const Entry& a, const Entry& b, const wide::Dyadic& c) const;
  void FindLargest();
  // sum_ to at least so many words.
  void Sum(int words);
  const std::uint64_t* SumAt(int words) const { return sum_ + (sum_words_ - words); }

  // The sign of the exact result less the midpoint.
  int CompareResult(assay_op op, const Entry& entry, const wide::Dyadic& midpoint);
  int CompareShare(const Entry& entry, const wide::Dyadic& midpoint);
  int CompareSigmoid(const Entry& entry, const wide::Dyadic& midpoint) const;
  // The sign of a / T - log(sum).
  int CompareLog(wide::ProductSum a);

  ConstPlace logits_;
  ConstPlace bias_;
  ConstPlace mask_;
  std::int32_t dtype_;
  std::size_t n_;
  bool only_bias_;        // z = b
  bool only_largest_x_;   // T = 0
  double temperature_;    // 1 where z = b
  wide::Dyadic divisor_;  // the same

  bool found_ = false;  // what follows
  double x_max_ = 0;    // where only_largest_x_
  std::size_t largest_ = 0;
  Entry reference_ = {0, 0};  // entry largest_

  int sum_words_ = 0;      // of sum_; 0: not yet computed
  std::size_t equal_ = 0;  // live entries with the largest z
  std::size_t others_ = 0;
  std::uint64_t sum_[wide::kMaxWords];  // of exp(z_j - z_largest)
};

}  // namespace assay::internal
