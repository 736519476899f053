// SPDX-License-Identifier: Apache-2.0
//
// The steps that attention is made of, each a function that another subject may put its own in the place of: a subject
// is a struct that derives from AttentionSteps<itself, Real>. What AttentionSteps does is what is right. Query by
// query, key by key; the gradients are in attention_gradients.h.

#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "assay/assay.h"
#include "subjects/scalar/attention_call.h"
#include "subjects/scalar/environment.h"
#include "subjects/scalar/exact.h"

namespace assay::subjects {

// What is known of the keys of a query after one look at them.
template <class Wide>
struct KeyRow {
  Wide* z;  // [keys], -inf where invisible
  Wide* w;  // [keys], exp(z - top), 0 where invisible
  std::size_t visible = 0;
  bool nan = false;       // among visible z, or as sink
  bool infinite = false;  // +inf, likewise
  Wide top = -HUGE_VAL;   // the largest of visible z and sink

  bool Ordinary() const { return visible > 0 && !nan && !infinite; }
};

// exp(difference). Where it overflows (backward: scores far above the saved LSE), the root of the largest number stands
// in: times numbers of the call it is infinite in their type just as well, and times 0 it is 0, not NaN.
template <class Wide>
Wide BoundedExp(Wide difference) {
  const Wide power = std::exp(difference);
  const bool overflows = std::isinf(power) && std::isfinite(difference);
  return overflows ? std::ldexp(Wide{1}, std::numeric_limits<Wide>::max_exponent / 2) : power;
}

// exp(a - b). What the difference drops is put back, so that no error grows with |a - b|; a and b are finite, or the
// result is what IEEE makes of them.
template <class Wide>
Wide ExpOfDifference(Wide a, Wide b) {
  const Wide difference = a - b;
  const Wide power = BoundedExp(difference);
  if (!(std::fabs(difference) < 0x1p15)) return power;  // 0, bounded, infinite or NaN
  const Wide turned = difference - a;
  const Wide dropped = (a - (difference - turned)) - (b + turned);  // Knuth's TwoSum
  return power + power * dropped;
}

// RealT  the type of dot products, exponentials and sums.
// WideT  that of scores and their differences, and of what overflows a Real.
template <class Self, class RealT, class WideT = RealT>
struct AttentionSteps {
  using Real = RealT;
  using Wide = WideT;
  using Environment = DefaultEnvironment;
  static constexpr bool kUsesScratch = false;  // for the rows of keys; else they are allocated

  // ---- The call --------------------------------------------------------------------------------------

  static assay_status Check(const assay_attention_args* args, assay_op op) { return CheckAttention(args, op); }
  // What a subject takes for the arguments.
  static void Adjust(assay_attention_args*) {}
  // Before the first query of every call.
  static void Begin(const AttentionCall&) {}

  // ---- Sums ------------------------------------------------------------------------------------------

  // The sum of a * b over those n for which term(i, &a, &b) says that they count.
  template <class Term>
  static Wide SumOf(std::size_t n, Term term) {
    CompensatedSum<Wide> sum;
    for (std::size_t i = 0; i < n; ++i) {
      Wide a = 0;
      Wide b = 0;
      if (term(i, &a, &b)) sum.Add(a * b);
    }
    return sum.Value();
  }

  // ---- Scores ----------------------------------------------------------------------------------------

  static std::size_t KvHead(const AttentionCall& call, std::size_t head) {
    return head / (call.heads() / call.kv_heads());
  }
  static Wide Q(const AttentionCall& call, Query at, std::size_t dim) { return static_cast<Wide>(call.Q(at, dim)); }
  static Wide K(const AttentionCall& call, Query at, std::size_t key, std::size_t dim) {
    return static_cast<Wide>(call.K(at.batch, Self::KvHead(call, at.head), key, dim));
  }
  static Wide V(const AttentionCall& call, Query at, std::size_t key, std::size_t dim) {
    return static_cast<Wide>(call.V(at.batch, Self::KvHead(call, at.head), key, dim));
  }
  static Wide Scale(const AttentionCall& call) {
    if (call.args().has_scale != 0) return static_cast<Wide>(call.args().scale);
    return 1 / std::sqrt(static_cast<Wide>(call.head_dim()));
  }
  static Wide Dot(const AttentionCall& call, Query at, std::size_t key) {
    return Self::SumOf(call.head_dim(), [&](std::size_t dim, Wide* a, Wide* b) {
      *a = Self::Q(call, at, dim);
      *b = Self::K(call, at, key, dim);
      return true;
    });
  }
  static Wide Score(const AttentionCall& call, Query at, std::size_t key) {
    return call.head_dim() == 0 ? 0 : Self::Scale(call) * Self::Dot(call, at, key);
  }
  static Wide Tanh(Wide x) { return std::tanh(x); }
  static Wide Capped(const AttentionCall& call, Wide score) {
    const auto softcap = static_cast<Wide>(call.args().softcap);
    return softcap == 0 ? score : softcap * Self::Tanh(score / softcap);
  }
  static Wide Bias(const AttentionCall& call, Query at, std::size_t key) {
    return static_cast<Wide>(call.Bias(at, key));
  }
  static Wide Z(const AttentionCall& call, Query at, std::size_t key) {
    return Self::Capped(call, Self::Score(call, at, key)) + Self::Bias(call, at, key);
  }

  // ---- What is visible -------------------------------------------------------------------------------

  static std::size_t Length(const AttentionCall& call, std::size_t batch) { return call.Length(batch); }
  // Where among the keys the query stands.
  static std::int64_t Position(const AttentionCall& call, Query at) {
    const auto row = static_cast<std::int64_t>(at.row);
    if (call.args().alignment == ASSAY_TOP_LEFT) return row;
    return row + static_cast<std::int64_t>(Self::Length(call, at.batch)) - static_cast<std::int64_t>(call.queries());
  }
  static bool InCausal(const AttentionCall& call, Query at, std::size_t key) {
    return call.args().causal == 0 || static_cast<std::int64_t>(key) <= Self::Position(call, at);
  }
  static bool InWindow(const AttentionCall& call, Query at, std::size_t key) {
    const std::int64_t back = Self::Position(call, at) - static_cast<std::int64_t>(key);
    return call.args().window == 0 || back < 0 || static_cast<std::size_t>(back) < call.args().window;
  }
  static bool Allowed(const AttentionCall& call, Query at, std::size_t key) { return call.MaskByte(at, key) != 0; }
  static bool InLength(const AttentionCall& call, Query at, std::size_t key) {
    return key < Self::Length(call, at.batch);
  }
  // But for z = -inf.
  static bool Visible(const AttentionCall& call, Query at, std::size_t key) {
    return Self::InLength(call, at, key) && Self::Allowed(call, at, key) && Self::InCausal(call, at, key) &&
           Self::InWindow(call, at, key) && !(call.Bias(at, key) == -HUGE_VAL);
  }

  // ---- A query ---------------------------------------------------------------------------------------

  // Fills z and what is known of it.
  static void Scan(const AttentionCall& call, Query at, KeyRow<Wide>* row) {
    for (std::size_t key = 0; key < call.keys(); ++key) {
      row->z[key] = Self::Visible(call, at, key) ? Self::Z(call, at, key) : -HUGE_VAL;
      if (row->z[key] == -HUGE_VAL) continue;
      ++row->visible;
      Self::See(row->z[key], row);
    }
    if (call.HasSink()) Self::See(Self::Sink(call, at), row);
  }
  static void See(Wide z, KeyRow<Wide>* row) {
    row->nan = row->nan || std::isnan(z);
    row->infinite = row->infinite || z == HUGE_VAL;
    if (z > row->top) row->top = z;
  }
  static Wide Sink(const AttentionCall& call, Query at) { return static_cast<Wide>(call.Sink(at.head)); }
  // exp(z - top).
  static Wide Power(Wide z, Wide top) { return ExpOfDifference(z, top); }
  static Wide Weight(const AttentionCall&, Query, std::size_t, Wide z, const KeyRow<Wide>& row) {
    return Self::Power(z, row.top);
  }
  // What the sink adds to the sum of weights.
  static Wide SinkWeight(const AttentionCall& call, Query at, const KeyRow<Wide>& row) {
    const Wide sink = call.HasSink() ? Self::Sink(call, at) : -HUGE_VAL;
    return sink == -HUGE_VAL ? 0 : Self::Power(sink, row.top);
  }
  static Wide SumOfWeights(const AttentionCall& call, Query at, const KeyRow<Wide>& row) {
    const std::size_t keys = call.keys();
    return Self::SumOf(keys + 1, [&](std::size_t key, Wide* a, Wide* b) {
      *a = key < keys ? row.w[key] : Self::SinkWeight(call, at, row);
      *b = 1;
      return true;
    });
  }
  static Wide Out(const AttentionCall& call, Query at, const KeyRow<Wide>& row, Wide sum, std::size_t dim) {
    const Wide total = Self::SumOf(call.keys(), [&](std::size_t key, Wide* a, Wide* b) {
      *a = row.w[key];
      if (row.z[key] == -HUGE_VAL) return false;
      *b = Self::V(call, at, key, dim);
      return true;
    });
    return total / sum;
  }
  static Wide Log(Wide sum) { return std::log(sum); }
  static Wide Lse(const AttentionCall&, Query, const KeyRow<Wide>& row, Wide sum) { return row.top + Self::Log(sum); }
  static void Write(const AttentionCall& call, Query at, std::size_t dim, long double value) {
    call.Set(call.args().out, at, dim, value);
  }
  static void WriteLse(const AttentionCall& call, Query at, long double value) { call.SetLse(at, value); }

  // A query whose results need no arithmetic: it sees nothing, or a NaN or infinity is among its z or its sink (which
  // counts even where it sees nothing).
  static void Fill(const AttentionCall& call, Query at, const KeyRow<Wide>& row) {
    const long double nan = std::nan("");
    const long double out = row.nan || row.infinite ? nan : 0;
    for (std::size_t dim = 0; dim < call.value_dim(); ++dim) Self::Write(call, at, dim, out);
    const long double infinity = HUGE_VAL;
    Self::WriteLse(call, at, row.nan ? nan : row.infinite ? infinity : static_cast<long double>(row.top));
  }
  static void Attend(const AttentionCall& call, Query at, KeyRow<Wide>* row) {
    Self::Scan(call, at, row);
    if (!row->Ordinary()) return Self::Fill(call, at, *row);
    for (std::size_t key = 0; key < call.keys(); ++key) {
      row->w[key] = row->z[key] == -HUGE_VAL ? 0 : Self::Weight(call, at, key, row->z[key], *row);
    }
    const Wide sum = Self::SumOfWeights(call, at, *row);
    for (std::size_t dim = 0; dim < call.value_dim(); ++dim) {
      Self::Write(call, at, dim, Self::Out(call, at, *row, sum, dim));
    }
    Self::WriteLse(call, at, Self::Lse(call, at, *row, sum));
  }
  static void Queries(const AttentionCall& call, Wide* z, Wide* w) {
    for (std::size_t batch = 0; batch < call.batch(); ++batch) {
      for (std::size_t head = 0; head < call.heads(); ++head) {
        for (std::size_t query = 0; query < call.queries(); ++query) {
          KeyRow<Wide> row{.z = z, .w = w};
          Self::Attend(call, {batch, head, query}, &row);
        }
      }
    }
  }
};

}  // namespace assay::subjects
