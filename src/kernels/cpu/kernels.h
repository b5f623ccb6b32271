#pragma once
// The kernels that exist once per instruction-set level, as static members so that one explicit
// instantiation makes a group. Declared here for the dispatching files of kernels/, defined in *.inl.h,
// instantiated in all_<level>.cpp. T = float or Bf16. They work on one row (or a flat range) and know
// nothing of threads; contracts stand in the public headers of kernels/.

#include "kernels/isa_level.h"

#include <cstdint>

namespace outcrop::kernels::cpu {

using Bf16 = std::uint16_t;  ///< the bits of a bfloat16

template <Isa isa, class T>
struct Norm {
  /// Returns 1 / rms.
  static float row(T* out, const T* x, const T* weight, std::int64_t cols, float eps, float weight_offset);
  static void backward_row(T* dx, const T* dy, const T* x, const T* weight, float inverse_rms,
                           std::int64_t cols, float weight_offset, bool accumulate);
  /// dweight[c] += Σ_r dy[r,c] x[r,c] inverse_rms[r], rows in order.
  static void weight_gradient(float* dweight, const T* dy, std::int64_t dy_stride, const T* x,
                              std::int64_t x_stride, const float* inverse_rms, std::int64_t rows,
                              std::int64_t cols);
};

template <Isa isa, class T>
struct Rope {
  /// sign: 1 forward, -1 inverse.
  static void row(T* x, std::int64_t heads, std::int64_t head_width, const float* cos, const float* sin,
                  float sign);
};

template <Isa isa, class T>
struct Gated {
  static void silu(T* out, const T* gate, const T* up, std::int64_t width);
  static void gelu_tanh(T* out, const T* gate, const T* up, std::int64_t width);
  static void silu_backward(T* dgate, T* dup, const T* dh, const T* gate, const T* up, std::int64_t width);
  static void gelu_tanh_backward(T* dgate, T* dup, const T* dh, const T* gate, const T* up, std::int64_t width);
};

struct RowLoss {
  float loss;
  bool correct;
};

template <Isa isa, class T>
struct Loss {
  /// dlogits may be null, or logits itself.
  static RowLoss row(T* dlogits, const float* logits, std::int64_t target, std::int64_t vocab, float scale);
};

/// The mask of one dropout call: element i is kept where the upper 24 bits of its word reach `threshold`.
struct DropoutMask {
  std::uint64_t seed;
  std::uint64_t stream;
  std::int32_t threshold;
  float scale;  ///< of what is kept
};

template <Isa isa, class T>
struct Elementwise {
  static void add(T* out, const T* a, const T* b, std::int64_t count);
  static void scale(T* out, const T* x, std::int64_t count, float factor);
  static void scaled_copy(T* out, const float* x, std::int64_t count, float factor);
  static void add_scaled(float* out, const T* x, std::int64_t count, float factor);
  static void to_float(float* out, const T* x, std::int64_t count);
  /// first: the index of x[0] in the mask.
  static void dropout(T* out, const T* x, std::int64_t count, std::uint64_t first, const DropoutMask& mask);
};

/// What AdamW multiplies by in one step.
struct AdamWFactors {
  float gradient_scale;
  float beta1;
  float beta2;
  float one_minus_beta1;
  float one_minus_beta2;
  float decay;              ///< 1 - lr * wd
  float step_size;          ///< lr / (1 - beta1^t)
  float inverse_root_bias;  ///< 1 / sqrt(1 - beta2^t)
  float eps;
};

template <Isa isa>
struct Optimizer {
  static void adamw(float* p, float* m, float* v, const float* g, std::int64_t count, const AdamWFactors& by);
  static double sum_of_squares(const float* x, std::int64_t count);
};

}  // namespace outcrop::kernels::cpu
