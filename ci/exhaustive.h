// SPDX-License-Identifier: Apache-2.0
//
// What the parts of the exhaustive check share: the loop over all bit patterns on all cores, and the nearest results of
// functions that are monotone, found by halving. What is judged is every target of this machine.

#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "assay/assay.h"

namespace assay::exhaustive {

// The parts, each in the file of its name; false where something does not hold.
bool CheckExp();      // exhaustive_exp.cc
bool CheckPairs();    // exhaustive_pairs.cc
bool CheckSigmoid();  // exhaustive_sigmoid.cc
bool CheckHalves();   // exhaustive_halves.cc

// Of each run of so many batches only the first is looked at; 1 but for trying things out (--every).
inline std::uint64_t every = 1;

inline float FloatOf(std::uint32_t bits) { return std::bit_cast<float>(bits); }
inline std::uint32_t BitsOf(float x) { return std::bit_cast<std::uint32_t>(x); }

// A tier of the library on one target.
struct Ours {
  std::string name;  // "AVX2 exact"
  const assay_subject* table;
};
std::vector<Ours> EveryTargetAndTier();

// What one target did over a whole pass.
struct Tally {
  std::uint64_t wrong = 0;
  double worst = 0;  // what it measures is the part's business
  float worst_x = 0;

  void See(bool right, double measure, float x) {
    wrong += right ? 0 : 1;
    if (measure <= worst) return;
    worst = measure;
    worst_x = x;
  }
};

// Calls body(first, count, tallies) for batches of at most 2^14 bit patterns that cover [begin, end], on all cores;
// sums what they tally, one for each of `judged`. A batch begins at begin + a multiple of 2^14.
using Body = std::function<void(std::uint32_t first, std::uint32_t count, std::vector<Tally>& tallies)>;
std::vector<Tally> ForAll(const char* what, std::uint32_t begin, std::uint32_t end, std::size_t judged,
                          const Body& body);

// nearest(bits) for all of first + [0, count), where it is monotone in bits, or constant but for a step: equal ends
// then mean equal all between.
template <class T, class Nearest>
std::vector<T> NearestOfMonotone(std::uint32_t first, std::uint32_t count, const Nearest& nearest) {
  std::vector<T> want(count);
  const auto at = [&](std::uint32_t i) { return nearest(first + i); };
  const std::function<void(std::uint32_t, std::uint32_t)> fill = [&](std::uint32_t low, std::uint32_t high) {
    if (high - low < 2) return;
    if (want[low] == want[high]) {
      std::fill(want.begin() + low, want.begin() + high, want[low]);
      return;
    }
    const std::uint32_t middle = low + (high - low) / 2;
    want[middle] = at(middle);
    fill(low, middle);
    fill(middle, high);
  };
  want.front() = at(0);
  want.back() = at(count - 1);
  fill(0, count - 1);
  return want;
}

// How many floats lie from one to the other; both finite and of one sign.
inline double Distance(std::uint32_t got, std::uint32_t want) {
  return got > want ? static_cast<double>(got - want) : static_cast<double>(want - got);
}

// Whether a claim allows `got` where `want` is the nearest float and err_ulp() the error in ULP of the exact value:
// asked only where the distance does not say. With one exponent all around, the error is within half an ULP of it.
template <class ErrUlp>
bool Allows(const assay_claim& claim, std::uint32_t got, std::uint32_t want, const ErrUlp& err_ulp) {
  if (got == want) return true;
  if (claim.kind == ASSAY_CLAIM_CORRECTLY_ROUNDED) return false;
  const bool one_exponent = got >> 23 == want >> 23 && (want & 0x7FFFFF) != 0;
  if (one_exponent && Distance(got, want) + 0.5 <= claim.max_ulp) return true;
  return err_ulp() <= claim.max_ulp;
}

// A row of `cols` floats for each of `rows`, contiguous.
inline assay_row_args RowsOf(const void* logits, void* out, std::size_t rows, std::size_t cols,
                             assay_dtype dtype = ASSAY_F32) {
  assay_row_args args{};
  args.struct_size = sizeof(args);
  args.rows = rows;
  args.cols = cols;
  args.temperature = 1;
  args.dtype = dtype;
  args.logits = {logits, static_cast<std::ptrdiff_t>(cols), 1};
  args.out = {out, static_cast<std::ptrdiff_t>(cols), 1};
  return args;
}

// A line for each tally: how many results were wrong, and the largest measure with its x. False if any was wrong.
bool Print(const std::vector<Ours>& ours, const std::vector<Tally>& tallies, const char* measure);

}  // namespace assay::exhaustive
