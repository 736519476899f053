// SPDX-License-Identifier: Apache-2.0
//
// What the laws of attention compute for themselves, in long double and with an error of their own: scores, visible
// keys, log-sum-exp and shares of every query; and the magnitudes that bounds are made of. Not the truth: that is the
// oracle's.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "properties/approx.h"
#include "properties/attention_case.h"

namespace assay::properties {

// One query of one head.
struct QueryModel {
  std::vector<std::uint8_t> visible;  // by key: z > -inf (a NaN is visible)
  std::vector<long double> z;         // by key; -inf where not visible
  std::vector<double> size;           // by key: |scale| sum |q k| + |bias|
  std::size_t count = 0;              // visible keys
  bool nan = false;                   // among visible z, or as sink
  bool plus_inf = false;              // likewise
  long double lse = 0;                // with the sink; -inf where there is no mass
  long double largest = 0;            // z or sink
  double scores = 0;                  // the largest visible `size`
  double dots = 0;                    // the largest visible sum |q k|, without the scale
  double blur = 0;                    // every z is off by at most this

  bool special() const { return nan || plus_inf; }
  // p and its error; of a query that is not special.
  Approx Share(std::size_t j) const;
};

class AttentionModel {
 public:
  explicit AttentionModel(const Case& c);
  const QueryModel& Query(std::size_t n, std::size_t h, std::size_t i) const {
    return queries_[(n * heads_ + h) * seq_q_ + i];
  }

 private:
  std::size_t heads_;
  std::size_t seq_q_;
  std::vector<QueryModel> queries_;
};

// For every entry of an output, what a claim is measured by (assay_attention_claim): S, W and n.
struct Magnitudes {
  std::vector<double> scores;
  std::vector<double> weight;  // infinite where it is not known
  // Beyond what claims read, for the textbook bound.
  std::vector<double> values;    // out: the largest visible |value|; lse: |lse|
  std::vector<double> shift;     // |sink|, or the largest |saved_lse| of the queries that the result depends on
  std::vector<double> unshared;  // W with every p = 1
  std::vector<double> reach;     // the largest factor or partial sum on the way
  std::vector<double> share;     // the largest p (of a gradient)
  double keys = 0;
};
Magnitudes MagnitudesOf(const Case& c, const AttentionModel& model, Role output);

}  // namespace assay::properties
