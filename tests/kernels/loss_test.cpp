#include "kernels/loss.h"

#include "kernels/reference/loss.h"
#include "support/op_case.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace outcrop::test {
namespace {

struct Variant {
  std::int64_t rows;
  std::int64_t vocab;
};

std::vector<std::int32_t> targets_of(const Variant& v) {
  std::vector<std::int32_t> targets;
  for (std::int64_t r = 0; r < v.rows; ++r)
    targets.push_back(static_cast<std::int32_t>((r * 31 + 5) % v.vocab));
  return targets;
}

/// Losses of the rows and, with `gradient`, their gradient for dloss[r] = 1.
template <class T>
std::vector<Values> run(const Values& values, const Variant& v, bool gradient) {
  const PaddedRows<float> logits(values, v.rows, v.vocab, 3);
  PaddedRows<T> dlogits(v.rows, v.vocab, 1);
  const std::vector<std::int32_t> targets = targets_of(v);
  std::vector<float> losses(targets.size());
  std::vector<std::uint8_t> correct(targets.size());
  timed([&] {
    kernels::cross_entropy<T>(losses.data(), gradient ? dlogits.data() : nullptr, dlogits.stride(),
                              correct.data(), logits.data(), logits.stride(), targets.data(), v.rows, v.vocab,
                              1.0F);
  });
  std::vector<Values> result{Values(losses.begin(), losses.end())};
  if (gradient) result.push_back(dlogits.values());
  return result;
}

OpCase cross_entropy_case(const Variant& v, double scale = 3.0) {
  OpCase op;
  op.name = "cross_entropy " + std::to_string(v.rows) + "x" + std::to_string(v.vocab);
  op.inputs = {normal_values(v.rows * v.vocab, 1, scale)};
  op.float_input = {true};
  op.float_output = true;
  op.reference = [v](const std::vector<Values>& in) {
    return kernels::reference::cross_entropy(in[0], targets_of(v), v.vocab);
  };
  op.reference_backward = [v](const Values& dout, const std::vector<Values>& in) -> std::vector<Values> {
    return {kernels::reference::cross_entropy_backward(dout, in[0], targets_of(v), v.vocab)};
  };
  op.forward([v]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    return {run<T>(in[0], v, /*gradient=*/false)[0]};
  });
  op.backward([v]<class T>(const std::vector<Values>& in) -> std::vector<Values> {
    // The kernel's one scale serves all rows: the rows' own gradients are applied here, in double, so the
    // bound below is for scale 1 and holds for |dloss| of a few.
    Values gradient = run<T>(in[1], v, /*gradient=*/true)[1];
    for (std::int64_t r = 0; r < v.rows; ++r) {
      for (std::int64_t c = 0; c < v.vocab; ++c) {
        gradient[static_cast<std::size_t>(r * v.vocab + c)] *= in[0][static_cast<std::size_t>(r)];
      }
    }
    return {gradient};
  });
  // x - max is rounded at its own size, exp turns that into a relative error: range roundings, plus a few.
  const double range = 8.0 * scale;
  op.forward_bound = {.roundings = sum_roundings(4096 / 64) + range, .magnitude = 1.0};
  op.backward_bounds = {{.roundings = sum_roundings(4096 / 64) + range, .magnitude = 4.0}};
  return op;
}

const std::vector<Variant> kSmall = {{0, 9}, {1, 1}, {2, 5}, {3, 33}, {2, 130}};

TEST(CrossEntropy, ReferenceGradientMatchesFiniteDifferences) {
  for (const Variant& v : kSmall) check_reference_gradient(cross_entropy_case(v));
}

TEST(CrossEntropy, EveryLevelMatchesTheReference) {
  for (const Variant& v : kSmall) check_kernels(cross_entropy_case(v));
  check_kernels(cross_entropy_case({5, 10007}));
}

TEST(CrossEntropy, GradientMayReplaceTheLogits) {
  const Variant v{3, 50};
  const Values values = normal_values(v.rows * v.vocab, 1);
  const std::vector<std::int32_t> targets = targets_of(v);
  PaddedRows<float> logits(values, v.rows, v.vocab, 2);
  PaddedRows<float> apart(v.rows, v.vocab, 2);
  std::vector<float> losses(3);
  std::vector<float> losses_in_place(3);
  kernels::cross_entropy(losses.data(), apart.data(), apart.stride(), nullptr, logits.data(), logits.stride(),
                         targets.data(), v.rows, v.vocab, 0.5F);
  kernels::cross_entropy(losses_in_place.data(), logits.data(), logits.stride(), nullptr, logits.data(),
                         logits.stride(), targets.data(), v.rows, v.vocab, 0.5F);
  EXPECT_EQ(logits.values(), apart.values());
  EXPECT_EQ(losses, losses_in_place);
}

TEST(CrossEntropy, CountsTheFirstOfEqualLogitsAsTheAnswer) {
  const std::vector<float> logits{1, 4, 4, 0, 1, 4, 4, 0, 5, 4, 4, 0};
  const std::vector<std::int32_t> targets{1, 2, 1};
  std::vector<float> losses(3);
  std::vector<std::uint8_t> correct(3);
  kernels::cross_entropy<float>(losses.data(), nullptr, 0, correct.data(), logits.data(), 4, targets.data(), 3,
                                4, 1.0F);
  EXPECT_EQ(correct, (std::vector<std::uint8_t>{1, 0, 0}));
}

TEST(CrossEntropy, HugeLogitsStayFinite) {
  const std::vector<float> logits{3e38F, -3e38F, 0.0F, -3e38F, 3e38F, 3e38F};
  const std::vector<std::int32_t> targets{0, 1};
  std::vector<float> losses(2);
  std::vector<float> gradient(6);
  kernels::cross_entropy(losses.data(), gradient.data(), 3, nullptr, logits.data(), 3, targets.data(), 2, 3,
                         1.0F);
  EXPECT_EQ(losses[0], 0.0F);
  EXPECT_FLOAT_EQ(losses[1], std::log(2.0F));
  EXPECT_EQ(gradient, (std::vector<float>{0.0F, 0.0F, 0.0F, 0.0F, -0.5F, 0.5F}));
}

TEST(CrossEntropy, NanOrInfiniteLogitGivesNanLossAndGradientInItsRowOnly) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const std::size_t where : {0U, 18U, 19U}) {
      std::vector<float> logits(40, 0.5F);
      logits[where] = bad;
      const std::vector<std::int32_t> targets{3, 3};
      std::vector<float> losses(2);
      std::vector<bfloat16> gradient(40);
      kernels::cross_entropy(losses.data(), gradient.data(), 20, nullptr, logits.data(), 20, targets.data(), 2,
                             20, 1.0F);
      EXPECT_TRUE(std::isnan(losses[0]));
      EXPECT_TRUE(std::isnan(static_cast<float>(gradient[3])));
      EXPECT_TRUE(std::isfinite(losses[1]));
    }
  }
}

TEST(CrossEntropy, ExcludedTokenOfMinusInfinityHasNoShare) {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> logits{0.0F, -inf, 0.0F};
  const std::vector<std::int32_t> targets{0};
  float loss = 0.0F;
  std::vector<float> gradient(3);
  kernels::cross_entropy(&loss, gradient.data(), 3, nullptr, logits.data(), 3, targets.data(), 1, 3, 1.0F);
  EXPECT_FLOAT_EQ(loss, std::log(2.0F));
  EXPECT_EQ(gradient[1], 0.0F);
}

TEST(CrossEntropy, SpeedIsPrintedWhenAskedFor) {
  print_speed(cross_entropy_case({64, 49152}));
}

}  // namespace
}  // namespace outcrop::test
