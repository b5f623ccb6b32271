#pragma once
// Flat element-by-element kernels: see kernels/elementwise.h.

#include "kernels/cpu/vector.h"

namespace outcrop::kernels::cpu {

template <Isa isa, class T>
void Elementwise<isa, T>::add(T* out, const T* a, const T* b, std::int64_t count) {
  for_lanes(count, [&](std::int64_t i, int lanes)
                       OUTCROP_BODY { store(out + i, load(a + i, lanes) + load(b + i, lanes), lanes); });
}

template <Isa isa, class T>
void Elementwise<isa, T>::scale(T* out, const T* x, std::int64_t count, float factor) {
  for_lanes(count, [&](std::int64_t i, int lanes)
                       OUTCROP_BODY { store(out + i, load(x + i, lanes) * factor, lanes); });
}

template <Isa isa, class T>
void Elementwise<isa, T>::scaled_copy(T* out, const float* x, std::int64_t count, float factor) {
  for_lanes(count, [&](std::int64_t i, int lanes)
                       OUTCROP_BODY { store(out + i, load(x + i, lanes) * factor, lanes); });
}

template <Isa isa, class T>
void Elementwise<isa, T>::add_scaled(float* out, const T* x, std::int64_t count, float factor) {
  for_lanes(count, [&](std::int64_t i, int lanes) OUTCROP_BODY {
    store(out + i, fma(load(x + i, lanes), broadcast(factor), load(out + i, lanes)), lanes);
  });
}

template <Isa isa, class T>
void Elementwise<isa, T>::to_float(float* out, const T* x, std::int64_t count) {
  for_lanes(count, [&](std::int64_t i, int lanes) OUTCROP_BODY { store(out + i, load(x + i, lanes), lanes); });
}

}  // namespace outcrop::kernels::cpu
