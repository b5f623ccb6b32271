#pragma once
// One float vector as wide as the level that the including file is compiled for, over GCC vector
// extensions: operators come from the compiler, this header adds loads, stores, conversion, exp and
// reductions. Included only by *.inl.h files of kernels/cpu.
//
// Everything with code sits in an anonymous namespace: a file compiled with AVX-512 must not hand the
// linker a function that a file compiled without it would also use. For the same reason these files
// include nothing of the standard library but <cstdint> and <cstddef>, and use raw
// bfloat16 bits (Bf16).

#include <cstddef>
#include <cstdint>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/cpu/kernels.h"

namespace outcrop::kernels::cpu {

// The compiler must see through every helper and loop body, or a tail's variable lane count costs the
// whole loop.
#define OUTCROP_INLINE inline __attribute__((always_inline))
#define OUTCROP_BODY __attribute__((always_inline))

namespace {

#if defined(__AVX512F__)
inline constexpr int kLanes = 16;
#elif defined(__AVX2__)
inline constexpr int kLanes = 8;
#else
inline constexpr int kLanes = 4;
#endif

typedef float F32 __attribute__((vector_size(4 * kLanes)));
typedef std::int32_t I32 __attribute__((vector_size(4 * kLanes)));
typedef std::uint32_t U32 __attribute__((vector_size(4 * kLanes)));
typedef std::uint64_t U64 __attribute__((vector_size(4 * kLanes)));  // kLanes / 2 lanes
typedef std::uint16_t U16 __attribute__((vector_size(2 * kLanes)));
typedef float F32x4 __attribute__((vector_size(16)));

OUTCROP_INLINE F32 broadcast(float x) {
  return x - F32{};  // x - 0 is x for every x, -0 included
}

/// One fused multiply-add where the level has it.
OUTCROP_INLINE F32 fma(F32 a, F32 b, F32 c) {
  return a * b + c;
}

/// The larger; where `a` is NaN, b.
OUTCROP_INLINE F32 max(F32 a, F32 b) {
  return a > b ? a : b;
}

// ---- bfloat16 <-> float -------------------------------------------------------------------------------

OUTCROP_INLINE float to_float(float x) {
  return x;
}

OUTCROP_INLINE float to_float(Bf16 x) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(x) << 16);
}

OUTCROP_INLINE F32 widen(U16 bits) {
  return reinterpret_cast<F32>(__builtin_convertvector(bits, U32) << 16);
}

/// Rounds to nearest even and keeps NaN, as bfloat16 does. At level avx512bf16 the instruction also turns
/// float subnormals (below 1.2e-38) into zeros of their sign; every other value is rounded the same.
OUTCROP_INLINE U16 narrow(F32 x) {
#if defined(__AVX512BF16__)
  return reinterpret_cast<U16>(_mm512_cvtneps_pbh(x));
#else
  const U32 word = reinterpret_cast<U32>(x);
  const U32 rounded = (word + 0x7FFFU + ((word >> 16) & 1U)) >> 16;
  const U32 quiet = (word >> 16) | 0x40U;
  // As signed numbers the words without their sign bit compare as the magnitudes do.
  const I32 is_nan = reinterpret_cast<I32>(word & 0x7FFFFFFFU) > 0x7F800000;
  return __builtin_convertvector(is_nan ? quiet : rounded, U16);
#endif
}

/// `x` rounded to T's precision.
OUTCROP_INLINE F32 rounded_to(const float*, F32 x) {
  return x;
}

OUTCROP_INLINE F32 rounded_to(const Bf16*, F32 x) {
  return widen(narrow(x));
}

// ---- loads and stores; pointers need no alignment ------------------------------------------------------

OUTCROP_INLINE F32 load(const float* p) {
  F32 v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

OUTCROP_INLINE F32 load(const Bf16* p) {
  U16 bits;
  __builtin_memcpy(&bits, p, sizeof bits);
  return widen(bits);
}

OUTCROP_INLINE void store(float* p, F32 v) {
  __builtin_memcpy(p, &v, sizeof v);
}

OUTCROP_INLINE void store(Bf16* p, F32 v) {
  const U16 bits = narrow(v);
  __builtin_memcpy(p, &bits, sizeof bits);
}

/// The first `lanes` (1 to kLanes) elements, zeros after them; nothing behind p[lanes - 1] is read.
template <class T>
OUTCROP_INLINE F32 load(const T* p, int lanes) {
  if (lanes == kLanes) return load(p);
#if defined(__AVX512F__)
  const auto mask = static_cast<__mmask16>((1U << lanes) - 1U);
  if constexpr (sizeof(T) == 4) {
    return _mm512_maskz_loadu_ps(mask, p);
  } else {
    return widen(reinterpret_cast<U16>(_mm256_maskz_loadu_epi16(mask, p)));
  }
#else
  T padded[kLanes] = {};
  __builtin_memcpy(padded, p, static_cast<std::size_t>(lanes) * sizeof(T));
  return load(padded);
#endif
}

/// Writes the first `lanes` (1 to kLanes) elements only.
template <class T>
OUTCROP_INLINE void store(T* p, F32 v, int lanes) {
  if (lanes == kLanes) return store(p, v);
#if defined(__AVX512F__)
  const auto mask = static_cast<__mmask16>((1U << lanes) - 1U);
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_ps(p, mask, v);
  } else {
    _mm256_mask_storeu_epi16(p, mask, reinterpret_cast<__m256i>(narrow(v)));
  }
#else
  T padded[kLanes];
  store(padded, v);
  __builtin_memcpy(p, padded, static_cast<std::size_t>(lanes) * sizeof(T));
#endif
}

/// Calls body(i, lanes) [write it `[&](std::int64_t i, int lanes) OUTCROP_BODY { … }`] for i = 0, kLanes, 2
/// kLanes, …: lanes is the constant kLanes, but for a tail.
template <class Body>
OUTCROP_INLINE void for_lanes(std::int64_t count, Body body) {
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) body(i, kLanes);
  if (i < count) body(i, static_cast<int>(count - i));
}

/// `v` in the first `lanes` lanes, `other` behind them.
OUTCROP_INLINE F32 first_lanes(F32 v, int lanes, float other) {
  if (lanes == kLanes) return v;
  for (int i = lanes; i < kLanes; ++i) v[i] = other;
  return v;
}

// ---- reductions over lanes, in a fixed order ------------------------------------------------------------

OUTCROP_INLINE float sum(F32 v) {
  F32x4 parts[kLanes / 4];
  __builtin_memcpy(parts, &v, sizeof v);
  for (int width = kLanes / 8; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) parts[i] += parts[i + width];
  }
  return (parts[0][0] + parts[0][2]) + (parts[0][1] + parts[0][3]);
}

OUTCROP_INLINE float largest(F32 v) {
  float best = v[0];
  for (int i = 1; i < kLanes; ++i) best = v[i] > best ? v[i] : best;
  return best;
}

/// Σ term(i, lanes) over i = 0, kLanes, …, in four independent chains so that latency is hidden.
/// A tail's term must be zero behind its lanes.
template <class Term>
OUTCROP_INLINE F32 accumulate(std::int64_t count, Term term) {
  F32 chains[4] = {};
  std::int64_t i = 0;
  for (; i + 4 * kLanes <= count; i += 4 * kLanes) {
    chains[0] += term(i, kLanes);
    chains[1] += term(i + kLanes, kLanes);
    chains[2] += term(i + 2 * kLanes, kLanes);
    chains[3] += term(i + 3 * kLanes, kLanes);
  }
  for (; i + kLanes <= count; i += kLanes) chains[0] += term(i, kLanes);
  if (i < count) chains[1] += term(i, static_cast<int>(count - i));
  return (chains[0] + chains[1]) + (chains[2] + chains[3]);
}

// ---- functions ----------------------------------------------------------------------------------------

OUTCROP_INLINE F32 sqrt(F32 x) {
#if defined(__AVX512F__)
  return _mm512_maskz_sqrt_ps(0xFFFF, x);  // gcc 12 warns about an undefined operand inside the plain form
#elif defined(__AVX2__)
  return _mm256_sqrt_ps(x);
#elif defined(__x86_64__)
  return _mm_sqrt_ps(x);
#else
  for (int i = 0; i < kLanes; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}

/// e^x within 2 ulp, subnormal results included; e^-inf = 0, overflow gives inf, NaN stays NaN.
/// x = n ln 2 + r with |r| <= ln 2 / 2; e^r = 1 + r + r² q(r), q interpolated at Chebyshev nodes
/// (relative error 1e-8, below float's rounding); then times 2^n.
OUTCROP_INLINE F32 exp(F32 x) {
  x = x > 89.0F ? broadcast(89.0F) : x;  // e^89 overflows, e^-104 rounds to 0
  x = x < -104.0F ? broadcast(-104.0F) : x;
  // Adding 1.5 * 2^23 leaves the nearest integer in the low bits of the word.
  const F32 shifted = fma(x, broadcast(1.44269502F), broadcast(12582912.0F));
  const F32 n = shifted - 12582912.0F;
  // ln 2 in two parts, the first with so few bits that n times it is exact.
  const F32 r = fma(n, broadcast(2.12194442e-4F), fma(n, broadcast(-0.693359375F), x));
  F32 q = broadcast(1.39263261e-3F);
  q = fma(q, r, broadcast(8.36329255e-3F));
  q = fma(q, r, broadcast(4.16665524e-2F));
  q = fma(q, r, broadcast(0.166665763F));
  q = fma(q, r, broadcast(0.5F));
  const F32 p = fma(q, r * r, r) + 1.0F;
#if defined(__AVX512F__)
  return _mm512_maskz_scalef_ps(0xFFFF, p, n);
#else
  // 2^n as two factors, since n reaches from -150 to 128.
  const U32 whole = reinterpret_cast<U32>(shifted) - 0x4B400000U;
  const U32 half = reinterpret_cast<U32>(reinterpret_cast<I32>(whole) >> 1);
  const F32 scale1 = reinterpret_cast<F32>((half + 127U) << 23);
  const F32 scale2 = reinterpret_cast<F32>((whole - half + 127U) << 23);
  return p * scale1 * scale2;
#endif
}

/// 1 / (1 + e^-x).
OUTCROP_INLINE F32 sigmoid(F32 x) {
  return 1.0F / (1.0F + exp(-x));
}

}  // namespace
}  // namespace outcrop::kernels::cpu
