#pragma once
// Dropout of one row: see kernels/elementwise.h. Element i takes word i % 4 of philox block i / 4, the
// word that base/random.h draws at position i; here kLanes / 2 blocks are computed at once.

#include "kernels/cpu/vector.h"

namespace outcrop::kernels::cpu {
namespace {

inline constexpr int kBlocksAtOnce = kLanes / 2;

/// The 64-bit products of the lower halves of the lanes.
OUTCROP_INLINE U64 multiply_low(U64 a, U64 b) {
#if defined(__AVX512F__)
  // The masked form: gcc 12 warns about the undefined operand inside the plain one.
  return reinterpret_cast<U64>(
      _mm512_maskz_mul_epu32(0xFF, reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX2__)
  return reinterpret_cast<U64>(_mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#elif defined(__x86_64__)
  return reinterpret_cast<U64>(_mm_mul_epu32(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#else
  return (a & 0xFFFFFFFFU) * (b & 0xFFFFFFFFU);
#endif
}

// front[0], back[0], front[1], back[1], …: the lower and the upper half of the lanes.
#if defined(__AVX512F__)
OUTCROP_INLINE U64 lower_pairs(U64 front, U64 back) {
  return __builtin_shufflevector(front, back, 0, 8, 1, 9, 2, 10, 3, 11);
}
OUTCROP_INLINE U64 upper_pairs(U64 front, U64 back) {
  return __builtin_shufflevector(front, back, 4, 12, 5, 13, 6, 14, 7, 15);
}
#elif defined(__AVX2__)
OUTCROP_INLINE U64 lower_pairs(U64 front, U64 back) {
  return __builtin_shufflevector(front, back, 0, 4, 1, 5);
}
OUTCROP_INLINE U64 upper_pairs(U64 front, U64 back) {
  return __builtin_shufflevector(front, back, 2, 6, 3, 7);
}
#else
OUTCROP_INLINE U64 lower_pairs(U64 front, U64 back) {
  return __builtin_shufflevector(front, back, 0, 2);
}
OUTCROP_INLINE U64 upper_pairs(U64 front, U64 back) {
  return __builtin_shufflevector(front, back, 1, 3);
}
#endif

/// The words of blocks counter … counter + kBlocksAtOnce - 1, four a block (little-endian). Philox4x32-10; only
/// the lower half of each lane counts, what gathers in the upper half is never read.
OUTCROP_INLINE void philox_words(std::uint32_t* words, std::uint64_t seed, std::uint64_t stream,
                                 std::uint64_t counter) {
  U64 c0;
  for (int i = 0; i < kBlocksAtOnce; ++i) c0[i] = counter + static_cast<std::uint64_t>(i);
  U64 c1 = c0 >> 32;
  U64 c2 = U64{} + stream;
  U64 c3 = c2 >> 32;
  auto key0 = static_cast<std::uint32_t>(seed);
  auto key1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const U64 p0 = multiply_low(c0, U64{} + 0xD2511F53U);
    const U64 p1 = multiply_low(c2, U64{} + 0xCD9E8D57U);
    c0 = (p1 >> 32) ^ c1 ^ key0;
    c1 = p1;
    c2 = (p0 >> 32) ^ c3 ^ key1;
    c3 = p0;
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  const U64 front = (c0 & 0xFFFFFFFFU) | c1 << 32;  // words 0 and 1 of each block
  const U64 back = (c2 & 0xFFFFFFFFU) | c3 << 32;
  const U64 pairs[2] = {lower_pairs(front, back), upper_pairs(front, back)};
  __builtin_memcpy(words, pairs, sizeof pairs);
}

}  // namespace

template <Isa isa, class T>
void Elementwise<isa, T>::dropout(T* out, const T* x, std::int64_t count, std::uint64_t first,
                                  const DropoutMask& mask) {
  constexpr std::int64_t kWords = 512;
  std::uint32_t words[kWords + kLanes];  // read past its end by less than one vector
  const std::int64_t skip = static_cast<std::int64_t>(first % 4);
  for (std::int64_t begin = -skip; begin < count; begin += kWords) {
    const std::int64_t length = count - begin < kWords ? count - begin : kWords;
    const std::uint64_t block = (first + static_cast<std::uint64_t>(begin)) / 4;  // begin < 0 wraps as it must
    for (std::int64_t w = 0; w < length; w += 4 * kBlocksAtOnce) {
      philox_words(words + w, mask.seed, mask.stream, block + static_cast<std::uint64_t>(w) / 4);
    }
    const std::int64_t from = begin < 0 ? skip : 0;
    for_lanes(length - from, [&](std::int64_t i, int lanes) OUTCROP_BODY {
      const std::int64_t at = begin + from + i;
      U32 word;
      __builtin_memcpy(&word, words + from + i, sizeof word);
      const I32 keep = reinterpret_cast<I32>(word >> 8) >= mask.threshold;
      store(out + at, keep ? load(x + at, lanes) * mask.scale : F32{}, lanes);
    });
  }
}

}  // namespace outcrop::kernels::cpu
