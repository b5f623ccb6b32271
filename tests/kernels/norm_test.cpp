#include "kernels/norm.h"

#include "kernels/reference/norm.h"
#include "support/op_case.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace outcrop::test {
namespace {

using kernels::NormShape;
constexpr double kEps = 1e-5;

struct Variant {
  std::int64_t rows;
  std::int64_t cols;
  double offset;
};

NormShape shape_of(const Variant& v, std::int64_t padding) {
  return {.rows = v.rows,
          .cols = v.cols,
          .x_stride = v.cols + padding,
          .out_stride = v.cols + 2 * padding,
          .eps = static_cast<float>(kEps),
          .weight_offset = static_cast<float>(v.offset)};
}

template <class T>
std::vector<float> forward_inverse(const PaddedRows<T>& x, const PaddedRows<T>& weight, const Variant& v) {
  PaddedRows<T> out(v.rows, v.cols, 6);
  std::vector<float> inverse(static_cast<std::size_t>(v.rows));
  kernels::rms_norm(out.data(), inverse.data(), x.data(), weight.data(), shape_of(v, 3));
  return inverse;
}

OpCase rms_norm_case(const Variant& v) {
  OpCase op;
  op.name =
      "rms_norm " + std::to_string(v.rows) + "x" + std::to_string(v.cols) + "+" + std::to_string(int(v.offset));
  op.inputs = {normal_values(v.rows * v.cols, 1), normal_values(v.cols, 2)};
  op.reference = [v](const std::vector<Values>& in) {
    return kernels::reference::rms_norm(in[0], in[1], v.rows, kEps, v.offset);
  };
  op.reference_backward = [v](const Values& dout, const std::vector<Values>& in) -> std::vector<Values> {
    auto gradient = kernels::reference::rms_norm_backward(dout, in[0], in[1], v.rows, kEps, v.offset);
    return {std::move(gradient.dx), std::move(gradient.dweight)};
  };
  op.forward([v]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    PaddedRows<T> x(in[0], v.rows, v.cols, 3);
    const PaddedRows<T> weight(in[1], 1, v.cols);
    PaddedRows<T> out(v.rows, v.cols, 6);
    timed([&] { kernels::rms_norm(out.data(), nullptr, x.data(), weight.data(), shape_of(v, 3)); });
    return {out.values()};
  });
  op.backward([v]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    const PaddedRows<T> dy(in[0], v.rows, v.cols, 6);
    const PaddedRows<T> x(in[1], v.rows, v.cols, 3);
    const PaddedRows<T> weight(in[2], 1, v.cols);
    const std::vector<float> inverse = forward_inverse(x, weight, v);
    PaddedRows<T> dx(v.rows, v.cols, 3);
    std::vector<float> dweight(static_cast<std::size_t>(v.cols));
    timed([&] {
      kernels::rms_norm_backward(dx.data(), dweight.data(), dy.data(), x.data(), weight.data(), inverse.data(),
                                 shape_of(v, 3), /*accumulate=*/false);
    });
    return {dx.values(), Values(dweight.begin(), dweight.end())};
  });
  // Offset 0 rounds x̂ to the type before the product: one more store.
  op.forward_bound = {.roundings = sum_roundings(v.cols), .stores = v.offset == 0.0 ? 2.0 : 1.0};
  op.float_gradient = {false, true};
  // dx is a difference of terms of the size of dy w' / rms, with |dy| up to 5; they may cancel.
  double largest = 0.0;
  for (std::int64_t r = 0; r < v.rows; ++r) {
    largest = std::max(largest, kernels::reference::inverse_rms(op.inputs[0], r, v.cols, kEps));
  }
  op.backward_bounds = {
      {.roundings = sum_roundings(v.cols) + 8.0, .magnitude = 5.0 * (3.0 + v.offset) * largest},
      {.roundings = sum_roundings(v.rows) + sum_roundings(v.cols)}};
  return op;
}

const std::vector<Variant> kSmall = {{1, 1, 0.0}, {1, 7, 1.0}, {3, 16, 0.0}, {5, 33, 1.0}, {2, 70, 0.0}};

TEST(RmsNorm, ReferenceGradientMatchesFiniteDifferences) {
  for (const Variant& v : kSmall) check_reference_gradient(rms_norm_case(v));
}

TEST(RmsNorm, EveryLevelMatchesTheReference) {
  for (const Variant& v : kSmall) check_kernels(rms_norm_case(v));
  check_kernels(rms_norm_case({90, 577, 0.0}));
  check_kernels(rms_norm_case({90, 577, 1.0}));
}

TEST(RmsNorm, NothingHappensWithoutRows) {
  const NormShape shape{
      .rows = 0, .cols = 5, .x_stride = 5, .out_stride = 5, .eps = 1e-5F, .weight_offset = 0.0F};
  std::vector<float> dweight(5, 2.0F);
  const std::vector<float> weight(5, 1.0F);
  kernels::rms_norm<float>(nullptr, nullptr, nullptr, weight.data(), shape);
  kernels::rms_norm_backward<float>(nullptr, dweight.data(), nullptr, nullptr, weight.data(), nullptr, shape,
                                    false);
  EXPECT_EQ(dweight, std::vector<float>(5, 2.0F));
}

TEST(RmsNorm, OutMayBeTheInput) {
  const Variant v{9, 45, 0.0};
  const Values input = rounded<bfloat16>(normal_values(v.rows * v.cols, 1));
  const PaddedRows<bfloat16> weight(rounded<bfloat16>(normal_values(v.cols, 2)), 1, v.cols);
  NormShape shape = shape_of(v, 3);
  shape.out_stride = shape.x_stride;
  PaddedRows<bfloat16> x(input, v.rows, v.cols, 3);
  PaddedRows<bfloat16> apart(v.rows, v.cols, 3);
  kernels::rms_norm(apart.data(), nullptr, x.data(), weight.data(), shape);
  kernels::rms_norm(x.data(), nullptr, x.data(), weight.data(), shape);
  EXPECT_EQ(x.values(), apart.values());
}

TEST(RmsNorm, BackwardMayOverwriteItsGradientAndStillSumsTheWeight) {
  const Variant v{9, 45, 1.0};
  NormShape shape = shape_of(v, 3);
  shape.out_stride = shape.x_stride;
  const PaddedRows<float> x(normal_values(v.rows * v.cols, 1), v.rows, v.cols, 3);
  const PaddedRows<float> weight(normal_values(v.cols, 2), 1, v.cols);
  const std::vector<float> inverse = forward_inverse(x, weight, v);
  PaddedRows<float> dy(normal_values(v.rows * v.cols, 3), v.rows, v.cols, 3);
  PaddedRows<float> dx(v.rows, v.cols, 3);
  std::vector<float> apart(static_cast<std::size_t>(v.cols));
  std::vector<float> together = apart;
  kernels::rms_norm_backward(dx.data(), apart.data(), dy.data(), x.data(), weight.data(), inverse.data(), shape,
                             false);
  kernels::rms_norm_backward(dy.data(), together.data(), dy.data(), x.data(), weight.data(), inverse.data(),
                             shape, false);
  EXPECT_EQ(dy.values(), dx.values());
  EXPECT_EQ(together, apart);
}

TEST(RmsNorm, AccumulateAddsToTheGradientsThatAreThere) {
  const Variant v{4, 20, 0.0};
  const PaddedRows<float> dy(normal_values(80, 3), v.rows, v.cols, 6);
  const PaddedRows<float> x(normal_values(80, 1), v.rows, v.cols, 3);
  const PaddedRows<float> weight(normal_values(20, 2), 1, v.cols);
  const std::vector<float> inverse = forward_inverse(x, weight, v);
  PaddedRows<float> once(v.rows, v.cols, 3);
  PaddedRows<float> added(Values(80, 1.5), v.rows, v.cols, 3);
  std::vector<float> dweight(20, 0.25F);
  const NormShape shape = shape_of(v, 3);
  kernels::rms_norm_backward<float>(once.data(), nullptr, dy.data(), x.data(), weight.data(), inverse.data(),
                                    shape, false);
  kernels::rms_norm_backward(added.data(), dweight.data(), dy.data(), x.data(), weight.data(), inverse.data(),
                             shape, true);
  Values expected = once.values();
  for (double& value : expected) value += 1.5;
  expect_close(added.values(), expected, {.roundings = 4.0}, kUnitRoundoff<float>, "dx");
  auto exact =
      kernels::reference::rms_norm_backward(dy.values(), x.values(), weight.values(), v.rows, kEps, 0.0);
  for (double& value : exact.dweight) value += 0.25;
  expect_close(Values(dweight.begin(), dweight.end()), exact.dweight, {.roundings = sum_roundings(20)},
               kUnitRoundoff<float>, "dweight");
}

TEST(RmsNorm, RoundsBeforeTheProductWithOffsetZeroAndAfterItWithOne) {
  // Bit for bit what Transformers computes, given the same 1 / rms.
  for (const double offset : {0.0, 1.0}) {
    const Variant v{3, 45, offset};
    const PaddedRows<bfloat16> x(normal_values(v.rows * v.cols, 1), v.rows, v.cols, 3);
    const PaddedRows<bfloat16> weight(normal_values(v.cols, 2), 1, v.cols);
    PaddedRows<bfloat16> out(v.rows, v.cols, 6);
    std::vector<float> inverse(3);
    kernels::rms_norm(out.data(), inverse.data(), x.data(), weight.data(), shape_of(v, 3));
    for (std::int64_t r = 0; r < v.rows; ++r) {
      for (std::int64_t c = 0; c < v.cols; ++c) {
        const float normalised = static_cast<float>(x.at(r, c)) * inverse[static_cast<std::size_t>(r)];
        const float w = static_cast<float>(weight.at(0, c));
        const bfloat16 before(static_cast<float>(bfloat16(normalised)) * w);
        const bfloat16 after(normalised * (w + 1.0F));
        EXPECT_EQ(static_cast<float>(out.at(r, c)), static_cast<float>(offset == 0.0 ? before : after));
      }
    }
  }
}

TEST(RmsNorm, NanStaysInItsRow) {
  const Variant v{3, 20, 0.0};
  Values input = normal_values(60, 1);
  input[25] = std::numeric_limits<double>::quiet_NaN();
  const PaddedRows<bfloat16> x(input, v.rows, v.cols, 3);
  const PaddedRows<bfloat16> weight(Values(20, 1.0), 1, v.cols);
  PaddedRows<bfloat16> out(v.rows, v.cols, 6);
  kernels::rms_norm(out.data(), nullptr, x.data(), weight.data(), shape_of(v, 3));
  for (std::int64_t c = 0; c < v.cols; ++c) {
    EXPECT_TRUE(std::isfinite(static_cast<float>(out.at(0, c))));
    EXPECT_TRUE(std::isnan(static_cast<float>(out.at(1, c))));
    EXPECT_TRUE(std::isfinite(static_cast<float>(out.at(2, c))));
  }
}

TEST(RmsNorm, SpeedIsPrintedWhenAskedFor) {
  print_speed(rms_norm_case({1024, 576, 0.0}));
}

}  // namespace
}  // namespace outcrop::test
