#include "formats/sizes.h"

#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace outcrop::formats {
namespace {

using Shape = std::vector<std::int64_t>;
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

TEST(Sizes, MultiplyAShape) {
  EXPECT_EQ(elements_of(Shape{}), 1);
  EXPECT_EQ(elements_of(Shape{2, 3, 4}), 24);
  EXPECT_EQ(elements_of(Shape{5, 0}), 0);
  EXPECT_EQ(elements_of(Shape{kMost}), kMost);
}

TEST(Sizes, HaveNoProductPastTheLargestInteger) {
  EXPECT_EQ(elements_of(Shape{kMost, 2}), std::nullopt);
  EXPECT_EQ(elements_of(Shape{std::int64_t{1} << 32, std::int64_t{1} << 32}), std::nullopt);
  EXPECT_EQ(elements_of(Shape{3, -1}), std::nullopt);
}

TEST(Sizes, CountBytesWithTheSameCare) {
  EXPECT_EQ(bytes_of(Shape{2, 3}, 4), 24U);
  EXPECT_EQ(bytes_of(Shape{kMost / 8}, 8), static_cast<std::uint64_t>(kMost / 8 * 8));
  EXPECT_EQ(bytes_of(Shape{kMost / 2}, 4), std::nullopt);
  EXPECT_EQ(bytes_of(Shape{-1}, 4), std::nullopt);
}

}  // namespace
}  // namespace outcrop::formats
