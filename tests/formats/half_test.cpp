#include "formats/half.h"

#include <bit>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace outcrop::formats {
namespace {

constexpr std::uint16_t kInfinity = 0x7C00;

/// The value of a binary16 word by the definition of IEEE 754, in double.
double value_of(std::uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int fraction = half & 1023;
  const double sign = (half & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == 31) return fraction == 0 ? sign * HUGE_VAL : std::nan("");
  return sign * (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25));
}

TEST(Half, AllWordsBecomeTheirValue) {
  for (std::uint32_t word = 0; word <= 0xFFFF; ++word) {
    const auto half = static_cast<std::uint16_t>(word);
    const double expected = value_of(half);
    const auto got = static_cast<double>(float_from_half(half));
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(got)) << word;
    } else {
      ASSERT_EQ(got, expected) << word;
      ASSERT_EQ(std::signbit(got), std::signbit(expected)) << word;
    }
  }
}

TEST(Half, AllWordsSurviveTheWayToFloatAndBack) {
  for (std::uint32_t word = 0; word <= 0xFFFF; ++word) {
    const auto half = static_cast<std::uint16_t>(word);
    const std::uint16_t back = half_from_float(float_from_half(half));
    if (std::isnan(value_of(half))) {
      ASSERT_TRUE(std::isnan(value_of(back))) << word;
      ASSERT_EQ(back & 0x8000, half & 0x8000) << word;
    } else {
      ASSERT_EQ(back, half);
    }
  }
}

/// Between each two neighbours: the middle goes to the even one, what is off the middle to the nearer one.
TEST(Half, RoundsToTheNearestAndTiesToEven) {
  for (std::uint16_t low = 0; low < kInfinity - 1; ++low) {
    const auto high = static_cast<std::uint16_t>(low + 1);
    const auto middle = static_cast<float>((value_of(low) + value_of(high)) / 2);
    const float below = std::nextafter(middle, 0.0F);
    const float above = std::nextafter(middle, 1e6F);
    ASSERT_EQ(half_from_float(middle), low % 2 == 0 ? low : high) << low;
    ASSERT_EQ(half_from_float(below), low);
    ASSERT_EQ(half_from_float(above), high);
    ASSERT_EQ(half_from_float(-middle), 0x8000 | (low % 2 == 0 ? low : high)) << low;
  }
}

TEST(Half, OverflowsHalfwayPastTheLargest) {
  EXPECT_EQ(half_from_float(65504.0F), 0x7BFF);
  EXPECT_EQ(half_from_float(std::nextafter(65520.0F, 0.0F)), 0x7BFF);
  EXPECT_EQ(half_from_float(65520.0F), kInfinity);
  EXPECT_EQ(half_from_float(std::numeric_limits<float>::max()), kInfinity);
  EXPECT_EQ(half_from_float(-std::numeric_limits<float>::infinity()), 0x8000 | kInfinity);
}

TEST(Half, UnderflowsToSignedZero) {
  EXPECT_EQ(half_from_float(0x1p-25F), 0) << "half of the smallest is a tie to zero";
  EXPECT_EQ(half_from_float(std::nextafter(0x1p-25F, 1.0F)), 1);
  EXPECT_EQ(half_from_float(-std::numeric_limits<float>::denorm_min()), 0x8000);
  EXPECT_EQ(half_from_float(-0.0F), 0x8000);
}

TEST(Half, EveryNanStaysANan) {
  for (const std::uint32_t word : {0x7F800001U, 0x7FC00000U, 0xFF800001U, 0x7FFFFFFFU, 0xFFFFFFFFU}) {
    EXPECT_TRUE(std::isnan(value_of(half_from_float(std::bit_cast<float>(word))))) << word;
  }
}

}  // namespace
}  // namespace outcrop::formats
