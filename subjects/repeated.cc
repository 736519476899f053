// SPDX-License-Identifier: Apache-2.0
//
// Mappings of a memory file, side by side.

#include "subjects/repeated.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace assay::subjects {
namespace {

constexpr std::size_t kGuardBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxBytes = std::size_t{1} << 37;

[[noreturn]] void Fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

// What the machine could give without swapping; all there is where it does not say.
std::size_t AvailableBytes() {
  std::ifstream meminfo("/proc/meminfo");
  std::string word;
  while (meminfo >> word) {
    std::size_t kibibytes = 0;
    if (word == "MemAvailable:" && meminfo >> kibibytes) return kibibytes << 10;
  }
  return std::numeric_limits<std::size_t>::max();
}

class MemoryFile {
 public:
  explicit MemoryFile(std::size_t bytes) : number_(::memfd_create("assay", MFD_CLOEXEC)) {
    if (number_ < 0) Fail("cannot create a memory file");
    if (::ftruncate(number_, static_cast<off_t>(bytes)) != 0) {
      ::close(number_);
      Fail("cannot size a memory file");
    }
  }
  ~MemoryFile() { ::close(number_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  void MapAt(std::byte* address, std::size_t bytes) const {
    void* const mapped =
        ::mmap(address, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, number_, 0);
    if (mapped == MAP_FAILED) Fail("cannot map a repeated row; vm.max_map_count may be too low");
  }

 private:
  int number_;
};

}  // namespace

std::size_t Repeated::lead_bytes() const { return kGuardBytes + (BytesOf(element_) << 31); }

std::size_t Repeated::ReservedBytes() const { return lead_bytes() + size_bytes() + kGuardBytes; }

void Repeated::Release() { ::munmap(base_, ReservedBytes()); }

void Repeated::Reserve(std::size_t cols) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  if (times_ == 0 || period_bytes_ == 0 || period_bytes_ % page != 0) {
    throw std::invalid_argument(
        fmt::format("a row of {} elements of {} bytes is not of whole pages ({} bytes) and cannot be repeated", cols,
                    BytesOf(element_), page));
  }
  if (times_ > kMaxBytes / period_bytes_) {
    throw std::length_error(fmt::format("{} times {} bytes are more than the {} GiB that a repeated row may have",
                                        times_, period_bytes_, kMaxBytes >> 30));
  }
  void* const base = ::mmap(nullptr, ReservedBytes(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) Fail("cannot reserve address space for a repeated row");
  base_ = static_cast<std::byte*>(base);
  data_ = base_ + lead_bytes();
}

Repeated::Repeated(const Array& period, std::uint64_t times)
    : element_(period.element()), period_bytes_(period.size_bytes()), times_(times) {
  Reserve(period.size());
  copies_ = std::clamp<std::uint64_t>(kBlockBytes / period_bytes_, 1, times_);
  const std::size_t block = period_bytes_ * copies_;
  try {
    const MemoryFile file(block);
    for (std::size_t at = 0; at < size_bytes(); at += block) {
      file.MapAt(data_ + at, std::min(block, size_bytes() - at));
    }
  } catch (...) {
    Release();
    throw;
  }
  for (std::uint64_t i = 0; i < copies_; ++i) std::memcpy(data_ + i * period_bytes_, period.data(), period_bytes_);
}

Repeated::Repeated(Element element, std::size_t cols, std::uint64_t times, std::byte fill)
    : element_(element), period_bytes_(cols * BytesOf(element)), times_(times), copies_(times) {
  Reserve(cols);
  try {
    if (const std::size_t available = AvailableBytes(); size_bytes() > available) {
      throw std::length_error(fmt::format("the output of a repeated row needs {} MiB, free are {} MiB",
                                          size_bytes() >> 20, available >> 20));
    }
    const MemoryFile file(size_bytes());
    file.MapAt(data_, size_bytes());
  } catch (...) {
    Release();
    throw;
  }
  std::memset(data_, static_cast<int>(fill), size_bytes());
}

Repeated::~Repeated() {
  if (base_ != nullptr) Release();
}

Repeated::Repeated(Repeated&& other) noexcept
    : element_(other.element_),
      period_bytes_(other.period_bytes_),
      times_(other.times_),
      copies_(other.copies_),
      base_(std::exchange(other.base_, nullptr)),
      data_(other.data_) {}

bool Repeated::Intact(const Array& period) const {
  for (std::uint64_t i = 0; i < copies_; ++i) {
    if (std::memcmp(data_ + i * period_bytes_, period.data(), period_bytes_) != 0) return false;
  }
  return true;
}

Array Repeated::Copy(std::uint64_t index) const {
  Array values(element_, period_bytes_ / BytesOf(element_));
  std::memcpy(values.data(), data_ + index * period_bytes_, period_bytes_);
  return values;
}

std::uint64_t Repeated::NextDifferent(std::uint64_t index) const {
  for (std::uint64_t i = std::max<std::uint64_t>(index, 1); i < copies_; ++i) {
    const std::byte* const copy = data_ + i * period_bytes_;
    if (std::memcmp(copy, copy - period_bytes_, period_bytes_) != 0) return i;
  }
  return times_;
}

}  // namespace assay::subjects
