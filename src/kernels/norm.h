#pragma once
// RMSNorm (Zhang & Sennrich 2019), forward and backward.

#include "kernels/bfloat16.h"

#include <cstdint>

namespace outcrop::kernels {

/// Rows of `cols` elements, `x_stride`/`out_stride` elements apart.
struct NormShape {
  std::int64_t rows;
  std::int64_t cols;
  std::int64_t x_stride;
  std::int64_t out_stride;
  float eps;            ///< inside the root
  float weight_offset;  ///< 0: y = x̂ w (llama);  1: y = x̂ (w + 1) (gemma)
};

/// out[r,:] = x[r,:] / rms(x[r,:]) * (weight + offset); rms in float; inverse_rms[r] is kept for backward
/// (may be null). out may alias x. T = float or bfloat16.
/// With offset 0 x̂ is rounded to T before the product, with offset 1 after it, as Transformers does.
template <class T>
void rms_norm(T* out, float* inverse_rms, const T* x, const T* weight, const NormShape& shape) noexcept;

/// dx = (or +=, with accumulate) gradient of the input; dweight [cols] += gradient of the weight unless null.
///   dy: rows `out_stride` apart; x and dx: rows `x_stride` apart. dx may alias dy when the strides agree.
/// The order of summation into dweight is fixed for a given shape, whatever the number of threads.
template <class T>
void rms_norm_backward(T* dx, float* dweight, const T* dy, const T* x, const T* weight,
                       const float* inverse_rms, const NormShape& shape, bool accumulate) noexcept;

}  // namespace outcrop::kernels
