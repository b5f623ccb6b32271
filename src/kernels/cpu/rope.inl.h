#pragma once
// Rotary position embedding of one token's heads: see kernels/rope.h.

#include "kernels/cpu/vector.h"

namespace outcrop::kernels::cpu {

template <Isa isa, class T>
void Rope<isa, T>::row(T* x, std::int64_t heads, std::int64_t head_width, const float* cos, const float* sin,
                       float sign) {
  const std::int64_t half = head_width / 2;
  for (std::int64_t h = 0; h < heads; ++h) {
    T* head = x + h * head_width;
    for_lanes(half, [&](std::int64_t i, int lanes) OUTCROP_BODY {
      const F32 a = load(head + i, lanes);
      const F32 b = load(head + half + i, lanes);
      const F32 c = load(cos + i, lanes);
      const F32 s = load(sin + i, lanes) * sign;
      store(head + i, a * c - b * s, lanes);
      store(head + half + i, b * c + a * s, lanes);
    });
  }
}

}  // namespace outcrop::kernels::cpu
