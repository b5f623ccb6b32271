#pragma once
// Matrix product in double.

#include "kernels/reference/values.h"

namespace outcrop::kernels::reference {

/// c[m,n] = a[m,k] b[k,n]; with transpose_a the storage of a is [k,m], with transpose_b that of b is [n,k].
inline Values gemm(const Values& a, const Values& b, std::int64_t m, std::int64_t n, std::int64_t k,
                   bool transpose_a, bool transpose_b) {
  Values c(static_cast<std::size_t>(m * n));
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      for (std::int64_t l = 0; l < k; ++l) {
        c[at(i, n, j)] +=
            a[transpose_a ? at(l, m, i) : at(i, k, l)] * b[transpose_b ? at(j, k, l) : at(l, n, j)];
      }
    }
  }
  return c;
}

}  // namespace outcrop::kernels::reference
