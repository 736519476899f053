// SPDX-License-Identifier: Apache-2.0
//
// Loops of our own and not memcpy, which chooses between both kinds of store by the size.

#include "reports/bench_copy.h"

#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace assay::reports {

#if defined(__x86_64__)

namespace {

constexpr std::size_t kLine = 64;

// At the end of a loop's body: keeps the compiler from calling memcpy for the loop.
#define ASSAY_NOT_MEMCPY() asm volatile("" ::: "memory")

__attribute__((target("avx512f"))) void CopyAvx512(char* to, const char* from, std::size_t lines, bool past) {
  for (std::size_t i = 0; i < lines; ++i) {
    const __m512i line = _mm512_load_si512(from + kLine * i);
    if (past) {
      _mm512_stream_si512(reinterpret_cast<__m512i*>(to + kLine * i), line);
    } else {
      _mm512_store_si512(to + kLine * i, line);
    }
    ASSAY_NOT_MEMCPY();
  }
}

__attribute__((target("avx"))) void CopyAvx(char* to, const char* from, std::size_t lines, bool past) {
  for (std::size_t i = 0; i < 2 * lines; ++i) {
    const __m256i half = _mm256_load_si256(reinterpret_cast<const __m256i*>(from) + i);
    if (past) {
      _mm256_stream_si256(reinterpret_cast<__m256i*>(to) + i, half);
    } else {
      _mm256_store_si256(reinterpret_cast<__m256i*>(to) + i, half);
    }
    ASSAY_NOT_MEMCPY();
  }
}

void CopySse2(char* to, const char* from, std::size_t lines, bool past) {
  for (std::size_t i = 0; i < 4 * lines; ++i) {
    const __m128i quarter = _mm_load_si128(reinterpret_cast<const __m128i*>(from) + i);
    if (past) {
      _mm_stream_si128(reinterpret_cast<__m128i*>(to) + i, quarter);
    } else {
      _mm_store_si128(reinterpret_cast<__m128i*>(to) + i, quarter);
    }
    ASSAY_NOT_MEMCPY();
  }
}

void Copy(void* to, const void* from, std::size_t bytes, bool past) {
  static const auto best = __builtin_cpu_supports("avx512f") ? CopyAvx512
                           : __builtin_cpu_supports("avx")   ? CopyAvx
                                                             : CopySse2;
  const std::size_t whole = bytes / kLine * kLine;
  best(static_cast<char*>(to), static_cast<const char*>(from), whole / kLine, past);
  if (past) _mm_sfence();
  std::memcpy(static_cast<char*>(to) + whole, static_cast<const char*>(from) + whole, bytes - whole);
}

}  // namespace

void PlainCopy(void* to, const void* from, std::size_t bytes) { Copy(to, from, bytes, false); }

bool NonTemporalCopy(void* to, const void* from, std::size_t bytes) {
  Copy(to, from, bytes, true);
  return true;
}

#else

void PlainCopy(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }

bool NonTemporalCopy(void*, const void*, std::size_t) { return false; }

#endif

}  // namespace assay::reports
