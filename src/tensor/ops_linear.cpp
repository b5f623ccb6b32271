#include "kernels/gemm.h"
#include "tensor/ops.h"

#include <algorithm>

namespace outcrop::ops {
namespace {

template <class M>
bool well_formed(const M& m) {
  return m.rows >= 0 && m.cols >= 0 && m.stride >= m.cols;
}

}  // namespace

template <class T, class Out>
void linear(Matrix<Out> y, Matrix<const T> x, Matrix<const T> w, Write write) {
  CHECK(well_formed(y) && well_formed(x) && well_formed(w), "linear: a stride is shorter than its row");
  CHECK(x.cols == w.cols, "linear: x and w differ in their inner width");
  CHECK(y.rows == x.rows && y.cols == w.rows, "linear: y is not [rows of x, rows of w]");
  CHECK(x.cols > 0, "linear: the inner width is 0");
  if (y.rows == 0 || y.cols == 0) return;
  if (write == Write::overwrite && x.rows <= kernels::kMatvecRows) {
    kernels::matvec(y.data, y.stride, x.data, x.stride, w.data, w.stride, x.rows, w.rows, x.cols);
    return;
  }
  using kernels::GemmOperand;
  kernels::gemm(y.data, y.stride, GemmOperand<T>{x.data, x.stride},
                GemmOperand<T>{w.data, w.stride, kernels::Transpose::yes}, x.rows, w.rows, x.cols,
                write == Write::accumulate);
}

template <class T, class Out>
void linear_backward_input(Matrix<Out> dx, Matrix<const T> dy, Matrix<const T> w, Write write) {
  CHECK(well_formed(dx) && well_formed(dy) && well_formed(w),
        "linear_backward_input: a stride is shorter than its row");
  CHECK(dy.cols == w.rows, "linear_backward_input: dy's width is not the rows of w");
  CHECK(dx.rows == dy.rows && dx.cols == w.cols, "linear_backward_input: dx is not [rows of dy, width of w]");
  CHECK(dy.cols > 0, "linear_backward_input: the inner width is 0");
  if (dx.rows == 0 || dx.cols == 0) return;
  using kernels::GemmOperand;
  kernels::gemm(dx.data, dx.stride, GemmOperand<T>{dy.data, dy.stride}, GemmOperand<T>{w.data, w.stride},
                dy.rows, w.cols, dy.cols, write == Write::accumulate);
}

template <class T>
void linear_backward_weight(Matrix<float> dw, Matrix<const T> dy, Matrix<const T> x, Write write) {
  CHECK(well_formed(dw) && well_formed(dy) && well_formed(x),
        "linear_backward_weight: a stride is shorter than its row");
  CHECK(dy.rows == x.rows, "linear_backward_weight: dy and x differ in rows");
  CHECK(dw.rows == dy.cols && dw.cols == x.cols, "linear_backward_weight: dw is not [width of dy, width of x]");
  if (dw.rows == 0 || dw.cols == 0) return;
  if (dy.rows == 0) {  // a sum over no rows
    if (write == Write::overwrite) {
      for (std::int64_t r = 0; r < dw.rows; ++r) std::fill_n(dw.row(r), dw.cols, 0.0F);
    }
    return;
  }
  using kernels::GemmOperand;
  kernels::gemm(dw.data, dw.stride, GemmOperand<T>{dy.data, dy.stride, kernels::Transpose::yes},
                GemmOperand<T>{x.data, x.stride}, dy.cols, x.cols, dy.rows, write == Write::accumulate);
}

template void linear(Matrix<float>, Matrix<const float>, Matrix<const float>, Write);
template void linear(Matrix<bfloat16>, Matrix<const bfloat16>, Matrix<const bfloat16>, Write);
template void linear(Matrix<float>, Matrix<const bfloat16>, Matrix<const bfloat16>, Write);
template void linear_backward_input(Matrix<float>, Matrix<const float>, Matrix<const float>, Write);
template void linear_backward_input(Matrix<bfloat16>, Matrix<const bfloat16>, Matrix<const bfloat16>, Write);
template void linear_backward_input(Matrix<float>, Matrix<const bfloat16>, Matrix<const bfloat16>, Write);
template void linear_backward_weight(Matrix<float>, Matrix<const float>, Matrix<const float>, Write);
template void linear_backward_weight(Matrix<float>, Matrix<const bfloat16>, Matrix<const bfloat16>, Write);

}  // namespace outcrop::ops
