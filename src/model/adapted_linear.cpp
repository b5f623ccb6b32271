#include "model/adapted_linear.h"

#include "base/thread_pool.h"
#include "kernels/elementwise.h"
#include "tensor/ops.h"

#include <cstring>

namespace outcrop::model {
namespace {

template <class T>
Matrix<const T> dropped(Matrix<const T> x, const DropoutMask& mask, T* scratch) {
  if (mask.p <= 0.0F) return x;
  kernels::dropout(scratch, x.cols, x.data, x.stride, x.rows, x.cols, mask.p, mask.seed, mask.stream);
  return Matrix<const T>(scratch, x.rows, x.cols);
}

}  // namespace

template <class T>
AdaptedLinear<T>::AdaptedLinear(Arena& arena, Matrix<const T> weight, LoraGroup group, float scaling)
    : in_(weight.cols), out_(weight.rows), scaling_(scaling), group_(std::move(group)) {
  if (group_.rank == 0) {
    weight_ = weight;
    return;
  }
  owned_ = arena.take<T>(out_ * extended());
  a_ = Matrix<T>(arena.take<T>(group_.rank * in_), group_.rank, in_);
  if (owned_ == nullptr || weight.data == nullptr) return;
  weight_ = Matrix<const T>(owned_, out_, extended());
  parallel_for(out_, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      std::memcpy(owned_ + r * extended(), weight.row(r), static_cast<std::size_t>(in_) * sizeof(T));
    }
  });
}

template <class T>
void AdaptedLinear<T>::load(std::span<const float> adapter) {
  for (const LoraMember& m : group_.members) {
    kernels::scaled_copy(a_.row(m.rank_begin), in_, adapter.data() + m.a, in_, m.rank, in_, 1.0F);
    // Rows outside this member keep the zeros that the arena came with.
    T* b = owned_ + m.out_begin * extended() + in_ + m.rank_begin;
    kernels::scaled_copy(b, extended(), adapter.data() + m.b, m.rank, m.out, m.rank, scaling_);
  }
}

template <class T>
void AdaptedLinear<T>::forward(Matrix<T> y, Matrix<T> x_ext, const DropoutMask& mask,
                               const AdapterScratch<T>& scratch) const {
  if (group_.rank > 0) {
    const Matrix<const T> x = dropped<T>(x_ext.columns(0, in_), mask, scratch.input);
    ops::linear<T, T>(x_ext.columns(in_, group_.rank), x, a_);
  }
  ops::linear<T, T>(y, x_ext, weight_);
}

template <class T>
void AdaptedLinear<T>::backward(Matrix<T> dx_ext, Matrix<const T> dy, Matrix<const T> x_ext,
                                std::span<float> gradients, const DropoutMask& mask,
                                const AdapterScratch<T>& scratch, bool want_dx) const {
  const std::int64_t first = want_dx ? 0 : in_;
  const std::int64_t width = extended() - first;
  if (width == 0) return;
  ops::linear_backward_input<T, T>(dx_ext.columns(first, width), dy, weight_.columns(first, width));
  if (group_.rank > 0) {
    backward_adapter(dx_ext.columns(0, in_), dx_ext.columns(in_, group_.rank), dy, x_ext, gradients, mask,
                     scratch, want_dx);
  }
}

template <class T>
void AdaptedLinear<T>::backward_adapter(Matrix<T> dx, Matrix<const T> dxa, Matrix<const T> dy,
                                        Matrix<const T> x_ext, std::span<float> gradients,
                                        const DropoutMask& mask, const AdapterScratch<T>& scratch,
                                        bool want_dx) const {
  using ops::Write;
  // dA of all modules in one product, then each to its place.
  const Matrix<const T> x = dropped<T>(x_ext.columns(0, in_), mask, scratch.input);
  const Matrix<float> da(scratch.gradient, group_.rank, in_);
  ops::linear_backward_weight<T>(da, dxa, x, Write::overwrite);
  for (const LoraMember& m : group_.members) {
    float* at = gradients.data() + m.a;
    kernels::add<float>(at, in_, at, in_, da.row(m.rank_begin), in_, m.rank, in_);
  }
  // dBᵀ [r, out] reads dy along its rows, which is twice as fast as dB [out, r] for r much below out.
  for (const LoraMember& m : group_.members) {
    const Matrix<float> db(scratch.gradient, m.rank, m.out);
    ops::linear_backward_weight<T>(db, x_ext.columns(in_ + m.rank_begin, m.rank),
                                   dy.columns(m.out_begin, m.out), Write::overwrite);
    kernels::add_transposed(gradients.data() + m.b, m.rank, db.data, db.stride, m.rank, m.out, scaling_);
  }
  if (!want_dx) return;
  if (mask.p <= 0.0F) {
    ops::linear_backward_input<T, T>(dx, dxa, a_, Write::accumulate);
    return;
  }
  const Matrix<T> through(scratch.input, dx.rows, in_);
  ops::linear_backward_input<T, T>(through, dxa, a_);
  kernels::dropout(through.data, in_, through.data, in_, dx.rows, in_, mask.p, mask.seed, mask.stream);
  ops::add<T>(dx, dx, through);
}

template class AdaptedLinear<float>;
template class AdaptedLinear<bfloat16>;

}  // namespace outcrop::model
