// The linear map as an operation case: values and both gradients.

#include "kernels/gemm.h"
#include "kernels/reference/gemm.h"
#include "support/op_case.h"
#include "tensor/op_matrices.h"
#include "tensor/ops.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <gtest/gtest.h>

namespace outcrop::test {
namespace {

struct Sizes {
  std::int64_t rows;   ///< T
  std::int64_t width;  ///< N
  std::int64_t inner;  ///< K
};

/// A sum of products of normal values stays below four standard deviations.
ErrorBound bound_of(std::int64_t terms) {
  return {.roundings = sum_roundings(terms),
          .magnitude = 4.0 * std::sqrt(static_cast<double>(std::max<std::int64_t>(1, terms)))};
}

template <class T>
std::vector<Values> gradients(const std::vector<Values>& in, const Sizes& s) {
  const PaddedRows<T> dy(in[0], s.rows, s.width, 1);
  const PaddedRows<T> x(in[1], s.rows, s.inner, 3);
  const PaddedRows<T> w(in[2], s.width, s.inner, 5);
  PaddedRows<T> dx(s.rows, s.inner, 2);
  PaddedRows<float> dw(s.width, s.inner, 4);
  ops::linear_backward_input(matrix(dx, s.rows, s.inner), view(dy, s.rows, s.width), view(w, s.width, s.inner));
  ops::linear_backward_weight(matrix(dw, s.width, s.inner), view(dy, s.rows, s.width), view(x, s.rows, s.inner),
                              ops::Write::overwrite);
  return {dx.values(), dw.values()};
}

OpCase linear_case(const Sizes& s) {
  using kernels::reference::gemm;
  OpCase op;
  op.name = "linear " + std::to_string(s.rows) + "x" + std::to_string(s.width) + "x" + std::to_string(s.inner);
  op.inputs = {normal_values(s.rows * s.inner, 1), normal_values(s.width * s.inner, 2)};
  op.reference = [s](const std::vector<Values>& in) {
    return gemm(in[0], in[1], s.rows, s.width, s.inner, /*transpose_a=*/false, /*transpose_b=*/true);
  };
  op.reference_backward = [s](const Values& dy, const std::vector<Values>& in) -> std::vector<Values> {
    return {gemm(dy, in[1], s.rows, s.inner, s.width, /*transpose_a=*/false, /*transpose_b=*/false),
            gemm(dy, in[0], s.width, s.inner, s.rows, /*transpose_a=*/true, /*transpose_b=*/false)};
  };
  op.forward([s]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    const PaddedRows<T> x(in[0], s.rows, s.inner, 3);
    const PaddedRows<T> w(in[1], s.width, s.inner, 5);
    PaddedRows<T> y(s.rows, s.width, 2);
    ops::linear(matrix(y, s.rows, s.width), view(x, s.rows, s.inner), view(w, s.width, s.inner));
    return {y.values()};
  });
  op.backward([s]<class T>(const std::vector<Values>& in) { return gradients<T>(in, s); });
  op.forward_bound = bound_of(s.inner);
  op.backward_bounds = {bound_of(s.width), bound_of(s.rows)};
  op.float_gradient = {false, true};
  return op;
}

const std::vector<Sizes> kSmall = {{0, 3, 4}, {1, 1, 1}, {1, 5, 7}, {3, 4, 2}, {9, 6, 5}};

TEST(LinearOp, ReferenceGradientMatchesFiniteDifferences) {
  for (const Sizes& s : kSmall) check_reference_gradient(linear_case(s));
}

TEST(LinearOp, EveryLevelMatchesTheReferenceForwardAndBackward) {
  for (const Sizes& s : kSmall) check_kernels(linear_case(s));
  for (const std::int64_t rows : {kernels::kMatvecRows, kernels::kMatvecRows + 1, std::int64_t{67}}) {
    check_kernels(linear_case({rows, 129, 70}));
  }
}

}  // namespace
}  // namespace outcrop::test
