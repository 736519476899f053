// SPDX-License-Identifier: Apache-2.0
//
// Calls of attention that must be refused.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <utility>

#include "properties/fit.h"
#include "properties/fit_attention.h"
#include "properties/judging.h"
#include "properties/machine_laws.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Attention;
using subjects::Mix;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Something to compute: none of the sizes is 0.
Case NotEmpty(Case c) {
  Attention to = c.attention;
  for (std::size_t* size : {&to.batch, &to.num_kv_heads, &to.seq_q, &to.seq_kv, &to.head_dim, &to.value_dim}) {
    *size = std::max<std::size_t>(1, *size);
  }
  if (to.num_heads == 0) to.num_heads = to.num_kv_heads;
  return to == c.attention ? c : Reshaped(std::move(c), to);
}

}  // namespace

Refusal RefusalOf(const Case& c) {
  const Attention& a = c.attention;
  Refusal refusal;
  const auto add = [&](const std::string& what, assay_status status) {
    refusal.what += (refusal.what.empty() ? "" : " and ") + what;
    refusal.due.push_back(status);
  };
  if (a.has_scale && !std::isfinite(a.scale)) add(fmt::format("scale = {:g}", a.scale), ASSAY_BAD_PARAMETER);
  if (!(a.softcap >= 0) || std::isinf(a.softcap)) add(fmt::format("softcap = {:g}", a.softcap), ASSAY_BAD_PARAMETER);
  if (a.num_kv_heads == 0 ? a.num_heads != 0 : a.num_heads % a.num_kv_heads != 0) {
    add(fmt::format("{} heads of {} key heads", a.num_heads, a.num_kv_heads), ASSAY_BAD_SHAPE);
  }
  for (std::size_t n = 0; c.lengths.given && n < c.lengths.values.size(); ++n) {
    const auto length = static_cast<std::int64_t>(c.lengths.values.Bits(n));
    if (length >= 0 && static_cast<std::uint64_t>(length) <= a.seq_kv) continue;
    add(fmt::format("a length of {} with {} keys", length, a.seq_kv), ASSAY_BAD_LENGTH);
    break;
  }
  return refusal;
}

Case WithBadAttention(Case c) {
  if (c.attention.num_kv_heads != 0 && !RefusalOf(c).due.empty()) {
    c.in_place = false;
    return NotEmpty(SettledAttention(std::move(c)));
  }
  c = NotEmpty(OutOfPlace(std::move(c)));
  const std::uint64_t key = Mix(c.law_key);
  Attention to = c.attention;
  switch (key % 4) {
    case 0: {
      constexpr double kBad[] = {kInf, -kInf, kNaN};
      c.attention.has_scale = true;
      c.attention.scale = kBad[key / 4 % std::size(kBad)];
      break;
    }
    case 1: {
      constexpr double kBad[] = {-1, -0x1p-1074, -kInf, kInf, kNaN};
      c.attention.softcap = kBad[key / 4 % std::size(kBad)];
      break;
    }
    case 2: {
      if (!c.lengths.given) {
        subjects::Give(c, Role::kLengths);
        for (std::size_t n = 0; n < to.batch; ++n) c.lengths.values.SetBits(n, to.seq_kv);
      }
      const std::uint64_t bad[] = {to.seq_kv + 1, ~std::uint64_t{0}, std::uint64_t{1} << 63, std::uint64_t{1} << 32};
      c.lengths.layout = {};
      c.lengths.values.SetBits(key / 16 % to.batch, bad[key / 4 % 4]);
      break;
    }
    default:
      // One query head too many for two key heads or more; too few for as many key heads.
      to.num_kv_heads = std::max<std::size_t>(2, to.num_kv_heads);
      to.num_heads = key / 4 % 2 == 0 ? to.num_kv_heads - 1 : to.num_kv_heads + 1;
      c = Reshaped(std::move(c), to);
      break;
  }
  return SettledAttention(std::move(c));
}

}  // namespace assay::properties
