#pragma once
// bfloat16 products for processors that multiply only floats. Called by gemm(), which chooses.

#include "kernels/gemm.h"

namespace outcrop::kernels {

/// As gemm() of bfloat16: operands are widened to float while they are packed, so that widening is no pass over
/// memory of its own, and the sum is rounded once. Sums of one element go in a fixed order, whatever the
/// threads.
template <class Out>
void gemm_widened(Out* c, std::int64_t c_stride, GemmOperand<bfloat16> a, GemmOperand<bfloat16> b,
                  std::int64_t m, std::int64_t n, std::int64_t k, bool accumulate) noexcept;

extern template void gemm_widened(float*, std::int64_t, GemmOperand<bfloat16>, GemmOperand<bfloat16>,
                                  std::int64_t, std::int64_t, std::int64_t, bool) noexcept;
extern template void gemm_widened(bfloat16*, std::int64_t, GemmOperand<bfloat16>, GemmOperand<bfloat16>,
                                  std::int64_t, std::int64_t, std::int64_t, bool) noexcept;

}  // namespace outcrop::kernels
