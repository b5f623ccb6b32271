#pragma once
// Gated activations of the feed-forward block (Shazeer 2020): h = act(gate) * up.

#include "kernels/bfloat16.h"

#include <cstdint>

namespace outcrop::kernels {

enum class Activation : std::uint8_t { silu, gelu_tanh };

/// gate_up: [rows, 2F], gate in the first F columns, up in the last, rows `gate_up_stride` apart.
/// out: [rows, F], rows `out_stride` apart: out = act(gate) * up.
template <class T>
void gated_activation(T* out, std::int64_t out_stride, const T* gate_up, std::int64_t gate_up_stride,
                      std::int64_t rows, std::int64_t width, Activation activation) noexcept;

/// d_gate_up [rows, 2F] from dh [rows, F] and the saved gate_up. d_gate_up may alias gate_up.
template <class T>
void gated_activation_backward(T* d_gate_up, std::int64_t d_gate_up_stride, const T* dh, std::int64_t dh_stride,
                               const T* gate_up, std::int64_t gate_up_stride, std::int64_t rows,
                               std::int64_t width, Activation activation) noexcept;

}  // namespace outcrop::kernels
