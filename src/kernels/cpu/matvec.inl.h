#pragma once
// Dot products of a few input rows with many weight rows: bound by reading the weights once.

#include "kernels/cpu/matvec.h"
#include "kernels/cpu/vector.h"

namespace outcrop::kernels::cpu {
namespace {

OUTCROP_INLINE void put(float* p, float x) {
  *p = x;
}

/// Rounds to nearest even and keeps NaN.
OUTCROP_INLINE void put(Bf16* p, float x) {
  const auto word = __builtin_bit_cast(std::uint32_t, x);
  const bool is_nan = (word & 0x7FFFFFFFU) > 0x7F800000U;
  const std::uint32_t rounded = (word + 0x7FFFU + ((word >> 16) & 1U)) >> 16;
  *p = static_cast<Bf16>(is_nan ? (word >> 16) | 0x40U : rounded);
}

/// Two vectors of operands or of sums: two chains of additions hide the latency of one.
struct Pair {
  F32 first;
  F32 second;
};

/// How a step of a dot product adds the products of what it read, where it multiplies floats.
struct FloatStep {
  using Operand = Pair;
  static constexpr int kElements = 2 * kLanes;
  static OUTCROP_INLINE void add(Pair& sum, const Operand& a, const Operand& b) {
    sum.first = fma(a.first, b.first, sum.first);
    sum.second = fma(a.second, b.second, sum.second);
  }
};

/// A step of a dot product: what it reads, and how it adds the products.
template <class In>
struct DotStep : FloatStep {
  static OUTCROP_INLINE Operand read(const In* p) { return {load(p), load(p + kLanes)}; }
};

#if defined(__AVX512BF16__)
/// The processor multiplies pairs.
template <>
struct DotStep<Bf16> {
  struct Operand {
    __m512bh first;
    __m512bh second;
  };
  static constexpr int kElements = 4 * kLanes;
  static OUTCROP_INLINE Operand read(const Bf16* p) {
    Operand pairs;
    __builtin_memcpy(&pairs.first, p, sizeof pairs.first);
    __builtin_memcpy(&pairs.second, p + 2 * kLanes, sizeof pairs.second);
    return pairs;
  }
  static OUTCROP_INLINE void add(Pair& sum, const Operand& a, const Operand& b) {
    sum.first = _mm512_dpbf16_ps(sum.first, a.first, b.first);
    sum.second = _mm512_dpbf16_ps(sum.second, a.second, b.second);
  }
};
#else
/// Words of two: the upper half of a word is a float once the lower is cleared, the lower one once it is
/// shifted. Both operands are taken apart alike, so no element has to change its lane.
template <>
struct DotStep<Bf16> : FloatStep {
  static OUTCROP_INLINE Operand read(const Bf16* p) {
    U32 words;
    __builtin_memcpy(&words, p, sizeof words);
    return {reinterpret_cast<F32>(words << 16), reinterpret_cast<F32>(words & 0xFFFF0000U)};
  }
};
#endif

/// How far ahead of its use a weight is asked for. Rows lie one behind the other, so this reaches into the next
/// ones, where the processor's own prefetching would have to start anew.
constexpr std::int64_t kPrefetchBytes = 1536;

/// One weight row against kM input rows. The order of summation is the same for every kM.
template <int kM, class In, class Out>
OUTCROP_INLINE void dot_row(Out* y, std::int64_t y_stride, const In* x, std::int64_t x_stride, const In* w,
                            std::int64_t k) {
  using Step = DotStep<In>;
  Pair sums[std::size_t{kM}] = {};
  std::int64_t at = 0;
  for (; at + Step::kElements <= k; at += Step::kElements) {
    __builtin_prefetch(reinterpret_cast<const char*>(w + at) + kPrefetchBytes);
    const typename Step::Operand right = Step::read(w + at);
    for (int i = 0; i < kM; ++i) Step::add(sums[i], Step::read(x + i * x_stride + at), right);
  }
  for (int i = 0; i < kM; ++i) {
    float total = cpu::sum(sums[i].first + sums[i].second);
    for (std::int64_t l = at; l < k; ++l) total += to_float(x[i * x_stride + l]) * to_float(w[l]);
    put(y + i * y_stride, total);
  }
}

/// Weight rows one after the other: memory is read as one stream.
template <int kM, class In, class Out>
void dot_rows(Out* y, std::int64_t y_stride, const In* x, std::int64_t x_stride, const In* w,
              std::int64_t w_stride, std::int64_t k, std::int64_t begin, std::int64_t end) {
  for (std::int64_t j = begin; j < end; ++j) {
    const In* row = w + j * w_stride;
    if constexpr (kM <= 4) {
      dot_row<kM>(y + j, y_stride, x, x_stride, row, k);
    } else {  // in two halves, as the sums of all do not fit the registers
      dot_row<4>(y + j, y_stride, x, x_stride, row, k);
      dot_row<kM - 4>(y + 4 * y_stride + j, y_stride, x + 4 * x_stride, x_stride, row, k);
    }
  }
}

}  // namespace

template <Isa isa, class In, class Out>
void Matvec<isa, In, Out>::rows(Out* y, std::int64_t y_stride, const In* x, std::int64_t x_stride, const In* w,
                                std::int64_t w_stride, std::int64_t m, std::int64_t k, std::int64_t begin,
                                std::int64_t end) {
  switch (m) {
    case 1:
      return dot_rows<1>(y, y_stride, x, x_stride, w, w_stride, k, begin, end);
    case 2:
      return dot_rows<2>(y, y_stride, x, x_stride, w, w_stride, k, begin, end);
    case 3:
      return dot_rows<3>(y, y_stride, x, x_stride, w, w_stride, k, begin, end);
    case 4:
      return dot_rows<4>(y, y_stride, x, x_stride, w, w_stride, k, begin, end);
    case 5:
      return dot_rows<5>(y, y_stride, x, x_stride, w, w_stride, k, begin, end);
    case 6:
      return dot_rows<6>(y, y_stride, x, x_stride, w, w_stride, k, begin, end);
    case 7:
      return dot_rows<7>(y, y_stride, x, x_stride, w, w_stride, k, begin, end);
    default:
      return dot_rows<8>(y, y_stride, x, x_stride, w, w_stride, k, begin, end);
  }
}

}  // namespace outcrop::kernels::cpu
