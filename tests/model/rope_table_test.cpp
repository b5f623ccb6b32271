#include "model/rope_table.h"

#include <cmath>
#include <utility>

#include <gtest/gtest.h>

namespace outcrop::model {
namespace {

RopeConfig llama32_1b() {
  RopeConfig rope;
  rope.theta = 500000.0;
  rope.scaling = RopeConfig::Scaling::llama3;
  rope.factor = 32.0;
  return rope;
}

TEST(RopeTable, HoldsCosineAndSineOfPositionTimesFrequency) {
  RopeConfig rope;
  rope.theta = 100000.0;
  const RopeTables tables = make_rope_tables(rope, 64, 200);
  ASSERT_EQ(tables.half, 32);
  ASSERT_EQ(tables.cos.size(), 200U * 32U);
  for (const auto& [position, pair] :
       {std::pair{0, 0}, std::pair{1, 5}, std::pair{199, 31}, std::pair{77, 0}}) {
    const double angle = position / std::pow(100000.0, 2.0 * pair / 64.0);
    const auto index = static_cast<std::size_t>(position * 32 + pair);
    EXPECT_EQ(tables.cos[index], static_cast<float>(std::cos(angle)));
    EXPECT_EQ(tables.sin[index], static_cast<float>(std::sin(angle)));
  }
}

TEST(RopeTable, LinearScalingStretchesPositions) {
  RopeConfig plain;
  RopeConfig stretched;
  stretched.scaling = RopeConfig::Scaling::linear;
  stretched.factor = 8.0;
  const RopeTables a = make_rope_tables(plain, 16, 10);
  const RopeTables b = make_rope_tables(stretched, 16, 80);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_FLOAT_EQ(b.cos[72 * 8 + i], a.cos[9 * 8 + i]);
    EXPECT_FLOAT_EQ(b.sin[72 * 8 + i], a.sin[9 * 8 + i]);
  }
}

// Frequencies of Llama 3.2 1B from Transformers 4.57.6 (float).
TEST(RopeTable, Llama3ScalingMatchesTransformers) {
  const std::vector<double> frequencies = rope_frequencies(llama32_1b(), 64);
  const std::pair<std::size_t, double> golden[] = {{0, 1.0},
                                                   {10, 0.0165604409},
                                                   {14, 0.00321144611},
                                                   {15, 0.00129054801},
                                                   {16, 0.000429556705},
                                                   {17, 9.70828623e-05},
                                                   {18, 1.94616387e-05},
                                                   {31, 9.41830649e-08}};
  // The peer rounds base, exponent and power to float: a few ulps of 2^-24 each.
  for (const auto& [pair, frequency] : golden) EXPECT_NEAR(frequencies[pair] / frequency, 1.0, 16 * 0x1p-24);
}

TEST(RopeTable, Llama3FactorsRunFromOneToTheFactor) {
  const std::vector<float> factors = llama3_factors(llama32_1b(), 64);
  EXPECT_EQ(factors.front(), 1.0F);
  EXPECT_NEAR(factors[15], 1.65132914, 1e-5);
  EXPECT_EQ(factors.back(), 32.0F);
  for (std::size_t i = 1; i < factors.size(); ++i) EXPECT_GE(factors[i], factors[i - 1]);
}

}  // namespace
}  // namespace outcrop::model
