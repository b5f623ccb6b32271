#pragma once
// The two ways in which the attention kernels feed their products. A matrix is stored in 4-byte words
// along the direction that a product sums over:
//   Singles: a word is one float; a step of a product is one fused multiply-add.
//   Pairs:   a word is two neighbouring bfloat16 of the summed direction; a step is the dot product of the
//            two (level avx512bf16 only).
// Products, packing and softmax are written once over either.

#include "kernels/cpu/unroll.inl.h"

namespace outcrop::kernels::cpu {
namespace {

#if defined(__AVX512F__)
inline constexpr int kTileRows = 8;
inline constexpr int kTileVectors = 3;
#elif defined(__AVX2__)
inline constexpr int kTileRows = 4;
inline constexpr int kTileVectors = 3;
#else
inline constexpr int kTileRows = 4;
inline constexpr int kTileVectors = 2;
#endif

struct Singles {
  using Word = float;
  static constexpr std::int64_t kElements = 1;

  static OUTCROP_INLINE F32 fill(const float* word) { return broadcast(*word); }
  static OUTCROP_INLINE F32 load_words(const float* words) { return load(words); }
  static OUTCROP_INLINE F32 step(F32 a, F32 b, F32 sum) { return fma(a, b, sum); }

  /// Lanes of one row as words along the row, at `column`.
  static OUTCROP_INLINE void put_along(float* row, std::int64_t column, F32 x) { store(row + column, x); }

  /// Lanes of rows 2 pair and 2 pair + 1 as words down the rows; `stride` words between rows of words.
  static OUTCROP_INLINE void put_down(float* words, std::int64_t stride, std::int64_t pair, std::int64_t column,
                                      F32 even, F32 odd) {
    store(words + 2 * pair * stride + column, even);
    store(words + (2 * pair + 1) * stride + column, odd);
  }

  template <class T>
  static OUTCROP_INLINE float word_along(const T* row, std::int64_t word, std::int64_t /*width*/) {
    return to_float(row[word]);
  }
};

#if defined(__AVX512BF16__)
struct Pairs {
  using Word = std::uint32_t;
  static constexpr std::int64_t kElements = 2;

  static OUTCROP_INLINE F32 fill(const std::uint32_t* word) {
    return reinterpret_cast<F32>(_mm512_set1_epi32(static_cast<int>(*word)));
  }
  static OUTCROP_INLINE F32 load_words(const std::uint32_t* words) {
    F32 v;
    __builtin_memcpy(&v, words, sizeof v);
    return v;
  }
  static OUTCROP_INLINE F32 step(F32 a, F32 b, F32 sum) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
  }

  static OUTCROP_INLINE void put_along(std::uint32_t* row, std::int64_t column, F32 x) {
    const U16 bits = narrow(x);
    __builtin_memcpy(reinterpret_cast<char*>(row) + 2 * column, &bits, sizeof bits);
  }

  static OUTCROP_INLINE void put_down(std::uint32_t* words, std::int64_t stride, std::int64_t pair,
                                      std::int64_t column, F32 even, F32 odd) {
    const U32 word =
        __builtin_convertvector(narrow(even), U32) | (__builtin_convertvector(narrow(odd), U32) << 16);
    __builtin_memcpy(words + pair * stride + column, &word, sizeof word);
  }

  static OUTCROP_INLINE std::uint32_t word_along(const Bf16* row, std::int64_t word, std::int64_t width) {
    const std::uint32_t low = row[2 * word];
    return 2 * word + 1 < width ? low | static_cast<std::uint32_t>(row[2 * word + 1]) << 16 : low;
  }
};
#endif

/// The words that hold `count` elements.
template <class Form>
OUTCROP_INLINE std::int64_t words_for(std::int64_t count) {
  return (count + Form::kElements - 1) / Form::kElements;
}

/// 2^x for x <= 127, relatively within 2e-7 (1e-8 for float, before rounding); 0 for x <= -127, 1 for 0, NaN
/// for NaN.
/// 2^f = 1 + f q(f) on [-1/2, 1/2], q interpolated at Chebyshev nodes.
template <class T>
OUTCROP_INLINE F32 exp2(F32 x) {
  const F32 magic =
      broadcast(12582912.0F);  // 1.5 * 2^23: a sum with it has the rounded integer in its low bits
  x = x < -127.0F ? broadcast(-127.0F) : x;
  const F32 shifted = x + magic;
  const F32 f = x - (shifted - magic);
  F32 q;
  if constexpr (sizeof(T) == 4) {
    q = fma(broadcast(1.54531634e-4F), f, broadcast(1.33908633e-3F));
    q = fma(q, f, broadcast(9.61808302e-3F));
    q = fma(q, f, broadcast(5.55035695e-2F));
    q = fma(q, f, broadcast(0.240226507F));
  } else {
    q = fma(broadcast(1.33813021e-3F), f, broadcast(9.66636837e-3F));
    q = fma(q, f, broadcast(5.55038117e-2F));
    q = fma(q, f, broadcast(0.240223497F));
  }
  q = fma(q, f, broadcast(0.693147182F));
  const F32 p = fma(q, f, broadcast(1.0F));
  const U32 power = (reinterpret_cast<U32>(shifted) + 127U) << 23;
  return p * reinterpret_cast<F32>(power);
}

OUTCROP_INLINE I32 lane_numbers() {
  I32 lane;
  for (int i = 0; i < kLanes; ++i) lane[i] = i;
  return lane;
}

/// Lanes begin … end - 1 of `x`, `other` elsewhere.
OUTCROP_INLINE F32 keep_lanes(F32 x, std::int64_t begin, std::int64_t end, float other) {
  const auto low = static_cast<std::int32_t>(begin < 0 ? 0 : begin > kLanes ? kLanes : begin);
  const auto high = static_cast<std::int32_t>(end < 0 ? 0 : end > kLanes ? kLanes : end);
  const I32 lane = lane_numbers();
  return ((lane >= low) & (lane < high)) ? x : broadcast(other);
}

OUTCROP_INLINE float largest_lane(F32 x) {
  return largest(x);
}

}  // namespace
}  // namespace outcrop::kernels::cpu
