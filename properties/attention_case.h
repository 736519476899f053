// SPDX-License-Identifier: Apache-2.0
//
// A case of attention as the laws see it: where entries lie, which pairs are visible, and the same call asked in
// another way.

#pragma once

#include <cstddef>
#include <cstdint>

#include "properties/fit_attention.h"
#include "properties/judging.h"
#include "subjects/case.h"
#include "subjects/random.h"

namespace assay::properties {

using subjects::Attention;
using subjects::Axis;
using subjects::Dims;

inline std::size_t At(const Dims& dims, std::size_t n, std::size_t h, std::size_t i, std::size_t j) {
  return ((n * dims[1] + h) * dims[2] + i) * dims[3] + j;
}
std::size_t SizeOf(const Dims& dims);

inline std::size_t GroupSize(const Attention& a) { return a.num_kv_heads == 0 ? 0 : a.num_heads / a.num_kv_heads; }

// An input with its dimensions. Not longer than the case.
class Tensor {
 public:
  Tensor(const Case& c, Role role) : operand_(c.operand(role)), dims_(subjects::DimsOf(c, role)) {}
  bool given() const { return operand_.given; }
  const Dims& dims() const { return dims_; }
  std::size_t At(std::size_t n, std::size_t h, std::size_t i, std::size_t j) const {
    return properties::At(dims_, n, h, i, j);
  }
  double operator()(std::size_t n, std::size_t h, std::size_t i, std::size_t j) const {
    return operand_[At(n, h, i, j)];
  }

 private:
  const subjects::Operand& operand_;
  Dims dims_;
};

// The keys of a batch that exist.
std::size_t KeyLength(const Case& c, std::size_t n);

// The keys of batch n that length, causality and window let query i see: [first, end).
struct KeyRange {
  std::size_t first = 0;
  std::size_t end = 0;
};
KeyRange KeysOf(const Case& c, std::size_t n, std::size_t i);

// scale as given, or 1 / sqrt(head_dim) rounded to double; without dimensions 1.
double ScaleOf(const Case& c);

// Calls visit(n, h, i) for every query, and (n, h, i, j) for every pair.
template <class Visit>
void ForEachQuery(const Case& c, Visit visit) {
  for (std::size_t n = 0; n < c.attention.batch; ++n) {
    for (std::size_t h = 0; h < c.attention.num_heads; ++h) {
      for (std::size_t i = 0; i < c.attention.seq_q; ++i) visit(n, h, i);
    }
  }
}
template <class Visit>
void ForEachPair(const Case& c, Visit visit) {
  ForEachQuery(c, [&](std::size_t n, std::size_t h, std::size_t i) {
    for (std::size_t j = 0; j < c.attention.seq_kv; ++j) visit(n, h, i, j);
  });
}

// ---- The same call in other words --------------------------------------------------------------------------------

// What lengths, causality and window hide, as a mask; the case itself where there is none of them. Places in the
// sequence mean nothing any more.
Case PlacesAsMask(Case c);

// Only one index of an axis.
Case Only(const Case& c, Axis axis, std::size_t index);

// One batch and one query with the keys that its place lets it see, without causality, window and lengths.
Case PrefixOf(const Case& c, std::size_t n, std::size_t i);

// The operand with entry (n, h, i, j) of the result taken from source(n, h, i, j) of its values; dims are those of c.
template <class Source>
void Gather(Case* c, Role role, const Dims& from, const subjects::Operand& values, Source source) {
  const Dims to = subjects::DimsOf(*c, role);
  subjects::Operand& operand = c->operand(role);
  Array gathered(values.values.element(), SizeOf(to));
  for (std::size_t n = 0; n < to[0]; ++n) {
    for (std::size_t h = 0; h < to[1]; ++h) {
      for (std::size_t i = 0; i < to[2]; ++i) {
        for (std::size_t j = 0; j < to[3]; ++j) {
          const Dims at = source(n, h, i, j);
          gathered.SetBits(At(to, n, h, i, j), values.values.Bits(At(from, at[0], at[1], at[2], at[3])));
        }
      }
    }
  }
  operand.values = std::move(gathered);
}

// The keys in another order or several times: key j is key source[j] of c, in k, v, bias and mask. Only without
// causality, window and lengths.
Case TakeKeys(const Case& c, const std::vector<std::size_t>& source);

// Plain layouts, not in place: derived cases change sizes.
Case Plain(Case c);

}  // namespace assay::properties
