// SPDX-License-Identifier: Apache-2.0

#include "oracle/attention_cases.h"

#include <cmath>
#include <limits>

#include "oracle/agreement.h"
#include "oracle/round.h"

namespace assay::oracle {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

enum class Scores : std::uint64_t { kOrdinary, kWide, kHuge, kFewKeys, kZeroQueries, kIntegers, kTiny, kCount };

double Operand(Random& random, Scores kind, Format format) {
  const FormatShape shape = ShapeOf(format);
  switch (kind) {
    case Scores::kWide:
      return 7 * random.Unit();
    case Scores::kHuge:
      return std::ldexp(random.Unit(), shape.max_binade / 2 + static_cast<int>(random.Below(3)));
    case Scores::kIntegers:
      return static_cast<double>(random.Below(5)) - 2;
    case Scores::kTiny:
      return std::ldexp(random.Unit(), shape.min_ulp_log2 / 2 + static_cast<int>(random.Below(20)));
    default:
      return 2 * random.Unit();
  }
}

void SetQueriesAndKeys(OwnedHead& owned, Random& random) {
  const AttentionHead& head = owned.head;
  const auto kind = static_cast<Scores>(random.Below(static_cast<std::uint64_t>(Scores::kCount)));
  for (std::size_t n = 0; n < head.seq_q * head.head_dim; ++n) {
    const double x = kind == Scores::kZeroQueries ? 0 : Operand(random, kind, head.format);
    owned.q.push_back(ToFormat(x, head.format));
  }
  for (std::size_t j = 0; j < head.seq_kv; ++j) {
    const bool copy = kind == Scores::kFewKeys && j > 1;
    const std::size_t from = copy ? random.Below(2) : 0;
    for (std::size_t d = 0; d < head.head_dim; ++d) {
      owned.k.push_back(copy ? owned.k[from * head.head_dim + d]
                             : ToFormat(Operand(random, kind, head.format), head.format));
    }
  }
}

// Ordinary; a column of equal ones beside others; neighbours of 1, whose means are often ties; of all sizes.
void SetValues(OwnedHead& owned, Random& random) {
  const AttentionHead& head = owned.head;
  const FormatShape shape = ShapeOf(head.format);
  const std::uint64_t kind = random.Below(4);
  for (std::size_t n = 0; n < head.seq_kv * head.value_dim; ++n) {
    double x = 3 * random.Unit();
    if (kind == 1 && n % head.value_dim == 0) x = 0.7;
    if (kind == 2) x = 1 + std::ldexp(static_cast<double>(random.Below(4)), 1 - shape.precision);
    if (kind == 3) {
      const auto binades = static_cast<std::uint64_t>(shape.max_binade - shape.min_ulp_log2);
      x = std::ldexp(random.Unit(), shape.min_ulp_log2 + static_cast<int>(random.Below(binades)));
    }
    owned.v.push_back(ToFormat(x, head.format));
  }
}

void SetBiasAndMask(OwnedHead& owned, Random& random) {
  const AttentionHead& head = owned.head;
  const std::size_t pairs = head.seq_q * head.seq_kv;
  const std::uint64_t bias = random.Below(6);
  for (std::size_t n = 0; bias < 2 && n < pairs; ++n) {
    double x = bias == 0 ? 4 * random.Unit() : static_cast<double>(random.Below(3));
    if (random.Below(10) == 0) x = -kInf;
    owned.bias.push_back(x == -kInf ? x : ToFormat(x, head.format));
  }
  if (random.Below(4) == 0) {
    for (std::size_t n = 0; n < pairs; ++n) owned.mask.push_back(random.Below(3) != 0);
  }
}

void SetDims(AttentionHead& head, Random& random) {
  head.seq_q = 1 + random.Below(6);
  head.seq_kv = 1 + random.Below(10);
  head.head_dim = 1 + random.Below(9);
  head.value_dim = 1 + random.Below(5);
  head.length = random.Below(4) == 0 ? random.Below(head.seq_kv + 1) : head.seq_kv;
}

// What the heads of a group share beside the dims.
void SetScale(AttentionHead& head, Random& random) {
  const double scales[] = {1, 0.3, -0.25, 0.125, 0, 10};
  if (random.Below(2) == 0) head.scale = scales[random.Below(6)];
  const double softcaps[] = {1, 30, 0.01, 1e6};
  if (random.Below(4) == 0) head.softcap = softcaps[random.Below(4)];
}

void SetRest(AttentionHead& head, Random& random) {
  head.causal = random.Below(3) == 0;
  head.top_left = random.Below(4) == 0;
  if (random.Below(4) == 0) head.window = 1 + random.Below(6);
  if (random.Below(4) == 0) head.sink = ToFormat(4 * random.Unit(), head.format);
  head.lse_format = head.format == Format::kF64 || random.Below(4) == 0 ? Format::kF64 : Format::kF32;
}

}  // namespace

OwnedHead MakeHead(std::uint64_t index, Format format) {
  Random random(index);
  OwnedHead owned;
  owned.head.format = format;
  SetDims(owned.head, random);
  SetScale(owned.head, random);
  SetRest(owned.head, random);
  SetQueriesAndKeys(owned, random);
  SetValues(owned, random);
  SetBiasAndMask(owned, random);
  return owned;
}

OwnedBackward MakeBackward(std::uint64_t index, Format format) {
  OwnedBackward owned;
  owned.heads.push_back(MakeHead(index, format));
  Random random(~index);
  const std::uint64_t more = random.Below(3) == 0 ? 1 + random.Below(2) : 0;
  for (std::uint64_t h = 0; h < more; ++h) {
    OwnedHead other = owned.heads[0];
    other.q.clear();
    other.k.clear();
    SetQueriesAndKeys(other, random);
    other.k = owned.heads[0].k;
    owned.heads.push_back(other);
  }
  const std::uint64_t kind = random.Below(5);
  for (const OwnedHead& head : owned.heads) {
    const AttentionResult forward = Attention(head.View(), Tier::kBulk);
    auto& out = owned.saved_out.emplace_back();
    auto& lse = owned.saved_lse.emplace_back();
    auto& upstream = owned.upstream.emplace_back();
    for (const Exact& e : forward.out) {
      out.push_back(e.nearest);
      upstream.push_back(ToFormat(kind == 0 ? static_cast<double>(random.Below(3)) - 1 : 2 * random.Unit(), format));
    }
    for (const Exact& e : forward.lse) {
      lse.push_back(kind == 1 ? ToFormat(e.nearest + random.Unit(), head.head.lse_format) : e.nearest);
    }
    if (kind == 2) {
      for (double& x : lse) x = std::isfinite(x) ? std::nearbyint(x) : x;
    }
  }
  return owned;
}

}  // namespace assay::oracle
