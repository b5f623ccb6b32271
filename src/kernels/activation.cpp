#include "kernels/activation.h"

#include "kernels/cpu/split.h"

namespace outcrop::kernels {

template <class T>
void gated_activation(T* out, std::int64_t out_stride, const T* gate_up, std::int64_t gate_up_stride,
                      std::int64_t rows, std::int64_t width, Activation activation) noexcept {
  for_rows(rows, width, kExpGrain, [&]<Isa isa>(std::int64_t r) {
    using Kernel = cpu::Gated<isa, Raw<T>>;
    const auto* gate = raw(gate_up + r * gate_up_stride);
    auto* to = raw(out + r * out_stride);
    switch (activation) {
      case Activation::silu:
        return Kernel::silu(to, gate, gate + width, width);
      case Activation::gelu_tanh:
        return Kernel::gelu_tanh(to, gate, gate + width, width);
    }
  });
}

template <class T>
void gated_activation_backward(T* d_gate_up, std::int64_t d_gate_up_stride, const T* dh, std::int64_t dh_stride,
                               const T* gate_up, std::int64_t gate_up_stride, std::int64_t rows,
                               std::int64_t width, Activation activation) noexcept {
  for_rows(rows, width, kExpGrain, [&]<Isa isa>(std::int64_t r) {
    using Kernel = cpu::Gated<isa, Raw<T>>;
    const auto* gate = raw(gate_up + r * gate_up_stride);
    const auto* gradient = raw(dh + r * dh_stride);
    auto* to = raw(d_gate_up + r * d_gate_up_stride);
    switch (activation) {
      case Activation::silu:
        return Kernel::silu_backward(to, to + width, gradient, gate, gate + width, width);
      case Activation::gelu_tanh:
        return Kernel::gelu_tanh_backward(to, to + width, gradient, gate, gate + width, width);
    }
  });
}

template void gated_activation(float*, std::int64_t, const float*, std::int64_t, std::int64_t, std::int64_t,
                               Activation) noexcept;
template void gated_activation(bfloat16*, std::int64_t, const bfloat16*, std::int64_t, std::int64_t,
                               std::int64_t, Activation) noexcept;
template void gated_activation_backward(float*, std::int64_t, const float*, std::int64_t, const float*,
                                        std::int64_t, std::int64_t, std::int64_t, Activation) noexcept;
template void gated_activation_backward(bfloat16*, std::int64_t, const bfloat16*, std::int64_t, const bfloat16*,
                                        std::int64_t, std::int64_t, std::int64_t, Activation) noexcept;

}  // namespace outcrop::kernels
