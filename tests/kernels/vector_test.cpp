// The vector functions at the level that tests are compiled for; the levels share their text.
#include "kernels/cpu/vector.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace outcrop::kernels::cpu {
namespace {

float exp_of(float x) {
  const F32 result = exp(broadcast(x));
  return result[0];
}

TEST(VectorExp, IsWithinTwoUlpOverAllFloats) {
  // A prime step visits every exponent with ever other fractions; 2^32 / 8191 values.
  double worst = 0.0;
  for (std::uint64_t word = 0; word < 0x100000000U; word += 8191) {
    const auto x = std::bit_cast<float>(static_cast<std::uint32_t>(word));
    const double exact = std::exp(static_cast<double>(x));
    const auto nearest = static_cast<float>(exact);
    if (!(nearest > 0.0F) || std::isinf(nearest)) continue;
    const double ulp = std::max(std::ldexp(1.0, std::ilogb(exact) - 23), 0x1p-149);
    worst = std::max(worst, std::abs(static_cast<double>(exp_of(x)) - exact) / ulp);
  }
  EXPECT_LT(worst, 1.5);
  EXPECT_GT(worst, 0.5);  // else nothing was measured
}

TEST(VectorExp, EndsAreExact) {
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(exp_of(0.0F), 1.0F);
  EXPECT_EQ(exp_of(-0.0F), 1.0F);
  EXPECT_EQ(exp_of(-inf), 0.0F);
  EXPECT_EQ(exp_of(-1e30F), 0.0F);
  EXPECT_EQ(exp_of(inf), inf);
  EXPECT_EQ(exp_of(88.8F), inf);
  EXPECT_TRUE(std::isfinite(exp_of(88.7F)));
  EXPECT_GT(exp_of(-103.0F), 0.0F);  // a subnormal
  EXPECT_TRUE(std::isnan(exp_of(std::numeric_limits<float>::quiet_NaN())));
}

TEST(VectorTails, ReadAndWriteOnlyTheirLanes) {
  for (int lanes = 1; lanes <= kLanes; ++lanes) {
    // Allocated exactly, for the address sanitizer.
    std::vector<float> in(static_cast<std::size_t>(lanes), 2.0F);
    std::vector<float> out(static_cast<std::size_t>(lanes) + 1, -1.0F);
    const F32 loaded = load(in.data(), lanes);
    EXPECT_EQ(sum(loaded), 2.0F * static_cast<float>(lanes));
    store(out.data(), loaded, lanes);
    EXPECT_EQ(out.back(), -1.0F);
    EXPECT_EQ(out[static_cast<std::size_t>(lanes) - 1], 2.0F);
    EXPECT_EQ(largest(first_lanes(loaded, lanes, -3.0F)), 2.0F);
  }
}

TEST(VectorAccumulate, TakesEveryElementOnce) {
  for (std::int64_t count = 0; count < 9 * kLanes; ++count) {
    std::vector<float> x(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i + 1);
    const F32 total =
        accumulate(count, [&](std::int64_t i, int lanes) OUTCROP_BODY { return load(x.data() + i, lanes); });
    EXPECT_EQ(sum(total), static_cast<float>(count * (count + 1) / 2));
  }
}

}  // namespace
}  // namespace outcrop::kernels::cpu
