// The operations of a decoder block beside its products and attention.
#include "kernels/elementwise.h"
#include "kernels/norm.h"
#include "tensor/ops.h"

namespace outcrop::ops {
namespace {

template <class A, class B>
bool same_shape(const A& a, const B& b) {
  return a.rows == b.rows && a.cols == b.cols && a.stride >= a.cols && b.stride >= b.cols;
}

template <class T>
bool has_length(std::span<T> values, std::int64_t count) {
  return static_cast<std::int64_t>(values.size()) == count;
}

}  // namespace

template <class T>
void rms_norm(Matrix<T> out, std::span<float> inverse_rms, Matrix<const T> x, std::span<const T> weight,
              RmsNorm options) {
  CHECK(same_shape(out, x), "rms_norm: out and x differ in shape");
  CHECK(has_length(weight, x.cols), "rms_norm: weight is not as long as a row");
  CHECK(inverse_rms.empty() || has_length(inverse_rms, x.rows), "rms_norm: inverse_rms is not one a row");
  const kernels::NormShape shape{.rows = x.rows,
                                 .cols = x.cols,
                                 .x_stride = x.stride,
                                 .out_stride = out.stride,
                                 .eps = options.eps,
                                 .weight_offset = options.weight_offset};
  kernels::rms_norm(out.data, inverse_rms.data(), x.data, weight.data(), shape);
}

template <class T>
void rms_norm_backward(Matrix<T> dx, std::span<float> dweight, Matrix<const T> dy, Matrix<const T> x,
                       std::span<const T> weight, std::span<const float> inverse_rms, RmsNorm options,
                       Write write) {
  CHECK(same_shape(dx, x) && same_shape(dy, x), "rms_norm_backward: dx, dy and x differ in shape");
  CHECK(dx.stride == x.stride || x.rows <= 1, "rms_norm_backward: dx and x differ in stride");
  CHECK(has_length(weight, x.cols), "rms_norm_backward: weight is not as long as a row");
  CHECK(dweight.empty() || has_length(dweight, x.cols), "rms_norm_backward: dweight is not as long as a row");
  CHECK(has_length(inverse_rms, x.rows), "rms_norm_backward: inverse_rms is not one a row");
  const kernels::NormShape shape{.rows = x.rows,
                                 .cols = x.cols,
                                 .x_stride = x.stride,
                                 .out_stride = dy.stride,
                                 .eps = options.eps,
                                 .weight_offset = options.weight_offset};
  kernels::rms_norm_backward(dx.data, dweight.data(), dy.data, x.data, weight.data(), inverse_rms.data(), shape,
                             write == Write::accumulate);
}

template <class T>
void rope(Matrix<T> x, std::int64_t head_width, RopeTable table, std::span<const std::int32_t> positions,
          Rotation rotation) {
  CHECK(head_width > 0 && head_width % 2 == 0, "rope: the head width is not even");
  CHECK(x.cols % head_width == 0 && x.stride >= x.cols, "rope: x does not hold whole heads");
  CHECK(table.cos.cols == head_width / 2 && same_shape(table.cos, table.sin),
        "rope: tables are not [positions, K/2]");
  CHECK(table.cos.stride == table.cos.cols && table.sin.stride == table.sin.cols,
        "rope: tables are not contiguous");
  CHECK(has_length(positions, x.rows), "rope: positions are not one a row");
  for (const std::int32_t position : positions) {
    CHECK(position >= 0 && position < table.cos.rows, "rope: a position is outside the tables");
  }
  kernels::rope(x.data, x.stride, x.rows, x.cols / head_width, head_width, table.cos.data, table.sin.data,
                positions.data(), rotation);
}

template <class T>
void gated_activation(Matrix<T> out, Matrix<const T> gate_up, Activation activation) {
  CHECK(out.rows == gate_up.rows && 2 * out.cols == gate_up.cols,
        "gated_activation: gate_up is not [rows, 2 F]");
  CHECK(out.stride >= out.cols && gate_up.stride >= gate_up.cols,
        "gated_activation: a stride is shorter than its row");
  kernels::gated_activation(out.data, out.stride, gate_up.data, gate_up.stride, out.rows, out.cols, activation);
}

template <class T>
void gated_activation_backward(Matrix<T> d_gate_up, Matrix<const T> dh, Matrix<const T> gate_up,
                               Activation activation) {
  CHECK(same_shape(d_gate_up, gate_up), "gated_activation_backward: d_gate_up and gate_up differ in shape");
  CHECK(dh.rows == gate_up.rows && 2 * dh.cols == gate_up.cols && dh.stride >= dh.cols,
        "gated_activation_backward: gate_up is not [rows, 2 F]");
  kernels::gated_activation_backward(d_gate_up.data, d_gate_up.stride, dh.data, dh.stride, gate_up.data,
                                     gate_up.stride, dh.rows, dh.cols, activation);
}

template <class T>
void add(Matrix<T> out, Matrix<const T> a, Matrix<const T> b) {
  CHECK(same_shape(out, a) && same_shape(out, b), "add: out, a and b differ in shape");
  kernels::add(out.data, out.stride, a.data, a.stride, b.data, b.stride, out.rows, out.cols);
}

#define OUTCROP_INSTANTIATE(T)                                                                       \
  template void rms_norm(Matrix<T>, std::span<float>, Matrix<const T>, std::span<const T>, RmsNorm); \
  template void rms_norm_backward(Matrix<T>, std::span<float>, Matrix<const T>, Matrix<const T>,     \
                                  std::span<const T>, std::span<const float>, RmsNorm, Write);       \
  template void rope(Matrix<T>, std::int64_t, RopeTable, std::span<const std::int32_t>, Rotation);   \
  template void gated_activation(Matrix<T>, Matrix<const T>, Activation);                            \
  template void gated_activation_backward(Matrix<T>, Matrix<const T>, Matrix<const T>, Activation);  \
  template void add(Matrix<T>, Matrix<const T>, Matrix<const T>)

OUTCROP_INSTANTIATE(float);
OUTCROP_INSTANTIATE(bfloat16);

#undef OUTCROP_INSTANTIATE

}  // namespace outcrop::ops
