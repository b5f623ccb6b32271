#pragma once
// Matrix products through oneDNN, split over the compute pool. Shapes are checked by tensor/ops.

#include "kernels/bfloat16.h"

#include <cstdint>

namespace outcrop::kernels {

enum class Transpose : std::uint8_t { no, yes };

/// One operand: `data` points at row-major storage with `stride` elements between rows.
/// With Transpose::yes the operand is that storage's transpose.
template <class T>
struct GemmOperand {
  const T* data;
  std::int64_t stride;
  Transpose transpose = Transpose::no;
};

/// c[m,n] = a[m,k] b[k,n]  (or c += … with accumulate). float accumulation.
///   c: row-major, `c_stride` elements between rows; must not overlap a or b.
/// In = float or bfloat16; Out = In or float. Thread-safe; runs on the compute pool.
/// m, n, k > 0. The result does not depend on the number of threads.
template <class In, class Out>
void gemm(Out* c, std::int64_t c_stride, GemmOperand<In> a, GemmOperand<In> b, std::int64_t m, std::int64_t n,
          std::int64_t k, bool accumulate) noexcept;

extern template void gemm(float*, std::int64_t, GemmOperand<float>, GemmOperand<float>, std::int64_t,
                          std::int64_t, std::int64_t, bool) noexcept;
extern template void gemm(bfloat16*, std::int64_t, GemmOperand<bfloat16>, GemmOperand<bfloat16>, std::int64_t,
                          std::int64_t, std::int64_t, bool) noexcept;
extern template void gemm(float*, std::int64_t, GemmOperand<bfloat16>, GemmOperand<bfloat16>, std::int64_t,
                          std::int64_t, std::int64_t, bool) noexcept;

/// Rows of x up to which matvec() beats gemm(): weights are read once for all rows.
inline constexpr std::int64_t kMatvecRows = 8;

/// y[m,n] = x[m,k] wᵀ, w: [n,k] row-major with w_stride; m ≤ kMatvecRows. Bound by reading w once.
template <class In, class Out>
void matvec(Out* y, std::int64_t y_stride, const In* x, std::int64_t x_stride, const In* w,
            std::int64_t w_stride, std::int64_t m, std::int64_t n, std::int64_t k) noexcept;

}  // namespace outcrop::kernels
