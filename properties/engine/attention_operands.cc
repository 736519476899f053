// SPDX-License-Identifier: Apache-2.0
//
// Numbers of drawn cases of attention: queries and keys by how their scores lie, values by what a wrong mean does to
// them.

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <string>

#include "properties/engine/attention.h"
#include "properties/engine/operands.h"
#include "properties/fit_attention.h"

namespace assay::properties {
namespace {

using subjects::Array;
using subjects::Attention;
using subjects::Case;
using subjects::FloatFormat;
using subjects::Operand;
using subjects::Random;
using subjects::Role;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

template <std::size_t kCount>
double OneOf(const double (&values)[kCount], Random& random) {
  return values[random.Below(kCount)];
}

bool OneIn(std::uint64_t n, Random& random) { return random.Below(n) == 0; }

// Calls set(row, column) -> number for every entry.
template <class ValueAt>
void Fill(Array& values, std::size_t cols, ValueAt value_at) {
  for (std::size_t i = 0; i < values.size(); ++i) values.Set(i, value_at(i / cols, i % cols));
}

// ---- Queries and keys -----------------------------------------------------------------------------------------------

// What q is multiplied by so that scores of normal q and k have the standard deviation `spread`.
double Amplitude(const Case& c, double spread) {
  const double dim = static_cast<double>(std::max<std::size_t>(1, c.attention.head_dim));
  const double scale = c.attention.has_scale ? std::fabs(c.attention.scale) : 1 / std::sqrt(dim);
  const double most = subjects::FormatOf(c.q.values.element()).max_finite / 64;
  return scale == 0 ? spread : std::min(most, spread / (scale * std::sqrt(dim)));
}

const char* FillScores(Case& c, Random& random) {
  Array& q = c.q.values;
  Array& k = c.k.values;
  const std::size_t dim = c.attention.head_dim;
  if (dim == 0) return "no dimension";
  const FloatFormat format = subjects::FormatOf(q.element());
  const double amplitude = Amplitude(c, OneOf({1, 1, 4, 16, 100}, random));
  const auto normal = [&](std::size_t, std::size_t) { return random.Normal(); };
  Fill(q, dim, [&](std::size_t, std::size_t) { return amplitude * random.Normal(); });
  Fill(k, dim, normal);
  const std::uint64_t drawn = random.Below(14);
  // A backward cannot tell shares of scores so large: forward_attention.h.
  switch (c.op == ASSAY_ATTENTION_BACKWARD && (drawn == 6 || drawn == 7) ? 13 : drawn) {
    case 0:  // exact scores, many of them equal
      Fill(q, dim, [&](std::size_t, std::size_t) { return static_cast<double>(random.Below(5)) - 2; });
      Fill(k, dim, [&](std::size_t, std::size_t) { return static_cast<double>(random.Below(3)) - 1; });
      return "integers";
    case 1:  // two keys, again and again
      for (std::size_t j = 2; j < k.size() / dim; ++j) {
        const std::size_t from = dim * random.Below(2);
        for (std::size_t d = 0; d < dim; ++d) k.SetBits(j * dim + d, k.Bits(from + d));
      }
      return "equal keys";
    case 2:
      Fill(q, dim, [&](std::size_t, std::size_t) { return 0; });
      return "zero queries";
    case 3: {  // unit vectors: a score is one product
      Fill(q, dim, [&](std::size_t i, std::size_t d) { return d == i % dim ? amplitude : 0; });
      Fill(k, dim, [&](std::size_t j, std::size_t d) { return d == j % dim ? random.Normal() : 0; });
      return "unit vectors";
    }
    case 4: {  // each query likes one key best, the first or the last as often as another
      if (k.empty()) return "normal";
      const std::size_t rows = k.size() / dim;
      for (std::size_t i = 0; i < q.size() / dim; ++i) {
        const std::uint64_t kind = random.Below(4);
        const std::size_t j = kind == 0 ? 0 : kind == 1 ? rows - 1 : random.Below(rows);
        for (std::size_t d = 0; d < dim; ++d) q.Set(i * dim + d, amplitude * k[j * dim + d]);
      }
      return "one key best";
    }
    case 5: {  // small differences on large scores
      const double offset = OneOf({10, 100, 1e3}, random);
      Fill(k, dim, [&](std::size_t, std::size_t) { return offset + random.Normal(); });
      return "offset keys";
    }
    case 6:
    case 7: {  // q k near the end of the dtype; beyond it, but within double, one time in two (not f64)
      const bool beyond = OneIn(2, random) && c.dtype != ASSAY_F64;
      const double most =
          beyond ? format.max_finite : std::sqrt(format.max_finite) * (c.dtype == ASSAY_F64 ? 0x1p-10 : 1);
      const double small = OneOf({1, 1, 0x1p-4}, random);
      Fill(q, dim, [&](std::size_t, std::size_t) { return most * random.Uniform(-1, 1) * small; });
      Fill(k, dim, [&](std::size_t, std::size_t) { return most * random.Uniform(-1, 1); });
      return "huge scores";
    }
    case 8: {  // rising or falling along the keys: a running maximum changes at every tile, or never
      const double step = OneOf({0.125, 1, 4, -0.125, -1, -4}, random);
      Fill(q, dim, [&](std::size_t, std::size_t d) { return d == 0 ? amplitude : 0; });
      Fill(k, dim, [&](std::size_t j, std::size_t d) {
        return d == 0 ? step * static_cast<double>(j % std::max<std::size_t>(1, c.attention.seq_kv)) : random.Normal();
      });
      return "ramp of keys";
    }
    case 9: {
      const auto pattern = static_cast<Pattern>(random.Below(kPatterns));
      for (std::size_t j = 0; j < k.size() / dim; ++j) FillPattern(pattern, random, k, j * dim, dim);
      if (pattern == Pattern::kBits) FillPattern(pattern, random, q, 0, q.size());
      return PatternName(pattern);
    }
    default:
      return "normal";
  }
}

// ---- Values ---------------------------------------------------------------------------------------------------------

const char* FillValues(Case& c, Random& random) {
  Array& v = c.v.values;
  const std::size_t dim = c.attention.value_dim;
  if (dim == 0) return "no values";
  const double most = subjects::FormatOf(v.element()).max_finite;
  const std::size_t rows = v.size() / dim;
  switch (random.Below(14)) {
    case 0:  // the mean of equal numbers is that number
      Fill(v, dim, [&](std::size_t j, std::size_t e) { return j == 0 ? 3 * random.Normal() : v[e]; });
      return "constant values";
    case 1:  // the output is the row of shares
      Fill(v, dim, [&](std::size_t j, std::size_t e) { return e == j % dim ? 1 : 0; });
      return "one-hot values";
    case 2: {  // sums leave the range before they are divided
      const double scale = most * OneOf({1, 0.875, 0x1p-8}, random);
      const bool same_sign = OneIn(2, random);
      Fill(v, dim, [&](std::size_t, std::size_t) { return scale * (same_sign || OneIn(2, random) ? 1 : -1); });
      return "huge values";
    }
    case 3: {  // a large part that cancels
      const double large = OneOf({1e3, 1e4, 0x1p20}, random);
      Fill(v, dim, [&](std::size_t j, std::size_t) { return (j % 2 == 0 ? large : -large) + random.Normal(); });
      return "cancelling values";
    }
    case 4: {  // one key whose value gives away the least weight
      const std::size_t chosen = random.Below(std::max<std::size_t>(1, rows));
      Fill(v, dim, [&](std::size_t j, std::size_t) { return (j == chosen ? most / 16 : 1) * random.Normal(); });
      return "one large value";
    }
    case 5:  // far from 0: a missing or additional share shows
      Fill(v, dim, [&](std::size_t, std::size_t) { return 1000 + random.Uniform(); });
      return "offset values";
    case 6:
      Fill(v, dim, [&](std::size_t, std::size_t) { return static_cast<double>(random.Below(7)) - 3; });
      return "integer values";
    case 7:
      Fill(v, dim, [&](std::size_t j, std::size_t e) { return static_cast<double>(j + e); });
      return "ramp of values";
    case 8: {
      const auto pattern = static_cast<Pattern>(random.Below(kPatterns));
      FillPattern(pattern, random, v, 0, v.size());
      return PatternName(pattern);
    }
    case 9: {  // subnormals and what is just above
      const subjects::FloatFormat format = subjects::FormatOf(v.element());
      const double smallest = std::ldexp(OneOf({4, 0.5, 0x1p-5}, random), format.min_ulp_log2 + format.precision);
      Fill(v, dim, [&](std::size_t, std::size_t) { return smallest * random.Normal(); });
      return "tiny values";
    }
    default:
      Fill(v, dim, [&](std::size_t, std::size_t) { return random.Normal(); });
      return "normal values";
  }
}

// ---- Bias and sink --------------------------------------------------------------------------------------------------

void DrawBias(Case& c, Random& random) {
  subjects::Give(c, Role::kBias);
  Array& values = c.bias.values;
  const Attention& a = c.attention;
  if (values.empty()) return;
  const double most = subjects::FormatOf(values.element()).max_finite;
  const double scale = OneOf({0.5, 1, 8}, random);
  const std::uint64_t kind = random.Below(7);
  Fill(values, a.seq_kv, [&](std::size_t row, std::size_t j) {
    const double distance = static_cast<double>(row % a.seq_q) - static_cast<double>(j);
    switch (kind) {
      case 0:
      case 1:
        return scale * random.Normal();
      case 2:  // as a mask
        return OneIn(3, random) ? -kInf : 0;
      case 3:  // as a mask by a sentinel, which is none
        return OneIn(3, random) ? std::max(-1e9, -most / 2) : scale * random.Normal();
      case 4:  // large
        return std::clamp(1e4 * scale * random.Normal(), -most / 2, most / 2);
      case 5:  // falling with the distance (Press et al. 2022)
        return -0.25 * scale * std::fabs(distance);
      default:
        return OneIn(4, random) ? -kInf : random.Normal();
    }
  });
}

void DrawSink(Case& c, Random& random) {
  subjects::Give(c, Role::kSink);
  const double most = subjects::FormatOf(c.sink.values.element()).max_finite;
  for (std::size_t h = 0; h < c.sink.values.size(); ++h) {
    const double scale = OneOf({0, 1, 5}, random);
    const double ordinary = scale * random.Normal();
    const double others[] = {most / 2, -most / 2, 1000, -1000, -kInf, -kInf};
    c.sink.values.Set(h, OneIn(3, random) ? OneOf(others, random) : ordinary);
    if (OneIn(40, random)) c.sink.values.Set(h, OneOf({kInf, kNaN}, random));
  }
}

bool HasRepeats(const Operand& operand) {
  const subjects::Layout& layout = operand.layout;
  return layout.repeats_row || layout.repeats_head || layout.repeats_batch;
}

double SpecialOf(const Array& values, Random& random) {
  const double most = subjects::FormatOf(values.element()).max_finite;
  const double special[] = {kNaN, kNaN, kInf, -kInf, most, -most};
  return OneOf(special, random);
}

// One number of the operand, wherever it is.
void SprinkleOne(Operand& operand, Random& random) {
  if (!operand.given || operand.values.empty() || HasRepeats(operand)) return;
  const std::size_t at = random.Below(operand.values.size());
  operand.values.Set(at, SpecialOf(operand.values, random));
}

// A row of the operand, with one special number or nothing but.
void SprinkleRow(Operand& operand, std::size_t row, std::size_t cols, Random& random) {
  if (cols == 0 || HasRepeats(operand)) return;
  const bool all = OneIn(2, random);
  const std::size_t one = random.Below(cols);
  for (std::size_t d = 0; d < cols; ++d) {
    if (all || d == one) operand.values.Set(row * cols + d, SpecialOf(operand.values, random));
  }
}

}  // namespace

void FillAttention(Case& c, Random& random) {
  const std::string scores = FillScores(c, random);
  c.origin = scores + ", " + FillValues(c, random);
  if (OneIn(3, random)) DrawBias(c, random);
  if (c.op == ASSAY_ATTENTION && OneIn(4, random)) DrawSink(c, random);
}

void SprinkleAttention(Case& c, Random& random) {
  const Attention& a = c.attention;
  if (OneIn(2, random)) {
    for (std::size_t n = 0; n < a.batch; ++n) {
      for (std::size_t g = 0; g < a.num_kv_heads; ++g) {
        for (std::size_t j = 0; j < a.seq_kv; ++j) {
          if (IsSeen(c, n, g, j)) continue;
          const std::size_t row = (n * a.num_kv_heads + g) * a.seq_kv + j;
          if (OneIn(2, random)) SprinkleRow(c.k, row, a.head_dim, random);
          if (OneIn(2, random)) SprinkleRow(c.v, row, a.value_dim, random);
        }
      }
      for (std::size_t h = 0; h < a.num_heads; ++h) {
        for (std::size_t i = 0; i < a.seq_q; ++i) {
          const std::size_t row = (n * a.num_heads + h) * a.seq_q + i;
          if (OneIn(4, random) && !SeesAny(c, n, h, i)) SprinkleRow(c.q, row, a.head_dim, random);
          for (std::size_t j = 0; j < a.seq_kv && c.bias.given && !HasRepeats(c.bias); ++j) {
            // What only the bias hides stays hidden.
            const std::size_t pair = row * a.seq_kv + j;
            if (c.bias[pair] == -kInf || CanSee(c, n, h, i, j) || !OneIn(3, random)) continue;
            c.bias.values.Set(pair, SpecialOf(c.bias.values, random));
          }
        }
      }
    }
  }
  if (!OneIn(8, random)) return;
  Operand* const operands[] = {&c.q, &c.k, &c.v, &c.v, &c.bias};
  SprinkleOne(*operands[random.Below(std::size(operands))], random);
}

}  // namespace assay::properties
