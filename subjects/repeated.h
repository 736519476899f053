// SPDX-License-Identifier: Apache-2.0
//
// A row so long that it exists in address space only: one period of values, mapped again and again between guards.

#pragma once

#include <cstddef>
#include <cstdint>

#include "subjects/array.h"

namespace assay::subjects {

class Repeated {
 public:
  // An input: `period`, `times` times, in memory of about kBlockBytes however often.
  Repeated(const Array& period, std::uint64_t times);
  // An output: memory of its own for every element, since a kernel may use its output as scratch (divide in a second
  // pass what it wrote in the first), filled with `fill`.
  Repeated(Element element, std::size_t cols, std::uint64_t times, std::byte fill);
  // All throw std::invalid_argument where a period is not of whole pages, std::length_error where there is no room for
  // it (for an output, in the memory that is free), std::system_error where the system refuses.
  ~Repeated();
  Repeated(Repeated&& other) noexcept;
  Repeated& operator=(Repeated&&) = delete;

  std::byte* data() const { return data_; }
  // What lies inaccessible before it: as far as an index of 32 bits that became negative can reach.
  std::size_t lead_bytes() const;
  std::size_t size_bytes() const { return period_bytes_ * times_; }

  // Of an input: whether every copy is `period` still.
  bool Intact(const Array& period) const;
  // Of an output: the values of copy `index`, and the first copy from `index` on that differs from the one before it
  // (`times` where there is none).
  Array Copy(std::uint64_t index) const;
  std::uint64_t NextDifferent(std::uint64_t index) const;
  std::uint64_t times() const { return times_; }

 private:
  static constexpr std::size_t kBlockBytes = std::size_t{16} << 20;  // 128 GiB are 8192 mappings; 65530 may be had

  void Reserve(std::size_t cols);
  void Release();
  std::size_t ReservedBytes() const;

  Element element_;
  std::size_t period_bytes_;
  std::uint64_t times_;
  std::uint64_t copies_ = 1;  // of the period in the memory behind it
  std::byte* base_ = nullptr;
  std::byte* data_ = nullptr;
};

}  // namespace assay::subjects
