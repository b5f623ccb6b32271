#include "tensor/ops.h"

#include "kernels/gemm.h"
#include "kernels/reference/gemm.h"
#include "kernels/reference/loss.h"
#include "kernels/reference/norm.h"
#include "support/op_case.h"
#include "tensor/op_matrices.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

namespace outcrop::test {
namespace {

/// Products of n terms of type T: their sum's error, plus one rounding to Out.
template <class Out>
void expect_product(const PaddedRows<Out>& got, const Values& exact, std::int64_t terms) {
  expect_close(got.values(), exact, {.roundings = sum_roundings(terms)}, kUnitRoundoff<Out>, "product");
}

template <class T, class Out>
void check_linear(std::int64_t rows, std::int64_t width, std::int64_t inner) {
  SCOPED_TRACE(testing::Message() << rows << " x " << width << " x " << inner);
  const Values x_values = rounded<T>(normal_values(rows * inner, 1));
  const Values w_values = rounded<T>(normal_values(width * inner, 2));
  PaddedRows<T> x(x_values, rows, inner, 3);
  PaddedRows<T> w(w_values, width, inner, 5);
  PaddedRows<Out> y(rows, width, 2);
  ops::linear(matrix(y, rows, width), view(x, rows, inner), view(w, width, inner));
  Values exact = kernels::reference::gemm(x_values, w_values, rows, width, inner, false, true);
  expect_product(y, exact, inner);
  if (std::is_same_v<Out, float>) {
    ops::linear(matrix(y, rows, width), view(x, rows, inner), view(w, width, inner), ops::Write::accumulate);
    for (double& value : exact) value *= 2.0;
    expect_product(y, exact, inner);
  }
}

TEST(Linear, MatchesTheReferenceOnBothSidesOfTheMatrixVectorLimit) {
  for (const std::int64_t rows :
       {std::int64_t{0}, std::int64_t{1}, kernels::kMatvecRows, kernels::kMatvecRows + 1}) {
    check_linear<float, float>(rows, 33, 70);
    check_linear<bfloat16, bfloat16>(rows, 33, 70);
    check_linear<bfloat16, float>(rows, 33, 70);
  }
}

template <class T>
void check_linear_backward(std::int64_t rows) {
  constexpr std::int64_t kWidth = 21;
  constexpr std::int64_t kInner = 34;
  const Values dy_values = rounded<T>(normal_values(rows * kWidth, 1));
  const Values x_values = rounded<T>(normal_values(rows * kInner, 2));
  const Values w_values = rounded<T>(normal_values(kWidth * kInner, 3));
  PaddedRows<T> dy(dy_values, rows, kWidth, 1);
  PaddedRows<T> x(x_values, rows, kInner, 3);
  PaddedRows<T> w(w_values, kWidth, kInner, 5);
  PaddedRows<T> dx(rows, kInner, 2);
  PaddedRows<float> dw(kWidth, kInner, 4);
  ops::linear_backward_input(matrix(dx, rows, kInner), view(dy, rows, kWidth), view(w, kWidth, kInner));
  expect_product(dx, kernels::reference::gemm(dy_values, w_values, rows, kInner, kWidth, false, false), kWidth);
  ops::linear_backward_weight(matrix(dw, kWidth, kInner), view(dy, rows, kWidth), view(x, rows, kInner),
                              ops::Write::overwrite);
  ops::linear_backward_weight(matrix(dw, kWidth, kInner), view(dy, rows, kWidth), view(x, rows, kInner),
                              ops::Write::accumulate);
  Values exact = kernels::reference::gemm(dy_values, x_values, kWidth, kInner, rows, true, false);
  for (double& value : exact) value *= 2.0;
  expect_product(dw, exact, rows);
}

TEST(Linear, GradientsMatchTheReference) {
  for (const std::int64_t rows : {0, 1, 19}) {
    check_linear_backward<float>(rows);
    check_linear_backward<bfloat16>(rows);
  }
}

TEST(RmsNormOp, ForwardAndBackwardAgreeWithTheReference) {
  constexpr std::int64_t kRows = 4;
  constexpr std::int64_t kCols = 19;
  const Values x_values = rounded<float>(normal_values(kRows * kCols, 1));
  const Values dy_values = rounded<float>(normal_values(kRows * kCols, 2));
  const Values w_values = rounded<float>(normal_values(kCols, 3));
  const std::vector<float> weight(w_values.begin(), w_values.end());
  PaddedRows<float> x(x_values, kRows, kCols, 2);
  PaddedRows<float> dy(dy_values, kRows, kCols, 3);
  PaddedRows<float> out(kRows, kCols, 3);
  PaddedRows<float> dx(kRows, kCols, 2);
  std::vector<float> inverse(kRows);
  std::vector<float> dweight(kCols);
  const ops::RmsNorm options{.eps = 1e-6F, .weight_offset = 1.0F};
  ops::rms_norm<float>(matrix(out, kRows, kCols), inverse, view(x, kRows, kCols), weight, options);
  ops::rms_norm_backward<float>(matrix(dx, kRows, kCols), dweight, view(dy, kRows, kCols),
                                view(x, kRows, kCols), weight, inverse, options, ops::Write::overwrite);
  const double eps = static_cast<double>(options.eps);
  const auto exact = kernels::reference::rms_norm_backward(dy_values, x_values, w_values, kRows, eps, 1.0);
  const ErrorBound bound{.roundings = 2.0 * sum_roundings(kCols) + 8.0};
  expect_close(out.values(), kernels::reference::rms_norm(x_values, w_values, kRows, eps, 1.0), bound,
               kUnitRoundoff<float>, "out");
  expect_close(dx.values(), exact.dx, bound, kUnitRoundoff<float>, "dx");
  expect_close(Values(dweight.begin(), dweight.end()), exact.dweight, bound, kUnitRoundoff<float>, "dweight");
}

TEST(RopeOp, InverseUndoesForwardAndPositionZeroStays) {
  const std::vector<float> cos{1.0F, 1.0F, 0.6F, 0.8F};
  const std::vector<float> sin{0.0F, 0.0F, 0.8F, 0.6F};
  const ops::RopeTable table{.cos = {cos.data(), 2, 2}, .sin = {sin.data(), 2, 2}};
  std::vector<float> x{1, 2, 3, 4, 1, 2, 3, 4};
  const std::vector<std::int32_t> positions{0, 1};
  ops::rope<float>({x.data(), 2, 4}, 4, table, positions, ops::Rotation::forward);
  EXPECT_EQ(std::vector<float>(x.begin(), x.begin() + 4), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_FLOAT_EQ(x[4], 1.0F * 0.6F - 3.0F * 0.8F);
  EXPECT_FLOAT_EQ(x[7], 4.0F * 0.8F + 2.0F * 0.6F);
  ops::rope<float>({x.data(), 2, 4}, 4, table, positions, ops::Rotation::inverse);
  for (std::size_t i = 0; i < 8; ++i)
    EXPECT_NEAR(x[i], static_cast<double>(i % 4 + 1), 4.0 * 8.0 * kUnitRoundoff<float>);
}

TEST(EmbeddingOp, BackwardIsTheTransposeOfForward) {
  // <embedding(table), d> == <table, embedding_backward(d)> for a linear map and its gradient.
  const std::vector<std::int32_t> ids{2, 0, 2};
  std::vector<float> table{1, 2, 3, 4, 5, 6};
  std::vector<float> out(6);
  ops::embedding<float>({out.data(), 3, 2}, {table.data(), 3, 2}, ids, 3.0F);
  EXPECT_EQ(out, (std::vector<float>{15, 18, 3, 6, 15, 18}));
  const std::vector<float> d{1, 2, 3, 4, 5, 6};
  std::vector<float> dtable(6);
  ops::embedding_backward<float>({dtable.data(), 3, 2}, {d.data(), 3, 2}, ids, 3.0F);
  EXPECT_EQ(dtable, (std::vector<float>{9, 12, 0, 0, 18, 24}));
}

TEST(CrossEntropyOp, SumsLossesAndCountsRightAnswers) {
  const Values values = rounded<float>(normal_values(3 * 7, 1));
  const std::vector<float> logits(values.begin(), values.end());
  const std::vector<std::int32_t> targets{4, 0, 6};
  const Values losses = kernels::reference::cross_entropy(values, targets, 7);
  std::int64_t right = 0;
  for (std::size_t r = 0; r < 3; ++r) {
    const auto row = values.begin() + static_cast<std::ptrdiff_t>(7 * r);
    right += std::max_element(row, row + 7) - row == targets[r];
  }
  const auto result = ops::cross_entropy<float>({}, {logits.data(), 3, 7}, targets, 1.0F);
  expect_close({result.loss_sum}, {losses[0] + losses[1] + losses[2]}, {.roundings = 24.0},
               kUnitRoundoff<float>, "loss");
  EXPECT_EQ(result.correct, right);
}

TEST(OpsDeathTest, AWrongShapeNamesTheOperation) {
  std::vector<float> values(64);
  float* const p = values.data();
  const std::vector<std::int32_t> ids{0, 5};
  using M = Matrix<float>;
  using C = Matrix<const float>;
  EXPECT_DEATH(ops::linear(M(p, 2, 3), C(p, 2, 4), C(p, 3, 5)), "linear: x and w differ");
  EXPECT_DEATH(ops::linear(M(p, 2, 4), C(p, 2, 4), C(p, 3, 4)), "linear: y is not");
  EXPECT_DEATH(ops::linear_backward_input(M(p, 2, 3), C(p, 2, 4), C(p, 3, 3)), "linear_backward_input");
  EXPECT_DEATH(ops::linear_backward_weight(M(p, 2, 3), C(p, 2, 4), C(p, 3, 3), ops::Write::overwrite),
               "linear_backward_weight");
  EXPECT_DEATH(ops::rms_norm<float>(M(p, 2, 3), {}, C(p, 2, 4), values, {1e-5F, 0.0F}), "rms_norm: out and x");
  EXPECT_DEATH(ops::gated_activation(M(p, 2, 3), C(p, 2, 5), ops::Activation::silu), "gated_activation");
  EXPECT_DEATH(ops::add(M(p, 2, 3), C(p, 2, 3), C(p, 3, 2)), "add: ");
  EXPECT_DEATH(ops::embedding(M(p, 2, 3), C(p, 5, 3), ids, 1.0F), "embedding: an id is outside");
  EXPECT_DEATH((void)ops::cross_entropy<float>({}, C(p, 2, 5), ids, 1.0F),
               "cross_entropy: a target is outside");
}

}  // namespace
}  // namespace outcrop::test
