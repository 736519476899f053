// SPDX-License-Identifier: Apache-2.0
//
// Inside oracle/ only: what gradient.cc, sparsemax.cc and cross_entropy.cc ask of a tier. Special values are dealt with
// before: every number here is finite, and 0 < temperature < inf unless said otherwise.
//
// Both tiers decide first, exactly, what is rational. Every other result is transcendental, so that it lies strictly
// inside its enclosure and a ladder of precisions can end (Lindemann-Weierstrass; all inputs are rational):
//   (dy - exp(l) sum dy) / T    has one exponential, of l != 0, with a factor that is not 0.
//   scale (p sum t - t) / T     has p, transcendental unless all z are equal (README.md), with a factor that is not 0.
//   sum of q_r log(s_r) + rational, over rows, q_r > 0 rational and s_r the sum of exp(z - max z) of at least two
//                               entries. If it were rational, a product of powers of the s_r would be a power of
//                               x = exp(1 / N), N a common denominator. The s_r are polynomials in 1/x with positive
//                               integer coefficients that sum to 2 or more, so that this product is no monomial
//                               with coefficient 1; but x is transcendental.

#pragma once

#include <optional>
#include <span>
#include <vector>

#include "oracle/oracle.h"
#include "oracle/tiers.h"

namespace assay::oracle {

// Nonzero p of a row with their upstream gradients.
struct LiveGradient {
  std::vector<double> saved;
  std::vector<double> upstream;
  double temperature = 1;
  Format format = Format::kF32;
};

// Logits and biases (as many, or none) of a row's live entries, at least one.
struct LiveRow {
  std::vector<double> logits;
  std::vector<double> bias;
  double temperature = 1;
};

struct LiveLoss {
  LiveRow row;
  std::vector<double> targets;         // of the live entries, none negative
  std::vector<double> hidden_targets;  // of the others
  double smoothing = 0;
};

// The exponent beyond which no exponential matters: of exp(d), d < -kTail, is only used that it lies in
// (0, 2^-kTail); every factor it can meet here is below 2^5000, and nothing below 2^-1200 matters.
inline constexpr long kTail = 1L << 20;

// False (nullopt): undecided at the last rung. Without a rung they are exact.
namespace referee {
void SoftmaxBackward(const LiveGradient& row, std::span<Exact> out);
bool LogSoftmaxBackward(const LiveGradient& row, std::span<Exact> out, int rungs = kRungs);
void SparsemaxBackward(const LiveGradient& row, std::span<Exact> out);
void Sparsemax(const LiveRow& row, std::uint64_t repeat, Format format, std::span<Exact> out);
std::optional<Exact> Loss(std::span<const LiveLoss> rows, double divisor, Format format, int rungs = kRungs);
bool LossGradient(const LiveLoss& row, double upstream, double divisor, Format format, std::span<Exact> out,
                  int rungs = kRungs);
long PrecisionBits(int rungs);
}  // namespace referee

namespace bulk {
void SoftmaxBackward(const LiveGradient& row, std::span<Exact> out);
bool LogSoftmaxBackward(const LiveGradient& row, std::span<Exact> out, int rungs = kRungs);
void SparsemaxBackward(const LiveGradient& row, std::span<Exact> out);
void Sparsemax(const LiveRow& row, std::uint64_t repeat, Format format, std::span<Exact> out);
std::optional<Exact> Loss(std::span<const LiveLoss> rows, double divisor, Format format, int rungs = kRungs);
bool LossGradient(const LiveLoss& row, double upstream, double divisor, Format format, std::span<Exact> out,
                  int rungs = kRungs);
long PrecisionBits(int rungs);
}  // namespace bulk

}  // namespace assay::oracle
