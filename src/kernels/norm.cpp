#include "kernels/norm.h"

#include "kernels/cpu/split.h"

namespace outcrop::kernels {

template <class T>
void rms_norm(T* out, float* inverse_rms, const T* x, const T* weight, const NormShape& shape) noexcept {
  for_rows(shape.rows, shape.cols, kStreamGrain, [&]<Isa isa>(std::int64_t r) {
    const float inverse =
        cpu::Norm<isa, Raw<T>>::row(raw(out + r * shape.out_stride), raw(x + r * shape.x_stride), raw(weight),
                                    shape.cols, shape.eps, shape.weight_offset);
    if (inverse_rms != nullptr) inverse_rms[r] = inverse;
  });
}

template <class T>
void rms_norm_backward(T* dx, float* dweight, const T* dy, const T* x, const T* weight,
                       const float* inverse_rms, const NormShape& shape, bool accumulate) noexcept {
  // First, because dx may overwrite dy. Threads share out columns, not rows: each column's sum then has
  // one order whatever the number of threads, and no partial sums need a home.
  if (dweight != nullptr) {
    constexpr std::int64_t kColumns = 64;
    const std::int64_t grain = std::max(kColumns, kStreamGrain / std::max<std::int64_t>(1, shape.rows));
    for_ranges(shape.cols, (grain + kColumns - 1) / kColumns * kColumns,
               [&]<Isa isa>(std::int64_t begin, std::int64_t end) {
                 cpu::Norm<isa, Raw<T>>::weight_gradient(dweight + begin, raw(dy + begin), shape.out_stride,
                                                         raw(x + begin), shape.x_stride, inverse_rms,
                                                         shape.rows, end - begin);
               });
  }
  for_rows(shape.rows, shape.cols, kStreamGrain, [&]<Isa isa>(std::int64_t r) {
    cpu::Norm<isa, Raw<T>>::backward_row(raw(dx + r * shape.x_stride), raw(dy + r * shape.out_stride),
                                         raw(x + r * shape.x_stride), raw(weight), inverse_rms[r], shape.cols,
                                         shape.weight_offset, accumulate);
  });
}

template void rms_norm(float*, float*, const float*, const float*, const NormShape&) noexcept;
template void rms_norm(bfloat16*, float*, const bfloat16*, const bfloat16*, const NormShape&) noexcept;
template void rms_norm_backward(float*, float*, const float*, const float*, const float*, const float*,
                                const NormShape&, bool) noexcept;
template void rms_norm_backward(bfloat16*, float*, const bfloat16*, const bfloat16*, const bfloat16*,
                                const float*, const NormShape&, bool) noexcept;

}  // namespace outcrop::kernels
