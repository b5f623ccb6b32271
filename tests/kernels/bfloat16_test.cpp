#include "kernels/bfloat16.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace outcrop {
namespace {

std::uint16_t bits_of(float value) {
  return bfloat16(value).bits;
}

TEST(Bfloat16, RoundsToNearestEven) {
  EXPECT_EQ(bits_of(1.0F), 0x3F80);
  EXPECT_EQ(bits_of(1.0F + 0x1p-8F), 0x3F80);              // a tie, down to the even
  EXPECT_EQ(bits_of(1.0F + 0x1p-7F + 0x1p-8F), 0x3F82);    // a tie, up to the even
  EXPECT_EQ(bits_of(1.0F + 0x1p-8F + 0x1p-23F), 0x3F81);   // just above the tie
  EXPECT_EQ(bits_of(std::nextafter(2.0F, 1.0F)), 0x4000);  // into the next exponent
  EXPECT_EQ(bits_of(-0.0F), 0x8000);
}

TEST(Bfloat16, OverflowRoundsToInfinityAndInfinityStays) {
  EXPECT_EQ(bits_of(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_EQ(bits_of(-std::numeric_limits<float>::infinity()), 0xFF80);
}

TEST(Bfloat16, NanStaysNanEvenWhenItsHighBitsAreClear) {
  const float nan = std::bit_cast<float>(0x7F800001U);
  EXPECT_TRUE(std::isnan(static_cast<float>(bfloat16(nan))));
  EXPECT_EQ(bfloat16(std::bit_cast<float>(0xFFFFFFFFU)).bits, 0xFFFF);
}

TEST(Bfloat16, EveryValueSurvivesTheWayThroughFloat) {
  for (std::uint32_t raw = 0; raw <= 0xFFFF; ++raw) {
    const bfloat16 value = bfloat16::from_bits(static_cast<std::uint16_t>(raw));
    const float wide = static_cast<float>(value);
    if (std::isnan(wide)) {
      EXPECT_TRUE(std::isnan(static_cast<float>(bfloat16(wide))));
    } else {
      EXPECT_EQ(bfloat16(wide), value);
    }
  }
}

}  // namespace
}  // namespace outcrop
