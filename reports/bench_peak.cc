// SPDX-License-Identifier: Apache-2.0
//
// An FMA takes 4 cycles or 5 and two start in each cycle at most, so 10 chains are enough; 12 are run.

#include "reports/bench_peak.h"

#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace assay::reports {
namespace {

#if defined(__x86_64__)

constexpr int kSteps = 4096;
constexpr int kChains = 12;

// The chain is opaque to the compiler, which can neither drop nor merge it.
#define ASSAY_FMA(constraint, instruction, sum) \
  asm volatile(instruction " %1, %1, %0" : "+" constraint(sum) : constraint(factor))
#define ASSAY_TWELVE(constraint, instruction)   \
  ASSAY_FMA(constraint, instruction, sums[0]);  \
  ASSAY_FMA(constraint, instruction, sums[1]);  \
  ASSAY_FMA(constraint, instruction, sums[2]);  \
  ASSAY_FMA(constraint, instruction, sums[3]);  \
  ASSAY_FMA(constraint, instruction, sums[4]);  \
  ASSAY_FMA(constraint, instruction, sums[5]);  \
  ASSAY_FMA(constraint, instruction, sums[6]);  \
  ASSAY_FMA(constraint, instruction, sums[7]);  \
  ASSAY_FMA(constraint, instruction, sums[8]);  \
  ASSAY_FMA(constraint, instruction, sums[9]);  \
  ASSAY_FMA(constraint, instruction, sums[10]); \
  ASSAY_FMA(constraint, instruction, sums[11])

// 1e-30 squared underflows nowhere it matters: sums stay at 1.
__attribute__((target("avx512f"), optimize("O2"))) void Avx512(bool doubles) {
  __m512 sums[kChains];
  const __m512 factor = doubles ? _mm512_castpd_ps(_mm512_set1_pd(0x1p-30)) : _mm512_set1_ps(0x1p-30f);
  for (__m512& sum : sums) sum = doubles ? _mm512_castpd_ps(_mm512_set1_pd(1)) : _mm512_set1_ps(1);
  if (doubles) {
    for (int i = 0; i < kSteps; ++i) {
      ASSAY_TWELVE("v", "vfmadd231pd");
    }
  } else {
    for (int i = 0; i < kSteps; ++i) {
      ASSAY_TWELVE("v", "vfmadd231ps");
    }
  }
}

__attribute__((target("avx2,fma"), optimize("O2"))) void Avx2(bool doubles) {
  __m256 sums[kChains];
  const __m256 factor = doubles ? _mm256_castpd_ps(_mm256_set1_pd(0x1p-30)) : _mm256_set1_ps(0x1p-30f);
  for (__m256& sum : sums) sum = doubles ? _mm256_castpd_ps(_mm256_set1_pd(1)) : _mm256_set1_ps(1);
  if (doubles) {
    for (int i = 0; i < kSteps; ++i) {
      ASSAY_TWELVE("x", "vfmadd231pd");
    }
  } else {
    for (int i = 0; i < kSteps; ++i) {
      ASSAY_TWELVE("x", "vfmadd231ps");
    }
  }
}

double Fma(bool doubles) {
  const double lanes = doubles ? 1 : 2;  // in 8 bytes
  if (__builtin_cpu_supports("avx512f")) {
    Avx512(doubles);
    return 2 * 8 * lanes * kChains * kSteps;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    Avx2(doubles);
    return 2 * 4 * lanes * kChains * kSteps;
  }
  return 0;
}

__attribute__((target("avx512f"))) std::uint64_t Read512(const char* from, std::size_t bytes) {
  __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
  std::size_t i = 0;
  for (; i + 256 <= bytes; i += 256) {
    a = _mm512_add_epi64(a, _mm512_loadu_si512(from + i));
    b = _mm512_add_epi64(b, _mm512_loadu_si512(from + i + 64));
    c = _mm512_add_epi64(c, _mm512_loadu_si512(from + i + 128));
    d = _mm512_add_epi64(d, _mm512_loadu_si512(from + i + 192));
  }
  const __m512i sum = _mm512_add_epi64(_mm512_add_epi64(a, b), _mm512_add_epi64(c, d));
  alignas(64) std::uint64_t lanes[8];
  _mm512_store_si512(lanes, sum);
  std::uint64_t all = 0;
  for (const std::uint64_t lane : lanes) all += lane;
  for (; i + 8 <= bytes; i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, from + i, sizeof word);
    all += word;
  }
  return all;
}

#else

double Fma(bool) { return 0; }

#endif

std::uint64_t ReadWords(const char* from, std::size_t bytes) {
  std::uint64_t sums[4] = {};
  std::size_t i = 0;
  for (; i + 8 <= bytes; i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, from + i, sizeof word);
    sums[i / 8 % 4] += word;
  }
  return sums[0] + sums[1] + sums[2] + sums[3];
}

}  // namespace

double FmaF32() { return Fma(false); }
double FmaF64() { return Fma(true); }

std::uint64_t ReadAll(const void* from, std::size_t bytes) {
  const char* const chars = static_cast<const char*>(from);
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return Read512(chars, bytes);
#endif
  return ReadWords(chars, bytes);
}

}  // namespace assay::reports
