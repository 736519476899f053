// SPDX-License-Identifier: Apache-2.0
//
// Eigen: array expressions, a row at a time, in float and double. Eigen is headers, so these are the expressions as
// compiled here, with the instruction set this file is compiled for.

#include <Eigen/Core>
#include <algorithm>

#include "subjects/peers/peer.h"

namespace assay::peers {
namespace {

template <class T>
using Row = Eigen::Array<T, Eigen::Dynamic, 1>;
template <class T>
using In = Eigen::Map<const Row<T>>;
template <class T>
using Out = Eigen::Map<Row<T>>;

template <class T>
In<T> RowOf(const assay_row_args& a, const assay_const_matrix& m, std::size_t i) {
  return {InRow<T>(m, i), static_cast<Eigen::Index>(a.cols)};
}

template <class T>
Out<T> OutOf(const assay_row_args& a, std::size_t i) {
  return {OutRow<T>(a, i), static_cast<Eigen::Index>(a.cols)};
}

// body(z, i) for each row of logits; z is the row itself where nothing is done to it, else an array made of it.
template <class T, class Body>
void ForRows(const assay_row_args& a, Body body) {
  const T infinity = std::numeric_limits<T>::infinity();
  static thread_local Row<T> made;
  const bool plain = a.temperature == 1 && a.bias.data == nullptr && a.mask.data == nullptr;
  for (std::size_t i = 0; i < a.rows; ++i) {
    const In<T> x = RowOf<T>(a, a.logits, i);
    if (plain) {
      body(x, i);
      continue;
    }
    made = x * static_cast<T>(1 / a.temperature);
    if (a.bias.data != nullptr) made += RowOf<T>(a, a.bias, i);
    if (a.mask.data != nullptr) made = (RowOf<std::uint8_t>(a, a.mask, i) == 0).select(-infinity, made);
    body(static_cast<const Row<T>&>(made), i);
  }
}

template <class T>
T Inverse(const assay_row_args& a) {
  return static_cast<T>(1 / a.temperature);
}

template <class T, class Z>
void SoftmaxRow(const Z& z, T scale, Out<T> out) {
  out = (z - z.maxCoeff()).exp();
  out *= scale / out.sum();
}

template <class T, class Z>
T Lse(const Z& z) {
  T max = z.maxCoeff();
  if (std::isinf(max)) max = 0;
  return max + std::log((z - max).exp().sum());
}

std::size_t Label(const assay_row_args& a, std::size_t i) {
  return static_cast<std::size_t>(*InRow<std::int64_t>(a.labels, i));
}

struct Softmax {
  template <class T>
  static void Run(const assay_row_args& a) {
    ForRows<T>(a, [&](const auto& z, std::size_t i) { SoftmaxRow<T>(z, 1, OutOf<T>(a, i)); });
  }
};

struct LogSoftmax {
  template <class T>
  static void Run(const assay_row_args& a) {
    ForRows<T>(a, [&](const auto& z, std::size_t i) {
      const T max = z.maxCoeff();
      const T log_sum = std::log((z - max).exp().sum());
      OutOf<T>(a, i) = z - max - log_sum;
    });
  }
};

struct Logsumexp {
  template <class T>
  static void Run(const assay_row_args& a) {
    ForRows<T>(a, [&](const auto& z, std::size_t i) { *OutRow<T>(a, i) = Lse<T>(z); });
  }
};

struct Sigmoid {
  template <class T>
  static void Run(const assay_row_args& a) {
    ForRows<T>(a, [&](const auto& z, std::size_t i) { OutOf<T>(a, i) = 1 / (1 + (-z).exp()); });
  }
};

struct SoftmaxBackward {
  template <class T>
  static void Run(const assay_row_args& a) {
    for (std::size_t i = 0; i < a.rows; ++i) {
      const auto p = RowOf<T>(a, a.saved, i);
      const auto upstream = RowOf<T>(a, a.upstream, i);
      const T dot = (p * upstream).sum();
      OutOf<T>(a, i) = p * (upstream - dot) * Inverse<T>(a);
    }
  }
};

struct LogSoftmaxBackward {
  template <class T>
  static void Run(const assay_row_args& a) {
    for (std::size_t i = 0; i < a.rows; ++i) {
      const auto upstream = RowOf<T>(a, a.upstream, i);
      const T sum = upstream.sum();
      OutOf<T>(a, i) = (upstream - RowOf<T>(a, a.saved, i).exp() * sum) * Inverse<T>(a);
    }
  }
};

struct CrossEntropy {
  template <class T>
  static void Run(const assay_row_args& a) {
    ForRows<T>(a, [&](const auto& z, std::size_t i) {
      *OutRow<T>(a, i) = Lse<T>(z) - z[static_cast<Eigen::Index>(Label(a, i))];
    });
  }
};

struct CrossEntropyBackward {
  template <class T>
  static void Run(const assay_row_args& a) {
    ForRows<T>(a, [&](const auto& z, std::size_t i) {
      const T scale = (a.upstream.data == nullptr ? T{1} : *InRow<T>(a.upstream, i)) * Inverse<T>(a);
      const auto label = static_cast<Eigen::Index>(Label(a, i));
      const bool visible = z[label] != -std::numeric_limits<T>::infinity();
      SoftmaxRow<T>(z, scale, OutOf<T>(a, i));
      if (visible) OutOf<T>(a, i)[label] -= scale;
    });
  }
};

// Martins & Astudillo (2016), algorithm 1.
struct Sparsemax {
  template <class T>
  static void Run(const assay_row_args& a) {
    static thread_local Row<T> sorted;
    ForRows<T>(a, [&](const auto& z, std::size_t i) {
      const T max = z.maxCoeff();
      if (z.isNaN().any() || std::isinf(max)) {
        OutOf<T>(a, i).setConstant(std::numeric_limits<T>::quiet_NaN());
        return;
      }
      sorted = z - max;
      std::sort(sorted.begin(), sorted.end(), [](T x, T y) { return x > y; });
      T sum = 0;
      T threshold = 0;
      for (Eigen::Index k = 0; k < sorted.size(); ++k) {
        sum += sorted[k];
        const T count = static_cast<T>(k + 1);
        if (!(1 + count * sorted[k] > sum)) break;
        threshold = (sum - 1) / count;
      }
      OutOf<T>(a, i) = (z - max - threshold).max(T{0});
    });
  }
};

struct SparsemaxBackward {
  template <class T>
  static void Run(const assay_row_args& a) {
    for (std::size_t i = 0; i < a.rows; ++i) {
      const auto support = RowOf<T>(a, a.saved, i) > T{0};
      const auto upstream = RowOf<T>(a, a.upstream, i);
      const T mean = support.select(upstream, T{0}).sum() / static_cast<T>(support.count());
      OutOf<T>(a, i) = support.select((upstream - mean) * Inverse<T>(a), T{0});
    }
  }
};

template <class T, class Op>
assay_status RunAs(const assay_row_args& a) {
  if (!TakesTemperature<T>(a)) return ASSAY_UNSUPPORTED;
  if (a.cols != 0) {
    Op::template Run<T>(a);
  } else if (std::is_same_v<Op, Logsumexp>) {
    for (std::size_t i = 0; i < a.rows; ++i) *OutRow<T>(a, i) = -std::numeric_limits<T>::infinity();
  }
  return ASSAY_OK;
}

template <class Op>
assay_status ByType(const assay_row_args* args) {
  return args->dtype == ASSAY_F64 ? RunAs<double, Op>(*args) : RunAs<float, Op>(*args);
}

template <class Op>
void Set(assay_row_kernel& kernel) {
  kernel.run = ByType<Op>;
  kernel.dtypes = 1U << ASSAY_F32 | 1U << ASSAY_F64;
}

#define ASSAY_TEXT(x) #x
#define ASSAY_VERSION(major, minor, patch) ASSAY_TEXT(major) "." ASSAY_TEXT(minor) "." ASSAY_TEXT(patch)

assay_subject Table() {
  assay_subject table = {};
  table.struct_size = sizeof table;
  table.abi_major = ASSAY_ABI_MAJOR;
  table.abi_minor = ASSAY_ABI_MINOR;
  table.name = "eigen";
  table.version = ASSAY_VERSION(EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION);
  table.description = "Expressions of Eigen's arrays, a row at a time.";
  table.features = ASSAY_FEATURE_MASK | ASSAY_FEATURE_BIAS | ASSAY_FEATURE_TEMPERATURE | ASSAY_FEATURE_ROW_STRIDE |
                   ASSAY_FEATURE_IN_PLACE | ASSAY_FEATURE_CONCURRENT;
  table.empty_row_masked = ASSAY_EMPTY_ROW_NAN;
  Set<Softmax>(table.softmax);
  Set<LogSoftmax>(table.log_softmax);
  Set<Logsumexp>(table.logsumexp);
  Set<Sigmoid>(table.sigmoid);
  Set<SoftmaxBackward>(table.softmax_backward);
  Set<LogSoftmaxBackward>(table.log_softmax_backward);
  Set<CrossEntropy>(table.cross_entropy);
  Set<CrossEntropyBackward>(table.cross_entropy_backward);
  Set<Sparsemax>(table.sparsemax);
  Set<SparsemaxBackward>(table.sparsemax_backward);
  return table;
}

}  // namespace
}  // namespace assay::peers

ASSAY_PEER_EXPORT const assay_subject* assay_subject_v1() {
  static const assay_subject table = assay::peers::Table();
  return &table;
}
