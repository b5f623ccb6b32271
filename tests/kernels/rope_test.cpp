#include "kernels/rope.h"

#include "kernels/reference/rope.h"
#include "support/op_case.h"

#include <cmath>

#include <gtest/gtest.h>

namespace outcrop::test {
namespace {

using kernels::Rotation;

struct Variant {
  std::int64_t rows;
  std::int64_t heads;
  std::int64_t head_width;
};

constexpr std::int64_t kPositions = 50;

/// cos or sin of position / 10000^(2i/K), as floats hold it.
Values table(std::int64_t head_width, double (*function)(double)) {
  Values values;
  for (std::int64_t p = 0; p < kPositions; ++p) {
    for (std::int64_t i = 0; i < head_width / 2; ++i) {
      const double angle = static_cast<double>(p) *
                           std::pow(10000.0, -2.0 * static_cast<double>(i) / static_cast<double>(head_width));
      values.push_back(function(angle));
    }
  }
  return rounded<float>(values);
}

std::vector<std::int32_t> positions_of(std::int64_t rows) {
  std::vector<std::int32_t> positions;
  for (std::int64_t r = 0; r < rows; ++r)
    positions.push_back(static_cast<std::int32_t>((r * 7 + 3) % kPositions));
  return positions;
}

template <class T>
Values rotated(const Values& values, const Variant& v, Rotation rotation) {
  PaddedRows<T> x(values, v.rows, v.heads * v.head_width, 5);
  const Values cos_table = table(v.head_width, std::cos);
  const Values sin_table = table(v.head_width, std::sin);
  const std::vector<float> cos(cos_table.begin(), cos_table.end());
  const std::vector<float> sin(sin_table.begin(), sin_table.end());
  const std::vector<std::int32_t> positions = positions_of(v.rows);
  timed([&] {
    kernels::rope(x.data(), x.stride(), v.rows, v.heads, v.head_width, cos.data(), sin.data(), positions.data(),
                  rotation);
  });
  return x.values();
}

OpCase rope_case(const Variant& v) {
  OpCase op;
  op.name =
      "rope " + std::to_string(v.rows) + "x" + std::to_string(v.heads) + "x" + std::to_string(v.head_width);
  op.inputs = {normal_values(v.rows * v.heads * v.head_width, 1)};
  const auto reference = [v](const Values& x, double sign) {
    return kernels::reference::rope(x, v.heads, v.head_width, table(v.head_width, std::cos),
                                    table(v.head_width, std::sin), positions_of(v.rows), sign);
  };
  op.reference = [reference](const std::vector<Values>& in) { return reference(in[0], 1.0); };
  op.reference_backward = [reference](const Values& dout, const std::vector<Values>&) -> std::vector<Values> {
    return {reference(dout, -1.0)};
  };
  op.forward([v]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    return {rotated<T>(in[0], v, Rotation::forward)};
  });
  op.backward([v]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    return {rotated<T>(in[0], v, Rotation::inverse)};
  });
  op.forward_bound = {.roundings = 3.0};
  op.backward_bounds = {{.roundings = 3.0}};
  return op;
}

const std::vector<Variant> kSmall = {{0, 2, 8}, {1, 1, 2}, {3, 2, 6}, {2, 3, 64}, {2, 1, 42}};

TEST(Rope, ReferenceGradientMatchesFiniteDifferences) {
  for (const Variant& v : kSmall) check_reference_gradient(rope_case(v));
}

TEST(Rope, EveryLevelMatchesTheReference) {
  for (const Variant& v : kSmall) check_kernels(rope_case(v));
  check_kernels(rope_case({101, 9, 64}));
}

TEST(Rope, InverseUndoesForward) {
  const Variant v{5, 2, 16};
  const Values x = rounded<float>(normal_values(v.rows * v.heads * v.head_width, 1));
  const Values back = rotated<float>(rotated<float>(x, v, Rotation::forward), v, Rotation::inverse);
  expect_close(back, x, {.roundings = 8.0}, kUnitRoundoff<float>, "there and back");
}

TEST(Rope, SpeedIsPrintedWhenAskedFor) {
  print_speed(rope_case({1024, 9, 64}));
}

}  // namespace
}  // namespace outcrop::test
