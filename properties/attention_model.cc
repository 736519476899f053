// SPDX-License-Identifier: Apache-2.0

#include "properties/attention_model.h"

#include <algorithm>
#include <cmath>

namespace assay::properties {
namespace {

constexpr long double kInfinite = std::numeric_limits<long double>::infinity();
// Of a score: products and sums of head_dim terms, scale, softcap (three operations and a tanh of a few units), bias.
double BlurOf(std::size_t head_dim, double scores) { return (static_cast<double>(head_dim) + 32) * 0x1p-62 * scores; }

QueryModel ModelOf(const Case& c, const Tensor& q, const Tensor& k, std::size_t n, std::size_t h, std::size_t i) {
  const Attention& a = c.attention;
  const std::size_t kv = h / GroupSize(a);
  const long double scale = a.has_scale ? static_cast<long double>(a.scale)
                                        : 1 / std::sqrt(static_cast<long double>(std::max<std::size_t>(a.head_dim, 1)));
  const auto softcap = static_cast<long double>(a.softcap);
  QueryModel model;
  model.visible.assign(a.seq_kv, 0);
  model.z.assign(a.seq_kv, -kInfinite);
  model.size.assign(a.seq_kv, 0);
  model.largest = -kInfinite;
  const bool has_sink = c.sink.given && c.op == ASSAY_ATTENTION;
  const double sink = has_sink ? c.sink[h] : -kInf;
  model.nan = std::isnan(sink);
  model.plus_inf = sink == kInf;
  if (!model.special()) model.largest = static_cast<long double>(sink);
  const KeyRange keys = KeysOf(c, n, i);
  for (std::size_t j = keys.first; j < keys.end; ++j) {
    if (!CanSee(c, n, h, i, j)) continue;
    long double dot = 0;
    long double size = 0;
    for (std::size_t d = 0; d < a.head_dim; ++d) {
      const long double product = static_cast<long double>(q(n, h, i, d)) * static_cast<long double>(k(n, kv, j, d));
      dot += product;
      size += std::fabs(product);
    }
    const double bias = c.bias.given ? c.bias[((n * a.num_heads + h) * a.seq_q + i) * a.seq_kv + j] : 0;
    const long double score = scale * dot;
    const long double capped = softcap == 0 ? score : softcap * std::tanh(score / softcap);
    const long double z = capped + static_cast<long double>(bias);
    if (z == -kInfinite) continue;
    model.visible[j] = 1;
    ++model.count;
    model.z[j] = z;
    model.dots = std::max(model.dots, static_cast<double>(size));
    model.size[j] = static_cast<double>(std::fabs(scale) * size) * (1 + 0x1p-40) + std::fabs(bias);
    model.nan = model.nan || std::isnan(z);
    model.plus_inf = model.plus_inf || z == kInfinite;
    model.scores = std::max(model.scores, model.size[j]);
    model.largest = std::max(model.largest, z);  // a NaN never wins
  }
  if (model.nan) {
    model.lse = std::numeric_limits<long double>::quiet_NaN();
  } else if (model.plus_inf || model.largest == -kInfinite) {
    model.lse = model.largest;
    if (model.plus_inf) model.lse = kInfinite;
  } else {
    long double sum = has_sink ? std::exp(static_cast<long double>(sink) - model.largest) : 0;
    for (std::size_t j = 0; j < a.seq_kv; ++j) {
      if (model.visible[j] != 0) sum += std::exp(model.z[j] - model.largest);
    }
    model.lse = model.largest + std::log(sum);
  }
  model.blur = BlurOf(a.head_dim, model.scores);
  return model;
}

// Factors by which the double arithmetic here may fall short.
constexpr double kOutwards = 1 + 0x1p-30;

// p of the saved LSE, not below the real value; infinite where that is far beyond 1.
double SavedShare(const QueryModel& query, std::size_t head_dim, std::size_t j, double saved_lse) {
  if (query.visible[j] == 0 || saved_lse == -kInf) return 0;
  const long double exponent =
      query.z[j] - static_cast<long double>(saved_lse) + static_cast<long double>(BlurOf(head_dim, query.size[j]));
  return static_cast<double>(std::exp(exponent + std::fabs(exponent) * 0x1p-60L)) * kOutwards;
}

void Fill(Magnitudes* m, std::size_t size) {
  for (auto* values : {&m->scores, &m->weight, &m->values, &m->shift, &m->unshared, &m->reach, &m->share})
    values->assign(size, 0);
}

// W = sum p |v|. Where z is too blurred for shares, W is at most the largest |v|.
void MeasureOut(const Case& c, const AttentionModel& model, Magnitudes* m) {
  const Attention& a = c.attention;
  const Tensor v(c, Role::kV);
  const Dims dims = subjects::DimsOf(c, Role::kOut);
  ForEachQuery(c, [&](std::size_t n, std::size_t h, std::size_t i) {
    const QueryModel& query = model.Query(n, h, i);
    const bool sharp = query.blur <= 0x1p-24 && !query.special();
    std::vector<double> shares(a.seq_kv);
    for (std::size_t j = 0; sharp && j < a.seq_kv; ++j) {
      if (query.visible[j] != 0) shares[j] = static_cast<double>(std::exp(query.z[j] - query.lse));
    }
    for (std::size_t e = 0; e < a.value_dim; ++e) {
      const std::size_t at = At(dims, n, h, i, e);
      double weight = 0;
      for (std::size_t j = 0; j < a.seq_kv; ++j) {
        if (query.visible[j] == 0) continue;
        const double value = std::fabs(v(n, h / GroupSize(a), j, e));
        weight += shares[j] * value;
        m->values[at] = std::max(m->values[at], value);
        m->unshared[at] += value;
      }
      m->scores[at] = query.scores;
      m->weight[at] = sharp ? weight * (1 + 4 * query.blur) * kOutwards : m->values[at];
      m->shift[at] = c.sink.given && std::isfinite(c.sink[h]) ? std::fabs(c.sink[h]) : 0;
      m->reach[at] = m->unshared[at];
    }
  });
}

void MeasureLse(const Case& c, const AttentionModel& model, Magnitudes* m) {
  std::size_t at = 0;
  ForEachQuery(c, [&](std::size_t n, std::size_t h, std::size_t i) {
    const QueryModel& query = model.Query(n, h, i);
    m->scores[at] = query.scores;
    const bool finite = std::isfinite(query.lse);
    m->values[at] = finite ? std::fabs(static_cast<double>(query.lse)) * kOutwards : 0;
    m->weight[at] = 1 + m->values[at];
    m->shift[at] = c.sink.given && std::isfinite(c.sink[h]) ? std::fabs(c.sink[h]) : 0;
    ++at;
  });
}

// Every visible pair's p and the magnitude of what g multiplies it with.
template <class Visit>
void ForEachGradientPair(const Case& c, const AttentionModel& model, Visit visit) {
  const Attention& a = c.attention;
  const Tensor v(c, Role::kV);
  const Tensor upstream(c, Role::kUpstream);
  const Tensor saved_out(c, Role::kSavedOut);
  const Tensor saved_lse(c, Role::kSavedLse);
  ForEachPair(c, [&](std::size_t n, std::size_t h, std::size_t i, std::size_t j) {
    const QueryModel& query = model.Query(n, h, i);
    const double lse = saved_lse(n, h, i, 0);
    if (query.visible[j] == 0 || lse == -kInf) return;
    double inner = 0;
    for (std::size_t e = 0; e < a.value_dim; ++e) {
      const double u = std::fabs(upstream(n, h, i, e));
      inner += u * std::fabs(v(n, h / GroupSize(a), j, e)) + u * std::fabs(saved_out(n, h, i, e));
    }
    visit(n, h, i, j, query, std::fabs(lse), SavedShare(query, a.head_dim, j, lse), inner * kOutwards);
  });
}

void MeasureGradient(const Case& c, const AttentionModel& model, Role output, Magnitudes* m) {
  const Attention& a = c.attention;
  const Dims dims = subjects::DimsOf(c, output);
  const Tensor q(c, Role::kQ);
  const Tensor k(c, Role::kK);
  const Tensor upstream(c, Role::kUpstream);
  const double scale = std::fabs(ScaleOf(c));
  ForEachGradientPair(c, model,
                      [&](std::size_t n, std::size_t h, std::size_t i, std::size_t j, const QueryModel& query,
                          double lse, double p, double inner) {
                        const std::size_t kv = h / GroupSize(a);
                        const auto add = [&](std::size_t at, double factor) {
                          const double term = factor == 0 ? 0 : factor * kOutwards;
                          m->weight[at] += p == 0 || term == 0 ? 0 : p * term;
                          m->unshared[at] += term;
                          m->scores[at] = std::max(m->scores[at], query.size[j]);
                          m->shift[at] = std::max(m->shift[at], lse);
                          m->share[at] = std::max(m->share[at], p);
                          m->reach[at] = std::max({m->reach[at], p * inner, p, inner});
                        };
                        switch (output) {
                          case Role::kDbias:
                            add(At(dims, n, h, i, j), inner);
                            break;
                          case Role::kDq:
                            for (std::size_t d = 0; d < a.head_dim; ++d) {
                              add(At(dims, n, h, i, d), scale * inner * std::fabs(k(n, kv, j, d)));
                            }
                            break;
                          case Role::kDk:
                            for (std::size_t d = 0; d < a.head_dim; ++d) {
                              add(At(dims, n, kv, j, d), scale * inner * std::fabs(q(n, h, i, d)));
                            }
                            break;
                          default:
                            for (std::size_t e = 0; e < a.value_dim; ++e) {
                              add(At(dims, n, kv, j, e), std::fabs(upstream(n, h, i, e)));
                            }
                            break;
                        }
                      });
}

}  // namespace

AttentionModel::AttentionModel(const Case& c) : heads_(c.attention.num_heads), seq_q_(c.attention.seq_q) {
  const Tensor q(c, Role::kQ);
  const Tensor k(c, Role::kK);
  ForEachQuery(c, [&](std::size_t n, std::size_t h, std::size_t i) { queries_.push_back(ModelOf(c, q, k, n, h, i)); });
}

Approx QueryModel::Share(std::size_t j) const {
  if (visible[j] == 0) return 0.0;
  const long double magnitude = std::fabs(z[j]) + std::fabs(lse);
  return Exp(Approx(z[j] - lse, 2 * static_cast<long double>(blur) + magnitude * 0x1p-60L +
                                    static_cast<long double>(count + 64) * 0x1p-62L));
}

Magnitudes MagnitudesOf(const Case& c, const AttentionModel& model, Role output) {
  const Attention& a = c.attention;
  Magnitudes m;
  Fill(&m, SizeOf(subjects::DimsOf(c, output)));
  const bool by_query = output == Role::kDk || output == Role::kDv;
  m.keys = static_cast<double>(by_query ? a.seq_q * GroupSize(a) : a.seq_kv);
  if (output == Role::kOut) {
    MeasureOut(c, model, &m);
  } else if (output == Role::kLse) {
    MeasureLse(c, model, &m);
  } else {
    MeasureGradient(c, model, output, &m);
  }
  return m;
}

}  // namespace assay::properties
