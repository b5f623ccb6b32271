#include "kernels/optimizer.h"

#include "kernels/isa.h"
#include "kernels/reference/optimizer.h"
#include "support/op_case.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace outcrop::test {
namespace {

using kernels::AdamWStep;

AdamWStep step_number(std::int64_t step) {
  return {.learning_rate = 1e-2F,
          .beta1 = 0.9F,
          .beta2 = 0.999F,
          .eps = 1e-8F,
          .weight_decay = 0.1F,
          .gradient_scale = 0.5F,
          .step = step};
}

/// p, m and v after `steps` updates with fresh gradients.
template <class Update>
std::vector<Values> after_steps(std::int64_t count, std::int64_t steps, Update update) {
  std::vector<Values> state{rounded<float>(normal_values(count, 1)), Values(static_cast<std::size_t>(count)),
                            Values(static_cast<std::size_t>(count))};
  for (std::int64_t step = 1; step <= steps; ++step) {
    const Values g = rounded<float>(normal_values(count, 10 + static_cast<std::uint64_t>(step)));
    update(state, g, step_number(step));
  }
  return state;
}

void update_fast(std::vector<Values>& state, const Values& g, const AdamWStep& step) {
  std::vector<std::vector<float>> lists;
  for (const Values& list : state) lists.emplace_back(list.begin(), list.end());
  const std::vector<float> gradient(g.begin(), g.end());
  kernels::adamw(lists[0].data(), lists[1].data(), lists[2].data(), gradient.data(),
                 static_cast<std::int64_t>(g.size()), step);
  for (std::size_t i = 0; i < 3; ++i) state[i].assign(lists[i].begin(), lists[i].end());
}

void update_reference(std::vector<Values>& state, const Values& g, const AdamWStep& step) {
  kernels::reference::adamw(state[0], state[1], state[2], g, step);
}

TEST(AdamW, FirstStepMovesAgainstTheGradientByTheLearningRate) {
  // Worked by hand from torch.optim.AdamW's formula: m̂ = g and v̂ = g² at step 1, so the move is
  // lr sign(g); the decay before it is p lr wd = 1 * 0.01 * 0.1.
  std::vector<float> p{1.0F, 1.0F};
  std::vector<float> m(2);
  std::vector<float> v(2);
  const std::vector<float> g{3.0F, -0.25F};
  kernels::adamw(p.data(), m.data(), v.data(), g.data(), 2, step_number(1));
  EXPECT_NEAR(p[0], 1.0 - 0.001 - 0.01, 0x1p-23);
  EXPECT_NEAR(p[1], 1.0 - 0.001 + 0.01, 0x1p-23);
  EXPECT_NEAR(m[0], 0.1 * 1.5, 1.5 * 0x1p-24);      // 1 - 0.9 as floats hold 0.9
  EXPECT_NEAR(v[0], 0.001 * 2.25, 2.25 * 0x1p-23);  // and 1 - 0.999
}

TEST(AdamW, EveryLevelFollowsTheFormulaOverTenSteps) {
  const kernels::Isa before = kernels::selected_isa();
  for (const kernels::Isa isa :
       {kernels::Isa::generic, kernels::Isa::avx2, kernels::Isa::avx512, kernels::Isa::avx512bf16}) {
    if (isa > kernels::best_isa()) continue;
    kernels::force_isa(isa);
    for (const std::int64_t count : {0, 1, 7, 16, 33, 40000}) {
      const auto fast = after_steps(count, 10, update_fast);
      const auto exact = after_steps(count, 10, update_reference);
      const std::string what = std::string(kernels::to_string(isa)) + " " + std::to_string(count);
      // About ten roundings a step at the size of the values themselves.
      expect_close(fast[0], exact[0], {.roundings = 100.0}, kUnitRoundoff<float>, what + " p");
      expect_close(fast[1], exact[1], {.roundings = 100.0}, kUnitRoundoff<float>, what + " m");
      expect_close(fast[2], exact[2], {.roundings = 100.0}, kUnitRoundoff<float>, what + " v");
    }
  }
  kernels::force_isa(before);
}

TEST(AdamW, ResultDoesNotDependOnThreads) {
  std::vector<Values> alone;
  run_on_one_thread([&] { alone = after_steps(100003, 2, update_fast); });
  EXPECT_EQ(after_steps(100003, 2, update_fast), alone);
}

TEST(AdamW, ZeroGradientOnlyDecays) {
  float p = 2.0F;
  float m = 0.0F;
  float v = 0.0F;
  const float g = 0.0F;
  kernels::adamw(&p, &m, &v, &g, 1, step_number(1));
  EXPECT_FLOAT_EQ(p, 2.0F * (1.0F - 0.001F));
}

TEST(AdamW, NanGradientReachesTheParameter) {
  float p = 2.0F;
  float m = 0.0F;
  float v = 0.0F;
  const float g = std::numeric_limits<float>::quiet_NaN();
  kernels::adamw(&p, &m, &v, &g, 1, step_number(1));
  EXPECT_TRUE(std::isnan(p));
}

double exact_squares(const std::vector<float>& x) {
  long double total = 0.0L;
  for (const float value : x) total += static_cast<long double>(value) * static_cast<long double>(value);
  return static_cast<double>(total);
}

TEST(SumOfSquares, EveryLevelMatchesAndNoThreadCountChangesIt) {
  const kernels::Isa before = kernels::selected_isa();
  for (const std::int64_t count : {0, 1, 7, 63, 16384, 16385, 100003}) {
    const Values values = normal_values(count, 3);
    const std::vector<float> x(values.begin(), values.end());
    const double exact = exact_squares(x);
    for (const kernels::Isa isa : {kernels::Isa::generic, kernels::Isa::avx2, kernels::Isa::avx512}) {
      if (isa > kernels::best_isa()) continue;
      kernels::force_isa(isa);
      const double pooled = kernels::sum_of_squares(x.data(), count);
      double alone = -1.0;
      run_on_one_thread([&] { alone = kernels::sum_of_squares(x.data(), count); });
      EXPECT_EQ(pooled, alone);
      EXPECT_NEAR(pooled, exact, exact * sum_roundings(count) * kUnitRoundoff<double>);
    }
  }
  kernels::force_isa(before);
}

TEST(SumOfSquares, LargeValuesDoNotOverflowAndNanShows) {
  std::vector<float> x(20, 1e30F);
  EXPECT_NEAR(kernels::sum_of_squares(x.data(), 20), 2e61, 1e55);
  x[13] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(kernels::sum_of_squares(x.data(), 20)));
}

}  // namespace
}  // namespace outcrop::test
