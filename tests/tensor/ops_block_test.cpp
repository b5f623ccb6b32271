// The operations inside a block as cases: through the checked layer, at every level, in both types.

#include "kernels/reference/activation.h"
#include "kernels/reference/norm.h"
#include "kernels/reference/rope.h"
#include "support/op_case.h"
#include "tensor/op_matrices.h"
#include "tensor/ops.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <gtest/gtest.h>

namespace outcrop::test {
namespace {

constexpr std::int64_t kRows = 5;
constexpr std::int64_t kCols = 38;
constexpr std::int64_t kHeadWidth = 19 * 2;

template <class T>
std::vector<T> stored(const Values& values) {
  std::vector<T> result;
  for (const double value : values) result.push_back(T(static_cast<float>(value)));
  return result;
}

OpCase rms_norm_case(float offset) {
  constexpr double kEps = 1e-5;
  const ops::RmsNorm options{.eps = static_cast<float>(kEps), .weight_offset = offset};
  const auto exact_offset = static_cast<double>(offset);
  OpCase op;
  op.name = "ops::rms_norm +" + std::to_string(static_cast<int>(offset));
  op.inputs = {normal_values(kRows * kCols, 1), normal_values(kCols, 2)};
  op.reference = [=](const std::vector<Values>& in) {
    return kernels::reference::rms_norm(in[0], in[1], kRows, kEps, exact_offset);
  };
  op.reference_backward = [=](const Values& dout, const std::vector<Values>& in) -> std::vector<Values> {
    auto gradient = kernels::reference::rms_norm_backward(dout, in[0], in[1], kRows, kEps, exact_offset);
    return {std::move(gradient.dx), std::move(gradient.dweight)};
  };
  op.forward([=]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    const PaddedRows<T> x(in[0], kRows, kCols, 2);
    PaddedRows<T> out(kRows, kCols, 3);
    ops::rms_norm<T>(matrix(out, kRows, kCols), {}, view(x, kRows, kCols), stored<T>(in[1]), options);
    return {out.values()};
  });
  op.backward([=]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    const PaddedRows<T> dy(in[0], kRows, kCols, 3);
    const PaddedRows<T> x(in[1], kRows, kCols, 2);
    const std::vector<T> weight = stored<T>(in[2]);
    PaddedRows<T> out(kRows, kCols, 3);
    PaddedRows<T> dx(kRows, kCols, 2);
    std::vector<float> inverse(kRows);
    std::vector<float> dweight(kCols);
    ops::rms_norm<T>(matrix(out, kRows, kCols), inverse, view(x, kRows, kCols), weight, options);
    ops::rms_norm_backward<T>(matrix(dx, kRows, kCols), dweight, view(dy, kRows, kCols), view(x, kRows, kCols),
                              weight, inverse, options, ops::Write::overwrite);
    return {dx.values(), Values(dweight.begin(), dweight.end())};
  });
  op.float_gradient = {false, true};
  op.forward_bound = {.roundings = sum_roundings(kCols), .stores = offset == 0.0F ? 2.0 : 1.0};
  // dx is a difference of terms of the size of dy w' / rms, with |dy| up to 5 and rms near 1.
  op.backward_bounds = {
      {.roundings = sum_roundings(kCols) + 8.0, .magnitude = 5.0 * (3.0 + exact_offset) * 2.0},
      {.roundings = sum_roundings(kRows) + sum_roundings(kCols)}};
  return op;
}

OpCase gated_case(ops::Activation activation) {
  OpCase op;
  op.name = activation == ops::Activation::silu ? "ops silu" : "ops gelu_tanh";
  op.inputs = {normal_values(kRows * kCols * 2, 1, 2.0)};
  op.reference = [=](const std::vector<Values>& in) {
    return kernels::reference::gated_activation(in[0], kRows, kCols, activation);
  };
  op.reference_backward = [=](const Values& dout, const std::vector<Values>& in) -> std::vector<Values> {
    return {kernels::reference::gated_activation_backward(dout, in[0], kRows, kCols, activation)};
  };
  op.forward([=]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    const PaddedRows<T> gate_up(in[0], kRows, 2 * kCols, 1);
    PaddedRows<T> out(kRows, kCols, 2);
    ops::gated_activation<T>(matrix(out, kRows, kCols), view(gate_up, kRows, 2 * kCols), activation);
    return {out.values()};
  });
  op.backward([=]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    const PaddedRows<T> dh(in[0], kRows, kCols, 2);
    const PaddedRows<T> gate_up(in[1], kRows, 2 * kCols, 1);
    PaddedRows<T> gradient(kRows, 2 * kCols, 4);
    ops::gated_activation_backward<T>(matrix(gradient, kRows, 2 * kCols), view(dh, kRows, kCols),
                                      view(gate_up, kRows, 2 * kCols), activation);
    return {gradient.values()};
  });
  op.forward_bound = {.roundings = 24.0};
  op.backward_bounds = {{.roundings = 48.0}};
  return op;
}

OpCase add_case() {
  OpCase op;
  op.name = "ops::add";
  op.inputs = {normal_values(kRows * kCols, 1), normal_values(kRows * kCols, 2)};
  op.reference = [](const std::vector<Values>& in) {
    Values out = in[0];
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += in[1][i];
    return out;
  };
  op.reference_backward = [](const Values& dout, const std::vector<Values>&) -> std::vector<Values> {
    return {dout, dout};
  };
  op.forward([]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    const PaddedRows<T> a(in[0], kRows, kCols, 1);
    const PaddedRows<T> b(in[1], kRows, kCols, 4);
    PaddedRows<T> out(kRows, kCols, 2);
    ops::add<T>(matrix(out, kRows, kCols), view(a, kRows, kCols), view(b, kRows, kCols));
    return {out.values()};
  });
  op.forward_bound = {.roundings = 1.0};
  return op;
}

/// Angles that no two pairs share; positions out of order and repeated.
struct RopeInputs {
  Values cos;
  Values sin;
  std::vector<std::int32_t> positions{3, 0, 6, 6, 1};
  RopeInputs() {
    for (int i = 0; i < 7 * (kHeadWidth / 2); ++i) {
      cos.push_back(std::cos(0.37 * i));
      sin.push_back(std::sin(0.37 * i));
    }
    cos = rounded<float>(cos);
    sin = rounded<float>(sin);
  }
};

template <class T>
Values rotated(const Values& values, ops::Rotation rotation) {
  const RopeInputs inputs;
  const std::vector<float> cos = stored<float>(inputs.cos);
  const std::vector<float> sin = stored<float>(inputs.sin);
  PaddedRows<T> x(values, kRows, 3 * kHeadWidth, 5);
  ops::rope<T>(matrix(x, kRows, 3 * kHeadWidth), kHeadWidth,
               {.cos = {cos.data(), 7, kHeadWidth / 2}, .sin = {sin.data(), 7, kHeadWidth / 2}},
               inputs.positions, rotation);
  return x.values();
}

OpCase rope_case() {
  const auto reference = [inputs = RopeInputs()](const Values& x, double sign) {
    return kernels::reference::rope(x, 3, kHeadWidth, inputs.cos, inputs.sin, inputs.positions, sign);
  };
  OpCase op;
  op.name = "ops::rope";
  op.inputs = {normal_values(kRows * 3 * kHeadWidth, 1)};
  op.reference = [=](const std::vector<Values>& in) { return reference(in[0], 1.0); };
  op.reference_backward = [=](const Values& dout, const std::vector<Values>&) -> std::vector<Values> {
    return {reference(dout, -1.0)};
  };
  op.forward([]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    return {rotated<T>(in[0], ops::Rotation::forward)};
  });
  op.backward([]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    return {rotated<T>(in[0], ops::Rotation::inverse)};
  });
  op.forward_bound = {.roundings = 3.0};
  op.backward_bounds = {{.roundings = 3.0}};
  return op;
}

std::vector<OpCase> cases() {
  return {rms_norm_case(0.0F),
          rms_norm_case(1.0F),
          gated_case(ops::Activation::silu),
          gated_case(ops::Activation::gelu_tanh),
          add_case(),
          rope_case()};
}

TEST(BlockOps, ReferenceGradientsMatchFiniteDifferences) {
  for (const OpCase& op : cases()) check_reference_gradient(op);
}

TEST(BlockOps, EveryLevelMatchesTheReferenceForwardAndBackward) {
  for (const OpCase& op : cases()) check_kernels(op);
}

}  // namespace
}  // namespace outcrop::test
