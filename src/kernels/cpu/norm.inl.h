#pragma once
// RMSNorm, one row at a time: see kernels/norm.h.

#include "kernels/cpu/vector.h"

namespace outcrop::kernels::cpu {

template <Isa isa, class T>
float Norm<isa, T>::row(T* out, const T* x, const T* weight, std::int64_t cols, float eps,
                        float weight_offset) {
  const F32 squares = accumulate(cols, [&](std::int64_t i, int lanes) OUTCROP_BODY {
    const F32 v = load(x + i, lanes);
    return v * v;
  });
  const float inverse = 1.0F / __builtin_sqrtf(sum(squares) / static_cast<float>(cols) + eps);
  if (weight_offset == 0.0F) {
    for_lanes(cols, [&](std::int64_t i, int lanes) OUTCROP_BODY {
      const F32 normalised = rounded_to(x, load(x + i, lanes) * inverse);
      store(out + i, normalised * load(weight + i, lanes), lanes);
    });
  } else {
    for_lanes(cols, [&](std::int64_t i, int lanes) OUTCROP_BODY {
      store(out + i, load(x + i, lanes) * inverse * (load(weight + i, lanes) + weight_offset), lanes);
    });
  }
  return inverse;
}

// With w' = w + offset and x̂ = x / rms:  dx = (dy w' - x̂ mean(dy w' x̂)) / rms.
template <Isa isa, class T>
void Norm<isa, T>::backward_row(T* dx, const T* dy, const T* x, const T* weight, float inverse_rms,
                                std::int64_t cols, float weight_offset, bool accumulate_dx) {
  const F32 products = accumulate(cols, [&](std::int64_t i, int lanes) OUTCROP_BODY {
    return load(dy + i, lanes) * (load(weight + i, lanes) + weight_offset) * (load(x + i, lanes) * inverse_rms);
  });
  const float mean = sum(products) / static_cast<float>(cols);
  const auto gradient = [&](std::int64_t i, int lanes) OUTCROP_BODY {
    const F32 direct = load(dy + i, lanes) * (load(weight + i, lanes) + weight_offset);
    return (direct - load(x + i, lanes) * inverse_rms * mean) * inverse_rms;
  };
  if (accumulate_dx) {
    for_lanes(cols, [&](std::int64_t i, int lanes)
                        OUTCROP_BODY { store(dx + i, load(dx + i, lanes) + gradient(i, lanes), lanes); });
  } else {
    for_lanes(cols, [&](std::int64_t i, int lanes) OUTCROP_BODY { store(dx + i, gradient(i, lanes), lanes); });
  }
}

template <Isa isa, class T>
void Norm<isa, T>::weight_gradient(float* dweight, const T* dy, std::int64_t dy_stride, const T* x,
                                   std::int64_t x_stride, const float* inverse_rms, std::int64_t rows,
                                   std::int64_t cols) {
  for_lanes(cols, [&](std::int64_t i, int lanes) OUTCROP_BODY {
    F32 total = {};
    for (std::int64_t r = 0; r < rows; ++r) {
      const F32 normalised = load(x + r * x_stride + i, lanes) * inverse_rms[r];
      total += load(dy + r * dy_stride + i, lanes) * normalised;
    }
    store(dweight + i, load(dweight + i, lanes) + total, lanes);
  });
}

}  // namespace outcrop::kernels::cpu
