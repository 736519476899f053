// SPDX-License-Identifier: Apache-2.0

#include "properties/attention_bounds.h"

#include <algorithm>
#include <cmath>

namespace assay::properties {
namespace {

// Covers the double arithmetic of the formulas here.
constexpr double kOutwards = 1 + 0x1p-30;

// Plain arithmetic is that of f32 for f32 and the 16-bit types, which are only stored in fewer bits, and f64's for f64.
struct Working {
  double u;
  double smallest;  // subnormal
  double normal;
  double largest;
  explicit Working(assay_dtype dtype) {
    const bool wide = dtype == ASSAY_F64;
    u = wide ? 0x1p-53 : 0x1p-24;
    smallest = wide ? 0x1p-1074 : 0x1p-149;
    normal = wide ? 0x1p-1022 : 0x1p-126;
    largest = (wide ? 0x1.fffffffffffffp1023 : 0x1.fffffep127) / 4;
  }
  bool Holds(double x) const { return x == 0 || (std::fabs(x) >= normal && std::fabs(x) <= largest); }
};

// What is the same for all entries of a case.
struct Call {
  Working work;
  double dims;
  double values;
  double scale;
  double softcap;
  double input = 0;  // the largest |q|, |k|
  double dots = 0;
  bool promised = true;

  Call(const Case& c, const AttentionModel& model)
      : work(c.dtype),
        dims(static_cast<double>(c.attention.head_dim)),
        values(static_cast<double>(c.attention.value_dim)),
        scale(std::fabs(ScaleOf(c))),
        softcap(c.attention.softcap) {
    for (const subjects::Operand* operand : {&c.q, &c.k}) {
      for (std::size_t i = 0; i < operand->values.size(); ++i) {
        if (std::isfinite((*operand)[i])) input = std::max(input, std::fabs((*operand)[i]));
      }
    }
    ForEachQuery(c, [&](std::size_t n, std::size_t h, std::size_t i) {
      const QueryModel& query = model.Query(n, h, i);
      if (!query.special()) dots = std::max({dots, query.dots, query.scores});
    });
    promised = work.Holds(scale) && work.Holds(softcap) && dots < work.largest && scale * input < work.largest &&
               (softcap == 0 || dots / softcap < work.largest);
  }

  // Underflow on the way to a score: of each product, of the scaled operand, of the scaled sum.
  double LostInScores() const { return work.smallest * (dims + 4) * (1 + scale) * (1 + input); }
};

// z: products, their sum and the scale (itself rounded, as 1 / sqrt D twice) D + 4 roundings of S, softcap a quotient,
// a tanh of one ulp and a product (4), bias 1: (D + 9) u S. Its distance to the maximum is at most 2 S, with a sink S +
// |sink|, rounded twice by the difference and the argument of exp: 2 u each of depth. exp errs by 2 u; so p' = p e^r
// with |r| <= (D + 14) u S' of its own and as much from the sum, whose n terms add n u, the online form rescaling sum
// and accumulator at most once a key at 4 u each; product, sum of n values and quotient: n + 3. Together (2 D + 32) u
// S' + (8 n + 32) u with all of S' = S + |sink|. The weights so computed sum to 1 within (8 n + 32) u however wrong the
// scores are: an error is never beyond W + max |v|. Underflow: each exponential, product and value once.
double TextbookOut(const Call& call, const Magnitudes& m, std::size_t i) {
  const Working& work = call.work;
  if (!(m.reach[i] < work.largest)) return kInf;
  const double scores = m.scores[i] + m.shift[i];
  const double sums = (8 * m.keys + 32) * work.u;
  const double r = (2 * call.dims + 32) * work.u * scores + sums + 2 * call.LostInScores() + m.keys * work.smallest;
  const double grown = m.weight[i] == 0 ? 0 : std::expm1(std::min(r, 700.0)) * m.weight[i];
  return std::min(grown, m.weight[i] + m.values[i] * (1 + sums)) + work.smallest * (m.keys + 2 + m.unshared[i]);
}

// As log(sum exp) is 1-Lipschitz in the scores: their error, that of the sum's terms and of the sum as above, log of
// one ulp, and the sum with the maximum, twice as in log2 e units.
double TextbookLse(const Call& call, const Magnitudes& m, std::size_t i) {
  const double u = call.work.u;
  const double scores = m.scores[i] + m.shift[i];
  const double error = (2 * call.dims + 32) * u * scores + (8 * m.keys + 32) * u + 4 * u * m.values[i];
  return error + 2 * call.LostInScores() + (m.keys + 4) * call.work.smallest;
}

// p = exp(z - lse): the score as above, (D + 9) u S; the difference and the argument of exp 2 u of S + |lse| each; exp
// 2 u. The two dot products of E terms, their difference, the products and sums of n: 2 E + n + 8. f = 1 - tanh^2
// beside W's 1: twice the error of its argument, (D + 9) u S / softcap, and 8 u. All are errors relative to W.
double TextbookGradient(const Call& call, const Magnitudes& m, std::size_t i) {
  const Working& work = call.work;
  if (!(m.reach[i] < work.largest && m.unshared[i] < work.largest && m.weight[i] < work.largest)) return kInf;
  const double bend = call.softcap == 0 ? 0 : 2 / call.softcap;
  const double r = work.u * ((call.dims + 16) * m.scores[i] * (1 + bend) + 4 * (m.scores[i] + m.shift[i]) +
                             2 * call.values + 8 * m.keys + 64) +
                   (1 + bend) * call.LostInScores();
  const double lost = work.smallest * (call.values + m.keys + 16);
  if (!(r < 1)) return kInf;  // p may be anything
  const double grown = std::expm1(r) * m.weight[i];
  return grown + lost * (m.unshared[i] + (1 + m.reach[i]) * (1 + call.scale) * (1 + call.input) * (1 + m.keys));
}

double Textbook(const Call& call, const Magnitudes& m, Role output, std::size_t i) {
  if (!call.promised) return kInf;
  if (output == Role::kOut) return TextbookOut(call, m, i);
  return output == Role::kLse ? TextbookLse(call, m, i) : TextbookGradient(call, m, i);
}

// A saved LSE that is none: p beyond the type, from which 0 inf follows. Nothing is asked there.
bool IsJunk(const Call& call, const Magnitudes& m, std::size_t i) { return m.share[i] > call.work.largest; }

// By the formula at assay_attention_claim. Where scores are off by 1 or more, p may be anything: no W that is made of
// shares bounds what comes of it. Results are then held to the values alone, gradients to nothing; lse moves no more
// than the scores.
double Claimed(const assay_attention_claim& claim, const Case& c, const Magnitudes& m, Role output, std::size_t i) {
  if (claim.kind == ASSAY_CLAIM_CORRECTLY_ROUNDED) return 0;
  const bool gradient = c.op == ASSAY_ATTENTION_BACKWARD;
  const double softcap = c.attention.softcap;
  const double per_score = claim.scores + claim.scores_dim * static_cast<double>(c.attention.head_dim);
  const double bend = gradient && softcap != 0 ? 1 + 2 / softcap : 1;
  const double of_scores = per_score == 0 ? 0 : per_score * m.scores[i] * bend;
  const double of_terms =
      claim.terms + claim.keys * (m.keys + (gradient ? static_cast<double>(c.attention.value_dim) : 0));
  const double factor = of_terms + of_scores;
  const double formula = factor == 0 || m.weight[i] == 0 ? 0 : factor * m.weight[i];
  if (output == Role::kLse || of_scores < 1) return formula;
  return output == Role::kOut ? std::max(formula, (m.weight[i] + m.values[i]) * (1 + of_terms)) : kInf;
}

}  // namespace

std::vector<Bound> AttentionBounds(const Case& c, const subjects::SubjectInfo& info, const AttentionModel& model,
                                   Role output, const Magnitudes& m) {
  const assay_attention_claim& claim = info.For(c.op).attention_claims[c.dtype];
  const Call call(c, model);
  std::vector<Bound> bounds(m.weight.size());
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    const bool claims = claim.kind != ASSAY_CLAIM_NONE;
    double absolute = claims ? Claimed(claim, c, m, output, i) : Textbook(call, m, output, i);
    if (IsJunk(call, m, i)) absolute = kInf;
    bounds[i].ulps = claim.kind == ASSAY_CLAIM_CORRECTLY_ROUNDED ? 0.5 : claims ? claim.max_ulp : 1;
    bounds[i].absolute = absolute < kInf ? absolute * kOutwards : kInf;  // a NaN, too
  }
  return bounds;
}

std::vector<Bound> AttentionBounds(const Case& c, const subjects::SubjectInfo& info, const AttentionModel& model,
                                   Role output) {
  return AttentionBounds(c, info, model, output, MagnitudesOf(c, model, output));
}

}  // namespace assay::properties
