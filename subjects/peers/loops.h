// SPDX-License-Identifier: Apache-2.0
//
// The row operations as plain loops that subtract the maximum, around the exp and log of somebody's mathematical
// library: what people write who have only that. Math gives the vector type V of T with kLanes entries, Load, Store,
// Max and so on (vectors.h), and Exp(V) and Log(T).

#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "subjects/peers/peer.h"

namespace assay::peers {

inline constexpr std::uint64_t kLoopFeatures = ASSAY_FEATURE_MASK | ASSAY_FEATURE_BIAS | ASSAY_FEATURE_TEMPERATURE |
                                               ASSAY_FEATURE_ROW_STRIDE | ASSAY_FEATURE_IN_PLACE |
                                               ASSAY_FEATURE_CONCURRENT;

template <class Math>
class Loops {
 public:
  static assay_status Softmax(const assay_row_args* args) {
    if (!Served(*args)) return ASSAY_UNSUPPORTED;
    ForRows(*args, [&](const auto& z, std::size_t i) { SoftmaxRow(z, 1, OutRow<T>(*args, i), args->cols); });
    return ASSAY_OK;
  }

  static assay_status LogSoftmax(const assay_row_args* args) {
    if (!Served(*args)) return ASSAY_UNSUPPORTED;
    ForRows(*args, [&](const auto& z, std::size_t i) {
      const T max = Max(z, args->cols);
      const V max_v = Math::Set(max);
      const V log_sum = Math::Set(Math::Log(SumExp(z, max, args->cols)));
      T* const out = OutRow<T>(*args, i);
      Blocks(args->cols, [&](std::size_t j, auto n) { Put(z(j, n) - max_v - log_sum, out + j, n); });
    });
    return ASSAY_OK;
  }

  static assay_status Logsumexp(const assay_row_args* args) {
    if (!Served(*args)) return ASSAY_UNSUPPORTED;
    ForRows(*args, [&](const auto& z, std::size_t i) { *OutRow<T>(*args, i) = Lse(z, args->cols); });
    if (args->cols == 0) {
      for (std::size_t i = 0; i < args->rows; ++i) *OutRow<T>(*args, i) = -kInf;
    }
    return ASSAY_OK;
  }

  static assay_status Sigmoid(const assay_row_args* args) {
    if (!Served(*args)) return ASSAY_UNSUPPORTED;
    const V one = Math::Set(1);
    ForRows(*args, [&](const auto& z, std::size_t i) {
      T* const out = OutRow<T>(*args, i);
      Blocks(args->cols, [&](std::size_t j, auto n) { Put(one / (one + Math::Exp(-z(j, n))), out + j, n); });
    });
    return ASSAY_OK;
  }

  static assay_status SoftmaxBackward(const assay_row_args* args) {
    if (!TakesTemperature<T>(*args)) return ASSAY_UNSUPPORTED;
    const V inverse = Math::Set(static_cast<T>(1 / args->temperature));
    for (std::size_t i = 0; i < args->rows; ++i) {
      const T* const y = InRow<T>(args->saved, i);
      const T* const dy = InRow<T>(args->upstream, i);
      T* const out = OutRow<T>(*args, i);
      V sum = Math::Set(0);
      Blocks(args->cols, [&](std::size_t j, auto n) { sum += Get(y + j, n, 0) * Get(dy + j, n, 0); });
      const V dot = Math::Set(Math::ReduceAdd(sum));
      Blocks(args->cols,
             [&](std::size_t j, auto n) { Put(Get(y + j, n, 0) * (Get(dy + j, n, 0) - dot) * inverse, out + j, n); });
    }
    return ASSAY_OK;
  }

  static assay_status LogSoftmaxBackward(const assay_row_args* args) {
    if (!TakesTemperature<T>(*args)) return ASSAY_UNSUPPORTED;
    const V inverse = Math::Set(static_cast<T>(1 / args->temperature));
    for (std::size_t i = 0; i < args->rows; ++i) {
      const T* const y = InRow<T>(args->saved, i);
      const T* const dy = InRow<T>(args->upstream, i);
      T* const out = OutRow<T>(*args, i);
      V sum = Math::Set(0);
      Blocks(args->cols, [&](std::size_t j, auto n) { sum += Get(dy + j, n, 0); });
      const V all = Math::Set(Math::ReduceAdd(sum));
      Blocks(args->cols, [&](std::size_t j, auto n) {
        Put((Get(dy + j, n, 0) - Math::Exp(Get(y + j, n, 0)) * all) * inverse, out + j, n);
      });
    }
    return ASSAY_OK;
  }

  static assay_status CrossEntropy(const assay_row_args* args) {
    if (!Served(*args)) return ASSAY_UNSUPPORTED;
    ForRows(*args, [&](const auto& z, std::size_t i) {
      *OutRow<T>(*args, i) = Lse(z, args->cols) - z.Entry(Label(*args, i));
    });
    return ASSAY_OK;
  }

  static assay_status CrossEntropyBackward(const assay_row_args* args) {
    if (!Served(*args)) return ASSAY_UNSUPPORTED;
    const T inverse = static_cast<T>(1 / args->temperature);
    ForRows(*args, [&](const auto& z, std::size_t i) {
      const T scale = (args->upstream.data == nullptr ? T{1} : *InRow<T>(args->upstream, i)) * inverse;
      T* const out = OutRow<T>(*args, i);
      SoftmaxRow(z, scale, out, args->cols);
      const std::size_t label = Label(*args, i);
      if (z.Entry(label) != -kInf) out[label] -= scale;
    });
    return ASSAY_OK;
  }

  // Martins & Astudillo (2016), algorithm 1: sort, find how many exceed the threshold, subtract it.
  static assay_status Sparsemax(const assay_row_args* args) {
    if (!Served(*args)) return ASSAY_UNSUPPORTED;
    static thread_local std::vector<T> sorted;
    const V zero = Math::Set(0);
    ForRows(*args, [&](const auto& z, std::size_t i) {
      sorted.resize(args->cols);
      Blocks(args->cols, [&](std::size_t j, auto n) { Put(z(j, n), sorted.data() + j, n); });
      const T max = Max(z, args->cols);
      T* const out = OutRow<T>(*args, i);
      if (std::any_of(sorted.begin(), sorted.end(), [](T x) { return std::isnan(x); }) || std::isinf(max)) {
        std::fill_n(out, args->cols, std::numeric_limits<T>::quiet_NaN());
        return;
      }
      std::sort(sorted.begin(), sorted.end(), [](T a, T b) { return a > b; });
      T sum = 0;
      T threshold = 0;
      for (std::size_t k = 0; k < args->cols; ++k) {
        sum += sorted[k] - max;
        const T count = static_cast<T>(k + 1);
        if (!(1 + count * (sorted[k] - max) > sum)) break;
        threshold = (sum - 1) / count;
      }
      const V tau = Math::Set(threshold);
      const V max_v = Math::Set(max);
      Blocks(args->cols, [&](std::size_t j, auto n) { Put(Math::Max(z(j, n) - max_v - tau, zero), out + j, n); });
    });
    return ASSAY_OK;
  }

  static assay_status SparsemaxBackward(const assay_row_args* args) {
    if (!TakesTemperature<T>(*args)) return ASSAY_UNSUPPORTED;
    const V inverse = Math::Set(static_cast<T>(1 / args->temperature));
    const V zero = Math::Set(0);
    const V one = Math::Set(1);
    for (std::size_t i = 0; i < args->rows; ++i) {
      const T* const p = InRow<T>(args->saved, i);
      const T* const dy = InRow<T>(args->upstream, i);
      T* const out = OutRow<T>(*args, i);
      V sum = zero;
      V count = zero;
      Blocks(args->cols, [&](std::size_t j, auto n) {
        const V share = Get(p + j, n, 0);
        sum += share > zero ? Get(dy + j, n, 0) : zero;
        count += share > zero ? one : zero;
      });
      const V mean = Math::Set(Math::ReduceAdd(sum) / Math::ReduceAdd(count));
      Blocks(args->cols, [&](std::size_t j, auto n) {
        Put(Get(p + j, n, 0) > zero ? (Get(dy + j, n, 0) - mean) * inverse : zero, out + j, n);
      });
    }
    return ASSAY_OK;
  }

  // The table of all of them.
  static assay_subject Table(const char* name, const char* version, const char* description) {
    assay_subject table = {};
    table.struct_size = sizeof table;
    table.abi_major = ASSAY_ABI_MAJOR;
    table.abi_minor = ASSAY_ABI_MINOR;
    table.name = name;
    table.version = version;
    table.description = description;
    table.features = kLoopFeatures;
    table.empty_row_masked = ASSAY_EMPTY_ROW_NAN;
    table.softmax.run = Softmax;
    table.log_softmax.run = LogSoftmax;
    table.logsumexp.run = Logsumexp;
    table.sigmoid.run = Sigmoid;
    table.softmax_backward.run = SoftmaxBackward;
    table.log_softmax_backward.run = LogSoftmaxBackward;
    table.cross_entropy.run = CrossEntropy;
    table.cross_entropy_backward.run = CrossEntropyBackward;
    table.sparsemax.run = Sparsemax;
    table.sparsemax_backward.run = SparsemaxBackward;
    return table;
  }

 private:
  using T = typename Math::T;
  using V = typename Math::V;
  static constexpr std::size_t kLanes = Math::kLanes;
  static constexpr T kInf = std::numeric_limits<T>::infinity();
  using Whole = std::integral_constant<std::size_t, kLanes>;

  // step(j, n) for each n entries from j on: whole vectors, whose n is a constant, and what is left.
  template <class Step>
  static void Blocks(std::size_t cols, Step step) {
    std::size_t j = 0;
    for (; j + kLanes <= cols; j += kLanes) step(j, Whole());
    if (j < cols) step(j, cols - j);
  }

  static V Get(const T* p, Whole, T) { return Math::Load(p); }
  static V Get(const T* p, std::size_t n, T rest) { return Math::LoadPart(p, n, Math::Set(rest)); }
  static void Put(V v, T* p, Whole) { Math::Store(v, p); }
  static void Put(V v, T* p, std::size_t n) { Math::StorePart(v, p, n); }

  // A row of z as it stands in memory, and one that is scaled, biased and masked on the way.
  struct PlainRow {
    const T* x;
    V operator()(std::size_t j, auto n) const { return Get(x + j, n, -kInf); }
    T Entry(std::size_t j) const { return x[j]; }
  };
  struct MadeRow {
    const T* x;
    const T* bias;
    const std::uint8_t* mask;
    T inverse;
    T Entry(std::size_t j) const {
      if (mask != nullptr && mask[j] == 0) return -kInf;
      return bias == nullptr ? x[j] * inverse : x[j] * inverse + bias[j];
    }
    V operator()(std::size_t j, auto n) const {
      V z = Get(x + j, n, -kInf) * Math::Set(inverse);
      if (bias != nullptr) z += Get(bias + j, n, 0);
      if (mask != nullptr) z = Math::Masked(z, mask + j, n, Math::Set(-kInf));
      return z;
    }
  };

  static bool Served(const assay_row_args& a) { return TakesTemperature<T>(a); }

  // body(z, i) for each row of logits.
  template <class Body>
  static void ForRows(const assay_row_args& a, Body body) {
    if (IsEmpty(a)) return;
    const bool plain = a.temperature == 1 && a.bias.data == nullptr && a.mask.data == nullptr;
    for (std::size_t i = 0; i < a.rows; ++i) {
      const T* const x = InRow<T>(a.logits, i);
      if (plain) {
        body(PlainRow{x}, i);
      } else {
        body(MadeRow{x, a.bias.data == nullptr ? nullptr : InRow<T>(a.bias, i),
                     a.mask.data == nullptr ? nullptr : InRow<std::uint8_t>(a.mask, i),
                     static_cast<T>(1 / a.temperature)},
             i);
      }
    }
  }

  static std::size_t Label(const assay_row_args& a, std::size_t i) {
    return static_cast<std::size_t>(*InRow<std::int64_t>(a.labels, i));
  }

  template <class Row>
  static T Max(const Row& z, std::size_t cols) {
    V max = Math::Set(-kInf);
    Blocks(cols, [&](std::size_t j, auto n) { max = Math::Max(z(j, n), max); });
    return Math::ReduceMax(max);
  }

  template <class Row>
  static T SumExp(const Row& z, T max, std::size_t cols) {
    V sum = Math::Set(0);
    const V max_v = Math::Set(max);
    Blocks(cols, [&](std::size_t j, auto n) { sum += Math::Exp(z(j, n) - max_v); });
    return Math::ReduceAdd(sum);
  }

  template <class Row>
  static T Lse(const Row& z, std::size_t cols) {
    T max = Max(z, cols);
    if (std::isinf(max)) max = 0;
    return max + Math::Log(SumExp(z, max, cols));
  }

  template <class Row>
  static void SoftmaxRow(const Row& z, T scale, T* out, std::size_t cols) {
    const V max = Math::Set(Max(z, cols));
    V sum = Math::Set(0);
    Blocks(cols, [&](std::size_t j, auto n) {
      const V e = Math::Exp(z(j, n) - max);
      sum += e;
      Put(e, out + j, n);
    });
    const V factor = Math::Set(scale / Math::ReduceAdd(sum));
    Blocks(cols, [&](std::size_t j, auto n) { Put(Get(out + j, n, 0) * factor, out + j, n); });
  }
};

}  // namespace assay::peers
