#include "kernels/activation.h"

#include "kernels/reference/activation.h"
#include "support/op_case.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace outcrop::test {
namespace {

using kernels::Activation;

struct Variant {
  std::int64_t rows;
  std::int64_t width;
  Activation activation;
};

OpCase gated_case(const Variant& v, double scale = 2.0) {
  OpCase op;
  op.name = (v.activation == Activation::silu ? "silu " : "gelu_tanh ") + std::to_string(v.rows) + "x" +
            std::to_string(v.width);
  op.inputs = {normal_values(v.rows * v.width * 2, 1, scale)};
  op.reference = [v](const std::vector<Values>& in) {
    return kernels::reference::gated_activation(in[0], v.rows, v.width, v.activation);
  };
  op.reference_backward = [v](const Values& dout, const std::vector<Values>& in) -> std::vector<Values> {
    return {kernels::reference::gated_activation_backward(dout, in[0], v.rows, v.width, v.activation)};
  };
  op.forward([v]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    const PaddedRows<T> gate_up(in[0], v.rows, 2 * v.width, 1);
    PaddedRows<T> out(v.rows, v.width, 2);
    timed([&] {
      kernels::gated_activation(out.data(), out.stride(), gate_up.data(), gate_up.stride(), v.rows, v.width,
                                v.activation);
    });
    return {out.values()};
  });
  op.backward([v]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    const PaddedRows<T> dh(in[0], v.rows, v.width, 2);
    const PaddedRows<T> gate_up(in[1], v.rows, 2 * v.width, 1);
    PaddedRows<T> gradient(v.rows, 2 * v.width, 4);
    timed([&] {
      kernels::gated_activation_backward(gradient.data(), gradient.stride(), dh.data(), dh.stride(),
                                         gate_up.data(), gate_up.stride(), v.rows, v.width, v.activation);
    });
    return {gradient.values()};
  });
  // exp 2, its argument's error times its size (up to 8 near the largest values), and a dozen products.
  op.forward_bound = {.roundings = 24.0};
  op.backward_bounds = {{.roundings = 48.0}};
  return op;
}

std::vector<Variant> small_variants() {
  std::vector<Variant> variants;
  for (const Activation activation : {Activation::silu, Activation::gelu_tanh}) {
    for (const auto& [rows, width] : {std::pair{0, 4}, {1, 1}, {3, 16}, {2, 37}})
      variants.push_back({rows, width, activation});
  }
  return variants;
}

TEST(GatedActivation, ReferenceGradientMatchesFiniteDifferences) {
  for (const Variant& v : small_variants()) check_reference_gradient(gated_case(v));
}

TEST(GatedActivation, EveryLevelMatchesTheReference) {
  for (const Variant& v : small_variants()) check_kernels(gated_case(v));
  check_kernels(gated_case({50, 511, Activation::silu}));
  check_kernels(gated_case({50, 511, Activation::gelu_tanh}));
}

TEST(GatedActivation, GradientMayReplaceTheInput) {
  constexpr std::int64_t kRows = 3;
  constexpr std::int64_t kWidth = 21;
  const PaddedRows<bfloat16> dh(normal_values(kRows * kWidth, 2), kRows, kWidth);
  PaddedRows<bfloat16> gate_up(normal_values(kRows * kWidth * 2, 1), kRows, 2 * kWidth, 1);
  PaddedRows<bfloat16> apart(kRows, 2 * kWidth, 1);
  kernels::gated_activation_backward(apart.data(), apart.stride(), dh.data(), dh.stride(), gate_up.data(),
                                     gate_up.stride(), kRows, kWidth, Activation::silu);
  kernels::gated_activation_backward(gate_up.data(), gate_up.stride(), dh.data(), dh.stride(), gate_up.data(),
                                     gate_up.stride(), kRows, kWidth, Activation::silu);
  EXPECT_EQ(gate_up.values(), apart.values());
}

TEST(GatedActivation, LargeGatesSaturateWithoutNan) {
  for (const Activation activation : {Activation::silu, Activation::gelu_tanh}) {
    const std::vector<float> gate_up{-1e30F, -200.0F, 200.0F, 1e30F, 1.0F, 1.0F, 1.0F, 1.0F};
    const std::vector<float> dh(4, 1.0F);
    std::vector<float> out(4);
    std::vector<float> gradient(8);
    kernels::gated_activation(out.data(), 4, gate_up.data(), 8, 1, 4, activation);
    kernels::gated_activation_backward(gradient.data(), 8, dh.data(), 4, gate_up.data(), 8, 1, 4, activation);
    EXPECT_EQ(out, (std::vector<float>{0.0F, 0.0F, 200.0F, 1e30F}));
    EXPECT_EQ(gradient, (std::vector<float>{0.0F, 0.0F, 1.0F, 1.0F, 0.0F, 0.0F, 200.0F, 1e30F}));
  }
}

TEST(GatedActivation, NanStaysNan) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const Activation activation : {Activation::silu, Activation::gelu_tanh}) {
    const std::vector<float> gate_up{nan, 1.0F, 1.0F, 1.0F};
    std::vector<float> out(2);
    kernels::gated_activation(out.data(), 2, gate_up.data(), 4, 1, 2, activation);
    EXPECT_TRUE(std::isnan(out[0]));
    EXPECT_FALSE(std::isnan(out[1]));
  }
}

TEST(GatedActivation, SpeedIsPrintedWhenAskedFor) {
  print_speed(gated_case({1024, 1536, Activation::silu}));
  print_speed(gated_case({1024, 1536, Activation::gelu_tanh}));
}

}  // namespace
}  // namespace outcrop::test
