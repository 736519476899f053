// SPDX-License-Identifier: Apache-2.0
//
// Domains of the laws of attention: which numbers there are. Each is a projection (fit.h).

#include "properties/attention_numbers.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "properties/attention_checks.h"
#include "properties/fit.h"

namespace assay::properties {
namespace {

using subjects::Random;

// The number with an exponent in [-reach, reach), its own where it lies there.
void MakeMiddle(Array& values, std::size_t i, int reach) {
  const double x = values[i];
  if (x == 0 || !std::isfinite(x)) return;
  int exponent = 0;
  const double fraction = std::frexp(x, &exponent);
  if (exponent >= -reach && exponent < reach) return;
  const int folded = ((exponent % (2 * reach)) + 2 * reach) % (2 * reach) - reach;
  values.Set(i, std::ldexp(fraction, folded));
}

void OnGrid(Array& values, const BiasGrid& grid) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = values[i];
    // + 0: no -0.
    if (std::isfinite(x))
      values.Set(i, std::floor(std::clamp(x, -grid.reach, grid.reach) / grid.step) * grid.step + 0.0);
  }
}

void GiveOrdinary(Case* c, Role role, std::uint64_t stream) {
  subjects::Give(*c, role);
  Random random(c->law_key, stream);
  Array& values = c->operand(role).values;
  for (std::size_t i = 0; i < values.size(); ++i) values.Set(i, random.Uniform(-4, 4));
}

}  // namespace

int MiddleReach(assay_dtype dtype) { return dtype == ASSAY_F16 ? 5 : 16; }

BiasGrid GridOf(assay_dtype dtype) {
  switch (dtype) {
    case ASSAY_F64:
      return {0x1p-20, 0x1p10};
    case ASSAY_F16:
      return {0x1p-5, 0x1p4};
    case ASSAY_BF16:
      return {0x1p-2, 0x1p4};
    default:
      return {0x1p-10, 0x1p10};
  }
}

Case WithConstantValues(Case c) {
  c = FiniteAttention(std::move(c));
  if (c.sink.given) subjects::Take(c, Role::kSink);
  if (c.attention.seq_kv == 0) return FiniteAttention(std::move(c));
  const Case before = c;
  const Dims dims = subjects::DimsOf(c, Role::kV);
  Gather(&c, Role::kV, dims, before.v, [](std::size_t n, std::size_t g, std::size_t, std::size_t e) {
    return Dims{n, g, 0, e};
  });
  return FiniteAttention(std::move(c));
}

Case WithMiddleValues(Case c) {
  c = FiniteAttention(std::move(c));
  for (std::size_t i = 0; i < c.v.values.size(); ++i) MakeMiddle(c.v.values, i, MiddleReach(c.dtype));
  return FiniteAttention(std::move(c));
}

Case WithOneHotValues(Case c) {
  c = FiniteAttention(std::move(c));
  const std::size_t cols = c.attention.value_dim;
  for (std::size_t i = 0; i < c.v.values.size(); ++i) {
    const std::size_t key = i / cols % c.attention.seq_kv;
    c.v.values.Set(i, key % cols == i % cols ? 1 : 0);
  }
  return FiniteAttention(std::move(c));
}

Case WithSpecialAttention(Case c) {
  c = Valid(std::move(c));
  std::vector<Dims> pairs;
  bool special = false;
  ForEachPair(c, [&](std::size_t n, std::size_t h, std::size_t i, std::size_t j) {
    if (!CanSee(c, n, h, i, j)) return;
    pairs.push_back({n, h, i, j});
    const std::size_t g = h / GroupSize(c.attention);
    const auto odd = [&](Role role, std::size_t head, std::size_t row) {
      const Tensor tensor(c, role);
      for (std::size_t d = 0; d < tensor.dims()[3]; ++d) special = special || !std::isfinite(tensor(n, head, row, d));
    };
    if (special) return;
    odd(Role::kQ, h, i);
    odd(Role::kK, g, j);
    odd(Role::kV, g, j);
    special = special || (c.bias.given && !std::isfinite(Tensor(c, Role::kBias)(n, h, i, j)));
  });
  if (special || pairs.empty()) return Settled(std::move(c));
  Random random(c.law_key, 34);
  const Dims pair = pairs[random.Below(pairs.size())];
  const std::size_t g = pair[1] / GroupSize(c.attention);
  constexpr double kOdd[] = {std::numeric_limits<double>::quiet_NaN(), kInf, -kInf};
  const double odd = kOdd[random.Below(std::size(kOdd))];
  const auto put = [&](Role role, std::size_t head, std::size_t row) {
    const Dims dims = subjects::DimsOf(c, role);
    if (dims[3] == 0) return;
    c.operand(role).values.Set(At(dims, pair[0], head, row, random.Below(dims[3])), odd);
  };
  switch (random.Below(4)) {
    case 0:
      put(Role::kQ, pair[1], pair[2]);
      break;
    case 1:
      put(Role::kK, g, pair[3]);
      break;
    case 2:
      if (c.bias.given) {
        c.bias.values.Set(At(subjects::DimsOf(c, Role::kBias), pair[0], pair[1], pair[2], pair[3]),
                          odd == -kInf ? kInf : odd);
        break;
      }
      [[fallthrough]];
    default:
      put(Role::kV, g, pair[3]);
  }
  return Settled(std::move(c));
}

Case WithSink(Case c) {
  c = FiniteAttention(std::move(c));
  if (!c.sink.given) GiveOrdinary(&c, Role::kSink, 35);
  return FiniteAttention(std::move(c));
}

Case WithGridBias(Case c) {
  c = FiniteAttention(std::move(c));
  if (!c.bias.given) GiveOrdinary(&c, Role::kBias, 36);
  OnGrid(c.bias.values, GridOf(c.dtype));
  if (c.sink.given) OnGrid(c.sink.values, GridOf(c.dtype));
  return FiniteAttention(std::move(c));
}

Case WithSoftcapAndBias(Case c) {
  c = WithGridBias(WithoutPlaces(std::move(c)));
  if (c.attention.softcap == 0) {
    constexpr double kCaps[] = {0.5, 2, 5, 30};
    c.attention.softcap = kCaps[subjects::Mix(c.law_key) % std::size(kCaps)];
  }
  const std::size_t keys = c.attention.seq_kv;
  if (keys == 0) return FiniteAttention(std::move(c));
  if (!c.mask.given) {
    subjects::Give(c, Role::kMask);
    Random random(c.law_key, 37);
    for (std::size_t j = 0; j < std::min(keys, c.mask.values.size()); ++j) {
      c.mask.values.SetBits(j, random.Below(3) == 0 ? 0 : 1);
    }
  }
  for (std::size_t i = keys; i < c.mask.values.size(); ++i) c.mask.values.SetBits(i, c.mask.values.Bits(i - keys));
  return FiniteAttention(std::move(c));
}

Case WithSmallSoftcap(Case c) {
  c = FiniteAttention(std::move(c));
  if (c.attention.softcap == 0 || c.attention.softcap > 0x1p-9) {
    constexpr double kCaps[] = {1e-3, 0x1p-20, 0x1p-40, 0x1p-100};
    c.attention.softcap = kCaps[subjects::Mix(c.law_key) % std::size(kCaps)];
  }
  return FiniteAttention(std::move(c));
}

Case WithDefaultScale(Case c) {
  c = FiniteAttention(std::move(c));
  c.attention.has_scale = false;
  c.attention.scale = 0;
  return FiniteAttention(std::move(c));
}

Case WithExplicitScale(Case c) {
  c = FiniteAttention(std::move(c));
  if (!c.attention.has_scale) {
    c.attention.scale = ScaleOf(c);
    c.attention.has_scale = true;
  }
  return FiniteAttention(std::move(c));
}

Case WithMiddleQueries(Case c) {
  c = WithExplicitScale(std::move(c));
  double& scale = c.attention.scale;
  if (scale != 0 && !(std::fabs(scale) > 0x1p-60 && std::fabs(scale) < 0x1p60)) scale = scale < 0 ? -1 : 1;
  for (std::size_t i = 0; i < c.q.values.size(); ++i) MakeMiddle(c.q.values, i, MiddleReach(c.dtype));
  return FiniteAttention(std::move(c));
}

}  // namespace assay::properties
