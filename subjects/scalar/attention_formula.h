// SPDX-License-Identifier: Apache-2.0
//
// Attention as assay.h writes it, for ordinary numbers: no maximum is subtracted, nothing is special. For tests.

#pragma once

#include <cmath>
#include <vector>

#include "subjects/scalar/attention_testing.h"

namespace assay::subjects {

struct AttentionFormula {
  const TestAttention& c;

  std::size_t Row(std::size_t b, std::size_t h, std::size_t i) const { return (b * c.heads + h) * c.queries + i; }
  std::size_t KeyRow(std::size_t b, std::size_t h, std::size_t j) const {
    return (b * c.kv_heads + h / (c.heads / c.kv_heads)) * c.keys + j;
  }
  long double Scale() const {
    return c.has_scale ? static_cast<long double>(c.scale) : 1 / sqrtl(static_cast<long double>(c.head_dim));
  }
  long double Score(std::size_t b, std::size_t h, std::size_t i, std::size_t j) const {
    long double dot = 0;
    for (std::size_t d = 0; d < c.head_dim; ++d) {
      dot += static_cast<long double>(c.q[Row(b, h, i) * c.head_dim + d]) *
             static_cast<long double>(c.k[KeyRow(b, h, j) * c.head_dim + d]);
    }
    return c.head_dim == 0 ? 0 : Scale() * dot;
  }
  // -inf where invisible.
  long double Z(std::size_t b, std::size_t h, std::size_t i, std::size_t j) const {
    const auto length = c.lengths.empty() ? static_cast<long>(c.keys) : static_cast<long>(c.lengths[b]);
    const long t = static_cast<long>(i) + (c.alignment == ASSAY_TOP_LEFT ? 0 : length - static_cast<long>(c.queries));
    const auto key = static_cast<long>(j);
    const std::size_t pair = Row(b, h, i) * c.keys + j;
    const bool hidden = key >= length || (!c.mask.empty() && c.mask[pair] == 0) || (c.causal && key > t) ||
                        (c.window != 0 && key <= t - static_cast<long>(c.window));
    if (hidden) return -HUGE_VALL;
    long double z = Score(b, h, i, j);
    if (c.softcap != 0) z = static_cast<long double>(c.softcap) * tanhl(z / static_cast<long double>(c.softcap));
    return z + (c.bias.empty() ? 0 : static_cast<long double>(c.bias[pair]));
  }

  template <class Visit>
  void ForEachRow(Visit visit) const {
    for (std::size_t b = 0; b < c.batch; ++b) {
      for (std::size_t h = 0; h < c.heads; ++h) {
        for (std::size_t i = 0; i < c.queries; ++i) visit(b, h, i);
      }
    }
  }

  TestAttentionResult Forward() const {
    TestAttentionResult want;
    ForEachRow([&](std::size_t b, std::size_t h, std::size_t i) {
      long double total = c.sink.empty() ? 0 : expl(static_cast<long double>(c.sink[h]));
      std::vector<long double> out(c.value_dim, 0);
      for (std::size_t j = 0; j < c.keys; ++j) {
        const long double p = expl(Z(b, h, i, j));
        if (p == 0) continue;
        total += p;
        for (std::size_t e = 0; e < c.value_dim; ++e) {
          out[e] += p * static_cast<long double>(c.v[KeyRow(b, h, j) * c.value_dim + e]);
        }
      }
      for (const long double sum : out) want.out.push_back(static_cast<double>(total == 0 ? 0 : sum / total));
      want.lse.push_back(static_cast<double>(logl(total)));
    });
    return want;
  }
  TestAttentionResult Backward() const {
    TestAttentionResult want;
    want.dq.assign(c.q.size(), 0);
    want.dk.assign(c.k.size(), 0);
    want.dv.assign(c.v.size(), 0);
    want.dbias.assign(c.bias.size(), 0);
    ForEachRow([&](std::size_t b, std::size_t h, std::size_t i) {
      const std::size_t row = Row(b, h, i);
      if (c.saved_lse[row] == -HUGE_VAL) return;
      for (std::size_t j = 0; j < c.keys; ++j) {
        const long double p = expl(Z(b, h, i, j) - static_cast<long double>(c.saved_lse[row]));
        if (p == 0) continue;
        const std::size_t key = KeyRow(b, h, j);
        long double g = 0;
        for (std::size_t e = 0; e < c.value_dim; ++e) {
          const long double up = c.upstream[row * c.value_dim + e];
          g += up * (static_cast<long double>(c.v[key * c.value_dim + e]) -
                     static_cast<long double>(c.saved_out[row * c.value_dim + e]));
          want.dv[key * c.value_dim + e] += static_cast<double>(p * up);
        }
        g *= p;
        if (!c.bias.empty()) want.dbias[row * c.keys + j] = static_cast<double>(g);
        if (c.softcap != 0) g /= powl(coshl(Score(b, h, i, j) / static_cast<long double>(c.softcap)), 2);
        for (std::size_t d = 0; d < c.head_dim; ++d) {
          const std::size_t of_q = row * c.head_dim + d;
          const std::size_t of_k = key * c.head_dim + d;
          want.dq[of_q] += static_cast<double>(Scale() * g * static_cast<long double>(c.k[of_k]));
          want.dk[of_k] += static_cast<double>(Scale() * g * static_cast<long double>(c.q[of_q]));
        }
      }
    });
    return want;
  }
  TestAttentionResult Want() const { return c.op == ASSAY_ATTENTION ? Forward() : Backward(); }
};

}  // namespace assay::subjects
