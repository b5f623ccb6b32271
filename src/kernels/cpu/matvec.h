#pragma once
// The part of matvec that exists once per instruction-set level: a range of weight rows.

#include "kernels/cpu/kernels.h"

namespace outcrop::kernels::cpu {

template <Isa isa, class In, class Out>
struct Matvec {
  /// y[i, j] = x[i, :] · w[j, :] for i < m and begin <= j < end. m <= kMatvecRows.
  static void rows(Out* y, std::int64_t y_stride, const In* x, std::int64_t x_stride, const In* w,
                   std::int64_t w_stride, std::int64_t m, std::int64_t k, std::int64_t begin, std::int64_t end);
};

}  // namespace outcrop::kernels::cpu
