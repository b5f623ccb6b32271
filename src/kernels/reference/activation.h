#pragma once
// Gated activations in double: h = act(gate) * up.

#include "kernels/activation.h"
#include "kernels/reference/values.h"

#include <cmath>
#include <numbers>

namespace outcrop::kernels::reference {

inline double activate(double x, Activation activation) {
  if (activation == Activation::silu) return x / (1.0 + std::exp(-x));
  const double u = std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x * x * x);
  return 0.5 * x * (1.0 + std::tanh(u));
}

inline double activation_slope(double x, Activation activation) {
  if (activation == Activation::silu) {
    const double s = 1.0 / (1.0 + std::exp(-x));
    return s + x * s * (1.0 - s);
  }
  const double a = std::sqrt(2.0 / std::numbers::pi);
  const double t = std::tanh(a * (x + 0.044715 * x * x * x));
  return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * a * (1.0 + 3.0 * 0.044715 * x * x);
}

/// gate_up: [rows, 2 width]; returns [rows, width].
inline Values gated_activation(const Values& gate_up, std::int64_t rows, std::int64_t width,
                               Activation activation) {
  Values out(static_cast<std::size_t>(rows * width));
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < width; ++c) {
      out[at(r, width, c)] =
          activate(gate_up[at(r, 2 * width, c)], activation) * gate_up[at(r, 2 * width, width + c)];
    }
  }
  return out;
}

/// d gate_up from dh.
inline Values gated_activation_backward(const Values& dh, const Values& gate_up, std::int64_t rows,
                                        std::int64_t width, Activation activation) {
  Values gradient(gate_up.size());
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < width; ++c) {
      const double gate = gate_up[at(r, 2 * width, c)];
      const double up = gate_up[at(r, 2 * width, width + c)];
      const double d = dh[at(r, width, c)];
      gradient[at(r, 2 * width, c)] = d * up * activation_slope(gate, activation);
      gradient[at(r, 2 * width, width + c)] = d * activate(gate, activation);
    }
  }
  return gradient;
}

}  // namespace outcrop::kernels::reference
