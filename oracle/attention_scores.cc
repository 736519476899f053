// SPDX-License-Identifier: Apache-2.0

#include "oracle/attention_scores.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "oracle/arb_real.h"
#include "oracle/attention_balls.h"

namespace assay::oracle {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
// Of z for an order: the first precision that leaves an error below 2^-20, so that no exponential of a difference to
// the largest one is far above 1; at the last one 2^2100 / sqrt(D) is that good.
constexpr slong kOrderBits[] = {64, 256, 1280, 3200};

double BiasAt(const AttentionHead& head, std::size_t i, std::size_t j) {
  return head.bias.empty() ? 0 : head.bias[i * head.seq_kv + j];
}

PairKind KindOf(const AttentionHead& head, double special, std::size_t i, std::size_t j) {
  if (!MaySee(head, i, j)) return PairKind::kInvisible;
  const double bias = BiasAt(head, i, j);
  if (bias == -kInf) return PairKind::kInvisible;
  const double capped = head.softcap > 0 && std::isinf(special) ? std::copysign(head.softcap, special) : special;
  const double z = capped == 0 || std::isfinite(capped) ? bias : capped + bias;
  if (std::isnan(z) || std::isnan(special)) return PairKind::kNaN;
  if (std::isinf(z)) return z > 0 ? PairKind::kPlusInf : PairKind::kInvisible;
  return PairKind::kFinite;
}

std::vector<bulk::Arf> Numbers(std::span<const double> values) {
  std::vector<bulk::Arf> numbers;
  numbers.reserve(values.size());
  for (const double x : values) numbers.emplace_back(x);
  return numbers;
}

int Compare(const ScoreKey& x, const ScoreKey& y) {
  if (const int order = arf_cmp(y.about, x.about); order != 0) return order;
  if (const int order = arf_cmp(y.a, x.a); order != 0) return order;
  return arf_cmp(y.b, x.b);
}

}  // namespace

ScoreScale ScaleOf(const AttentionHead& head) {
  ScoreScale scale;
  scale.softcap = head.softcap;
  if (head.scale) {
    scale.factor = *head.scale;
  } else if (head.head_dim > 1) {
    const std::uint64_t d = head.head_dim;
    auto root = static_cast<std::uint64_t>(std::sqrt(static_cast<double>(d)));
    while (root * root > d) --root;
    while ((root + 1) * (root + 1) <= d) ++root;
    if (root * root == d && std::has_single_bit(root)) {
      scale.factor = 1 / static_cast<double>(root);
    } else {
      scale.root = d;
      scale.integer_root = root * root == d ? root : 0;
    }
  }
  return scale;
}

double SpecialScore(const AttentionHead& head, std::size_t i, std::size_t j) {
  double sum = 0;
  for (std::size_t d = 0; d < head.head_dim; ++d) {
    const double q = head.q[i * head.head_dim + d];
    const double k = head.k[j * head.head_dim + d];
    if (!std::isfinite(q) || !std::isfinite(k)) sum += q * k;
  }
  return std::isfinite(sum) ? 0 : head.scale ? *head.scale * sum : sum;
}

Scores::Scores(const AttentionHead& head, std::span<const double> saved_lse)
    : scale_(ScaleOf(head)), seq_kv_(head.seq_kv), kinds_(head.seq_q * head.seq_kv), keys_(kinds_.size()) {
  FlintCleanupAtThreadExit();
  const std::vector<bulk::Arf> q = Numbers(head.q);
  const std::vector<bulk::Arf> k = Numbers(head.k);
  const std::size_t dim = head.head_dim;
  bulk::Arf dot;
  for (std::size_t i = 0; i < head.seq_q; ++i) {
    const double minus = !saved_lse.empty() && std::isfinite(saved_lse[i]) ? saved_lse[i] : 0;
    for (std::size_t j = 0; j < head.seq_kv; ++j) {
      if (!MaySee(head, i, j)) continue;
      const double special = SpecialScore(head, i, j);
      const PairKind kind = kinds_[i * seq_kv_ + j] = KindOf(head, special, i, j);
      if (kind != PairKind::kFinite) continue;
      arf_zero(dot);
      for (std::size_t d = 0; special == 0 && d < dim; ++d) {
        arf_addmul(dot, q[i * dim + d], k[j * dim + d], ARF_PREC_EXACT, ARF_RND_DOWN);
      }
      ScoreKey& key = keys_[i * seq_kv_ + j];
      SetKey(key, dot, BiasAt(head, i, j), minus);
      if (special != 0) {
        // tanh of an infinity is +-1.
        bulk::Arf cap(std::copysign(head.softcap, special));
        bulk::SetSum(key.b, key.b, cap);
        arf_set(key.about, key.b);
      }
    }
  }
  bulk::Arf zero;
  if (head.sink && std::isfinite(*head.sink)) SetKey(sink_, zero, *head.sink, 0);
}

void Scores::SetKey(ScoreKey& key, bulk::Arf& dot, double bias, double minus) const {
  bulk::Arf number(minus);
  arf_set_d(key.b, bias);
  bulk::SetDifference(key.b, key.b, number);
  arf_set_d(number, scale_.factor);
  bulk::SetProduct(key.a, dot, number);
  if (scale_.softcap == 0) {
    if (scale_.root == 0) {
      bulk::SetSum(key.b, key.b, key.a);
      arf_zero(key.a);
    } else if (scale_.integer_root != 0) {
      bulk::Scale(key.b, scale_.integer_root);
      bulk::SetSum(key.a, key.a, key.b);
      arf_zero(key.b);
    }
  }
  if (key.a.sign() == 0) {
    arf_set(key.about, key.b);
    return;
  }
  bulk::Arb rest;
  for (const slong precision : kOrderBits) {
    bulk::ScoreBalls balls(scale_, precision);
    balls.SetZ(number, rest, key);
    arf_add(key.about, number, arb_midref(static_cast<arb_ptr>(rest)), kOrderBits[3], ARF_RND_DOWN);
    if (mag_cmp_2exp_si(arb_radref(static_cast<arb_ptr>(rest)), -20) < 0) return;
  }
}

Groups GroupsOf(std::span<const ScoreKey* const> keys) {
  std::vector<std::size_t> order(keys.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t x, std::size_t y) { return Compare(*keys[x], *keys[y]) < 0; });
  Groups groups;
  for (std::size_t n = 0; n < order.size(); ++n) {
    if (n == 0 || Compare(*keys[order[n - 1]], *keys[order[n]]) != 0) groups.emplace_back();
    groups.back().push_back(order[n]);
  }
  return groups;
}

// In long double, whose exponents hold every product: D + 3 roundings of 2^-64.
double ScoreSize(const AttentionHead& head, std::size_t i, std::size_t j) {
  static_assert(std::numeric_limits<long double>::digits >= 64 &&
                std::numeric_limits<long double>::max_exponent > 8192);
  long double sum = 0;
  for (std::size_t d = 0; d < head.head_dim; ++d) {
    sum += std::fabs(static_cast<long double>(head.q[i * head.head_dim + d]) * head.k[j * head.head_dim + d]);
  }
  const ScoreScale scale = ScaleOf(head);
  sum *= std::fabs(scale.factor);
  if (scale.root != 0) sum /= std::sqrt(static_cast<long double>(scale.root));
  sum += std::fabs(static_cast<long double>(BiasAt(head, i, j)));
  return UpperDouble(sum * (1 + 0x1p-62L * static_cast<long double>(head.head_dim + 4)));
}

double UpperDouble(long double x) {
  const auto rounded = static_cast<double>(x);
  return rounded < x ? std::nextafter(rounded, kInf) : rounded;
}

}  // namespace assay::oracle
