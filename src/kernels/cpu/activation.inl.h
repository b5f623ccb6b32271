#pragma once
// Gated activations of one row, forward and backward: see kernels/activation.h.

#include "kernels/cpu/vector.h"

namespace outcrop::kernels::cpu {
namespace {

/// An activation and its slope at one point.
struct ActivationValue {
  F32 value;
  F32 slope;
};

// silu(x) = x σ(x);  silu'(x) = σ(x) (1 + x (1 - σ(x))).
struct Silu {
  static OUTCROP_INLINE F32 value(F32 x) { return x * sigmoid(x); }
  static OUTCROP_INLINE ActivationValue with_slope(F32 x) {
    const F32 s = sigmoid(x);
    return {x * s, s * (1.0F + x * (1.0F - s))};
  }
};

// gelu_tanh(x) = x/2 (1 + tanh u) = x σ(2u) with 2u = a (x + b x³), a = 2 sqrt(2/π), b = 0.044715;
// its slope is σ(2u) + x σ(2u) (1 - σ(2u)) a (1 + 3 b x²).
struct GeluTanh {
  static constexpr float kA = 1.5957691216F;
  static constexpr float kB = 0.044715F;
  // Beyond ±16 σ(2u) is 0 or 1; the bound keeps x² from overflowing into 0 · inf.
  static OUTCROP_INLINE F32 bounded(F32 x) {
    x = x > 16.0F ? broadcast(16.0F) : x;
    return x < -16.0F ? broadcast(-16.0F) : x;
  }
  static OUTCROP_INLINE F32 value(F32 x) {
    const F32 z = bounded(x);
    return x * sigmoid(z * (kA + kA * kB * z * z));
  }
  static OUTCROP_INLINE ActivationValue with_slope(F32 x) {
    const F32 z = bounded(x);
    const F32 s = sigmoid(z * (kA + kA * kB * z * z));
    return {x * s, s + z * s * (1.0F - s) * (kA + 3.0F * kA * kB * z * z)};
  }
};

template <class Function, class T>
OUTCROP_INLINE void gated_row(T* out, const T* gate, const T* up, std::int64_t width) {
  for_lanes(width, [&](std::int64_t i, int lanes) OUTCROP_BODY {
    store(out + i, Function::value(load(gate + i, lanes)) * load(up + i, lanes), lanes);
  });
}

template <class Function, class T>
OUTCROP_INLINE void gated_backward_row(T* dgate, T* dup, const T* dh, const T* gate, const T* up,
                                       std::int64_t width) {
  for_lanes(width, [&](std::int64_t i, int lanes) OUTCROP_BODY {
    const ActivationValue act = Function::with_slope(load(gate + i, lanes));
    const F32 d = load(dh + i, lanes);
    const F32 u = load(up + i, lanes);
    store(dgate + i, d * u * act.slope, lanes);
    store(dup + i, d * act.value, lanes);
  });
}

}  // namespace

template <Isa isa, class T>
void Gated<isa, T>::silu(T* out, const T* gate, const T* up, std::int64_t width) {
  gated_row<Silu>(out, gate, up, width);
}

template <Isa isa, class T>
void Gated<isa, T>::gelu_tanh(T* out, const T* gate, const T* up, std::int64_t width) {
  gated_row<GeluTanh>(out, gate, up, width);
}

template <Isa isa, class T>
void Gated<isa, T>::silu_backward(T* dgate, T* dup, const T* dh, const T* gate, const T* up,
                                  std::int64_t width) {
  gated_backward_row<Silu>(dgate, dup, dh, gate, up, width);
}

template <Isa isa, class T>
void Gated<isa, T>::gelu_tanh_backward(T* dgate, T* dup, const T* dh, const T* gate, const T* up,
                                       std::int64_t width) {
  gated_backward_row<GeluTanh>(dgate, dup, dh, gate, up, width);
}

}  // namespace outcrop::kernels::cpu
