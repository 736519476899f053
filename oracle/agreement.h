// SPDX-License-Identifier: Apache-2.0
//
// For tests: the two tiers compared on rows made from an index, for any operation and format, with and without a
// planted error.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "oracle/oracle.h"

namespace assay::oracle {

inline constexpr Format kFormats[] = {Format::kF32, Format::kF64, Format::kF16, Format::kBF16};

// SplitMix64 (Steele, Lea, Flood 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t Next();
  std::uint64_t Below(std::uint64_t n) { return Next() % n; }
  // Uniform in [-1, 1).
  double Unit();

 private:
  std::uint64_t state_;
};

// The number of the format nearest to x, by another way than round.cc's; beyond the largest one, that one.
double ToFormat(double x, Format format);

// A row, and what it needs to live.
struct OwnedRow {
  std::vector<double> logits;
  std::vector<double> bias;
  std::vector<std::uint8_t> mask;
  double temperature = 1;
  std::uint64_t repeat = 1;
  Format format = Format::kF32;

  Row View() const { return {logits, bias, mask, temperature, EmptyRow::kNaN, format, repeat}; }
};

// Row `index` of a fixed sequence, of at most `max_cols` numbers of the format: every scale with every temperature in
// turn, up to the ends of the format and of double; some rows with a bias, which may cancel the logits, with a mask, an
// offset or repeated logits, and some entries subnormal, -0 or -inf.
OwnedRow MakeRow(std::uint64_t index, Format format, std::size_t max_cols);

// An operation under comparison: all results of one tier for case `index`.
struct Operation {
  std::string name;
  std::function<std::vector<Exact>(std::uint64_t index, Format format, Tier tier)> run;
};

struct Comparison {
  std::size_t elements = 0;
  std::size_t disagreements = 0;
  std::size_t interior = 0;   // neither NaN, infinite, 0, 1 nor -1
  std::size_t subnormal = 0;  // neither 0 nor normal
  std::size_t uncertain = 0;
  double max_width_ulp = 0;
  std::string first;  // the first disagreement, in words
};

// Cases from index 0 on, until there are that many elements. Throws what the operation throws.
Comparison Compare(const Operation& operation, Format format, std::size_t elements);

// 100,000, or what the environment variable ASSAY_AGREEMENT_ELEMENTS says.
std::size_t AgreementElements();

// GoogleTest expectations: the tiers agree on AgreementElements() elements, at least `interior` of which (a share) are
// inside; an error of +-2^-40 planted in either tier is seen in at least `seen` (a share) of the inside elements, and
// gone with its hook.
void ExpectAgreement(const Operation& operation, Format format, double interior);
void ExpectPlantedErrorIsSeen(const Operation& operation, Format format, double seen);

}  // namespace assay::oracle
