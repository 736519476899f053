// SPDX-License-Identifier: Apache-2.0

#include "reports/bench_buffer.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "reports/bench_data.h"

namespace assay::reports {

BenchBuffer::BenchBuffer(std::size_t bytes) : size_(bytes), mapped_(bytes + (std::size_t{1} << 20)) {
  data_ = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data_ == MAP_FAILED) throw BadBenchCall(fmt::format("no {} bytes of memory are free", bytes));
  std::memset(data_, 0, size_);
}

BenchBuffer::~BenchBuffer() { ::munmap(data_, mapped_); }

void CheckMemory(const char* shape, bool overflows, std::size_t bytes) {
  const auto memory =
      static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  if (!overflows && bytes <= memory / 2) return;
  throw BadBenchCall(
      fmt::format("the shape {} needs {} of memory; this machine has {:.1f} GiB", shape,
                  overflows ? "more than 2^64 bytes" : fmt::format("{:.1f} GiB", static_cast<double>(bytes) * 0x1p-30),
                  static_cast<double>(memory) * 0x1p-30));
}

}  // namespace assay::reports
