// SPDX-License-Identifier: Apache-2.0
//
// What the adapters of other people's libraries share. Each adapter is a shared library of its own that exports
// assay_subject_v1, so that no library is loaded before its subject is asked for, and none into a program of ours.

#pragma once

#include <cmath>
#include <cstddef>
#include <limits>

#include "assay/assay.h"

#define ASSAY_PEER_EXPORT extern "C" __attribute__((visibility("default")))

namespace assay::peers {

inline bool IsEmpty(const assay_row_args& a) { return a.rows == 0 || a.cols == 0; }

template <class T>
const T* InRow(const assay_const_matrix& m, std::size_t i) {
  return static_cast<const T*>(m.data) + static_cast<std::ptrdiff_t>(i) * m.row_stride;
}

template <class T>
T* OutRow(const assay_row_args& a, std::size_t i) {
  return static_cast<T*>(a.out.data) + static_cast<std::ptrdiff_t>(i) * a.out.row_stride;
}

// Libraries in float have no temperature of their own; who uses them divides first. What a T that is no ordinary number
// of the type would give then is nobody's promise: declined, not judged.
template <class T>
bool TakesTemperature(const assay_row_args& a) {
  const double inverse = 1 / a.temperature;
  return inverse >= std::numeric_limits<T>::min() && inverse <= std::numeric_limits<T>::max() &&
         a.temperature <= std::numeric_limits<T>::max();
}

}  // namespace assay::peers
