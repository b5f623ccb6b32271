#pragma once
// Checked operations over matrices, each forward beside its backward. A wrong shape is a bug and aborts
// with the operation's name; user data never reaches here unchecked. T = float or bfloat16.
// All run on the compute pool and give the same result for any number of threads.

#include "kernels/activation.h"
#include "kernels/bfloat16.h"
#include "kernels/rope.h"
#include "tensor/matrix.h"

#include <cstdint>
#include <span>

namespace outcrop::ops {

using kernels::Activation;
using kernels::Rotation;

enum class Write : std::uint8_t { overwrite, accumulate };

/// y[T,N] = x[T,K] wᵀ; w: [N,K]. Out is T or float. Few rows take the matrix-vector path.
template <class T, class Out>
void linear(Matrix<Out> y, Matrix<const T> x, Matrix<const T> w, Write write = Write::overwrite);
/// dx[T,K] = dy[T,N] w.
template <class T, class Out>
void linear_backward_input(Matrix<Out> dx, Matrix<const T> dy, Matrix<const T> w,
                           Write write = Write::overwrite);
/// dw[N,K] = dyᵀ x, in float.
template <class T>
void linear_backward_weight(Matrix<float> dw, Matrix<const T> dy, Matrix<const T> x, Write write);

struct RmsNorm {
  float eps;
  float weight_offset;  ///< see kernels/norm.h
};
/// inverse_rms: [rows], kept for backward; may be empty when none follows.
template <class T>
void rms_norm(Matrix<T> out, std::span<float> inverse_rms, Matrix<const T> x, std::span<const T> weight,
              RmsNorm options);
/// dweight: [cols], accumulated; may be empty.
template <class T>
void rms_norm_backward(Matrix<T> dx, std::span<float> dweight, Matrix<const T> dy, Matrix<const T> x,
                       std::span<const T> weight, std::span<const float> inverse_rms, RmsNorm options,
                       Write write);

/// Rotary tables for positions 0 … positions-1.
struct RopeTable {
  Matrix<const float> cos;  ///< [positions, K/2]
  Matrix<const float> sin;
};
/// x: [T, heads*K], in place. Rotation::inverse is the backward pass.
template <class T>
void rope(Matrix<T> x, std::int64_t head_width, RopeTable table, std::span<const std::int32_t> positions,
          Rotation rotation);

/// out[T,F] = act(gate) * up; gate_up: [T,2F].
template <class T>
void gated_activation(Matrix<T> out, Matrix<const T> gate_up, Activation activation);
template <class T>
void gated_activation_backward(Matrix<T> d_gate_up, Matrix<const T> dh, Matrix<const T> gate_up,
                               Activation activation);

template <class T>
void add(Matrix<T> out, Matrix<const T> a, Matrix<const T> b);

template <class T>
void embedding(Matrix<T> out, Matrix<const T> table, std::span<const std::int32_t> ids, float scale);
template <class T>
void embedding_backward(Matrix<float> dtable, Matrix<const T> dout, std::span<const std::int32_t> ids,
                        float scale);

struct CrossEntropy {
  double loss_sum = 0.0;     ///< nats, over the rows
  std::int64_t correct = 0;  ///< rows whose largest logit is the target
};
/// logits: [rows,V] float. dlogits [rows,V] gets (softmax - onehot) * scale; pass an empty matrix for none.
template <class T>
CrossEntropy cross_entropy(Matrix<T> dlogits, Matrix<const float> logits, std::span<const std::int32_t> targets,
                           float scale);

}  // namespace outcrop::ops
