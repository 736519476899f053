// SPDX-License-Identifier: Apache-2.0
//
// Vectors for the loops around vector mathematics: 16 floats where the file is compiled for AVX-512, 8 for AVX2. A part
// of a vector is read and written by masks, which touch nothing else.

#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace assay::peers {

#if defined(__AVX512F__)

struct FloatVectors {
  using T = float;
  using V = __m512;
  static constexpr std::size_t kLanes = 16;

  static __mmask16 First(std::size_t n) { return static_cast<__mmask16>((1U << n) - 1); }
  static V Set(float x) { return _mm512_set1_ps(x); }
  static V Load(const float* p) { return _mm512_loadu_ps(p); }
  static V LoadPart(const float* p, std::size_t n, V rest) { return _mm512_mask_loadu_ps(rest, First(n), p); }
  static void Store(V v, float* p) { _mm512_storeu_ps(p, v); }
  static void StorePart(V v, float* p, std::size_t n) { _mm512_mask_storeu_ps(p, First(n), v); }
  // z, but `hidden` where the mask's byte is 0.
  static V Masked(V z, const std::uint8_t* mask, std::size_t n, V hidden) {
    const __m128i bytes = _mm_maskz_loadu_epi8(First(n), mask);
    return _mm512_mask_blend_ps(_mm_test_epi8_mask(bytes, bytes), hidden, z);
  }
  static V Max(V a, V b) { return _mm512_max_ps(a, b); }
  static float ReduceMax(V v) { return _mm512_reduce_max_ps(v); }
  static float ReduceAdd(V v) { return _mm512_reduce_add_ps(v); }
};

#else

struct FloatVectors {
  using T = float;
  using V = __m256;
  static constexpr std::size_t kLanes = 8;

  static __m256i First(std::size_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static V Set(float x) { return _mm256_set1_ps(x); }
  static V Load(const float* p) { return _mm256_loadu_ps(p); }
  static V LoadPart(const float* p, std::size_t n, V rest) {
    const __m256i first = First(n);
    return _mm256_blendv_ps(rest, _mm256_maskload_ps(p, first), _mm256_castsi256_ps(first));
  }
  static void Store(V v, float* p) { _mm256_storeu_ps(p, v); }
  static void StorePart(V v, float* p, std::size_t n) { _mm256_maskstore_ps(p, First(n), v); }
  static V Masked(V z, const std::uint8_t* mask, std::size_t n, V hidden) {
    std::int64_t eight = 0;
    std::memcpy(&eight, mask, n);
    const __m256i bytes = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(eight));
    const __m256i zeros = _mm256_cmpeq_epi32(bytes, _mm256_setzero_si256());
    return _mm256_blendv_ps(z, hidden, _mm256_castsi256_ps(zeros));
  }
  static V Max(V a, V b) { return _mm256_max_ps(a, b); }
  static float ReduceMax(V v) {
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
  }
  static float ReduceAdd(V v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
  }
};

#endif

}  // namespace assay::peers
