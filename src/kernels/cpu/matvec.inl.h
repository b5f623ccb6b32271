#pragma once
// Dot products of a few input rows with many weight rows: bound by reading the weights once, so several
// weight rows go side by side to keep enough loads under way.

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

/// What one step of a dot product reads: one float vector, or twice as many bfloat16 where the processor
/// multiplies pairs.
template <class In>
struct DotStep {
  using Operand = F32;
  static constexpr int kElements = kLanes;
  static OUTCROP_INLINE Operand read(const In* p) { return load(p); }
  static OUTCROP_INLINE F32 multiply(F32 sum, Operand a, Operand b) { return fma(a, b, sum); }
};

#if defined(__AVX512BF16__)
template <>
struct DotStep<Bf16> {
  using Operand = __m512bh;
  static constexpr int kElements = 2 * kLanes;
  static OUTCROP_INLINE Operand read(const Bf16* p) {
    Operand pairs;
    __builtin_memcpy(&pairs, p, sizeof pairs);
    return pairs;
  }
  static OUTCROP_INLINE F32 multiply(F32 sum, Operand a, Operand b) { return _mm512_dpbf16_ps(sum, a, b); }
};
#endif

/// kM input rows against kN weight rows at once. The order of summation is the same for every kM and kN.
template <int kM, int kN, class In, class Out>
void dot_tile(Out* y, std::int64_t y_stride, const In* x, std::int64_t x_stride, const In* w,
              std::int64_t w_stride, std::int64_t k) {
  using Step = DotStep<In>;
  F32 sum[std::size_t{kM}][std::size_t{kN}] = {};
  std::int64_t at = 0;
  for (; at + Step::kElements <= k; at += Step::kElements) {
    typename Step::Operand right[std::size_t{kN}];
    for (int j = 0; j < kN; ++j) right[j] = Step::read(w + j * w_stride + at);
    for (int i = 0; i < kM; ++i) {
      const typename Step::Operand left = Step::read(x + i * x_stride + at);
      for (int j = 0; j < kN; ++j) sum[i][j] = Step::multiply(sum[i][j], left, right[j]);
    }
  }
  for (int i = 0; i < kM; ++i) {
    for (int j = 0; j < kN; ++j) {
      float total = cpu::sum(sum[i][j]);
      for (std::int64_t l = at; l < k; ++l)
        total += to_float(x[i * x_stride + l]) * to_float(w[j * w_stride + l]);
      put(y + i * y_stride + j, total);
    }
  }
}

template <int kM, class In, class Out>
void dot_rows(Out* y, std::int64_t y_stride, const In* x, std::int64_t x_stride, const In* w,
              std::int64_t w_stride, std::int64_t k, std::int64_t begin, std::int64_t end) {
  constexpr int kN = kM == 1 ? 4 : kM <= 4 ? 4 : 2;
  std::int64_t j = begin;
  for (; j + kN <= end; j += kN) dot_tile<kM, kN>(y + j, y_stride, x, x_stride, w + j * w_stride, w_stride, k);
  for (; j < end; ++j) dot_tile<kM, 1>(y + j, y_stride, x, x_stride, w + j * w_stride, w_stride, k);
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
