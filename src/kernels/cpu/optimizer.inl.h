#pragma once
// AdamW and the sum of squares over flat ranges: see kernels/optimizer.h.

#include "kernels/cpu/vector.h"

namespace outcrop::kernels::cpu {

// Loshchilov & Hutter 2019, algorithm 2, with the bias corrections folded into step_size and
// inverse_root_bias as torch.optim.AdamW does.
template <Isa isa>
void Optimizer<isa>::adamw(float* p, float* m, float* v, const float* g, std::int64_t count,
                           const AdamWFactors& by) {
  const AdamWFactors f = by;  // a copy that the stores below cannot change
  for_lanes(count, [&](std::int64_t i, int lanes) OUTCROP_BODY {
    const F32 gradient = load(g + i, lanes) * f.gradient_scale;
    const F32 first = load(m + i, lanes) * f.beta1 + gradient * f.one_minus_beta1;
    const F32 second = load(v + i, lanes) * f.beta2 + gradient * gradient * f.one_minus_beta2;
    const F32 step = first / (sqrt(second) * f.inverse_root_bias + f.eps);
    store(m + i, first, lanes);
    store(v + i, second, lanes);
    store(p + i, load(p + i, lanes) * f.decay - step * f.step_size, lanes);
  });
}

template <Isa isa>
double Optimizer<isa>::sum_of_squares(const float* x, std::int64_t count) {
  constexpr int kHalf = kLanes / 2;
  typedef float Narrow __attribute__((vector_size(4 * kHalf)));
  typedef double Wide __attribute__((vector_size(8 * kHalf)));
  Wide chains[4] = {};
  std::int64_t i = 0;
  for (; i + 4 * kHalf <= count; i += 4 * kHalf) {
    for (int k = 0; k < 4; ++k) {
      Narrow narrow;
      __builtin_memcpy(&narrow, x + i + k * kHalf, sizeof narrow);
      const Wide wide = __builtin_convertvector(narrow, Wide);
      chains[k] += wide * wide;
    }
  }
  const Wide lanes = (chains[0] + chains[1]) + (chains[2] + chains[3]);
  double total = 0.0;
  for (int k = 0; k < kHalf; ++k) total += lanes[k];
  for (; i < count; ++i) total += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return total;
}

}  // namespace outcrop::kernels::cpu
