#pragma once
// AdamW (Loshchilov & Hutter 2019) on flat float buffers, and the gradient norm.

#include "kernels/bfloat16.h"

#include <cstdint>

namespace outcrop::kernels {

struct AdamWStep {
  float learning_rate;
  float beta1;
  float beta2;
  float eps;
  float weight_decay;    ///< decoupled: p -= lr * wd * p
  float gradient_scale;  ///< multiplies g first (clipping, normalisation)
  std::int64_t step;     ///< 1 for the first update; for bias correction
};

/// p, m, v: [count] float, updated in place as torch.optim.AdamW does; g is read only.
void adamw(float* p, float* m, float* v, const float* g, std::int64_t count, const AdamWStep& step) noexcept;

/// Σ x², in double, summed in an order that is fixed for a given count.
double sum_of_squares(const float* x, std::int64_t count) noexcept;

}  // namespace outcrop::kernels
