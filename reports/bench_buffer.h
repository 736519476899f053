// SPDX-License-Identifier: Apache-2.0
//
// Memory for the operands of a benchmark.

#pragma once

#include <cstddef>

namespace assay::reports {

// Whole pages of its own, there before anything is timed, and more behind them than any subject may declare to read too
// far. Zeros. Throws BadBenchCall (bench_data.h) where there is no room.
class BenchBuffer {
 public:
  explicit BenchBuffer(std::size_t bytes);
  ~BenchBuffer();
  BenchBuffer(const BenchBuffer&) = delete;
  BenchBuffer& operator=(const BenchBuffer&) = delete;

  void* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  std::size_t size_;
  std::size_t mapped_;
  void* data_ = nullptr;
};

// Throws BadBenchCall where `bytes` for the shape called `shape` are more than half of the machine's memory.
// `overflows`: the bytes cannot even be counted.
void CheckMemory(const char* shape, bool overflows, std::size_t bytes);

}  // namespace assay::reports
