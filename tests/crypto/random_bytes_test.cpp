#include "crypto/random_bytes.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace outcrop::crypto {
namespace {

TEST(RandomBytes, FillsTheWholeSpan) {
  std::array<std::byte, 4096> bytes{};
  fill_random(bytes);
  const auto zeros = std::ranges::count(std::span(bytes).last(1024), std::byte{0});
  EXPECT_LT(zeros, 40) << "4 are expected, 40 never seen";
}

TEST(RandomId, HasTheLengthAndTheAlphabetAskedFor) {
  EXPECT_EQ(random_id(0), "");
  EXPECT_EQ(random_id(100, "x"), std::string(100, 'x'));
  const std::string id = random_id(1000, kUpperAlphanumeric);
  EXPECT_EQ(id.size(), 1000U);
  EXPECT_EQ(id.find_first_not_of(kUpperAlphanumeric), std::string::npos);
}

TEST(RandomId, NeverRepeats) {
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(seen.insert(random_id(12)).second);
}

// Chi-squared with 35 degrees of freedom passes 83 once in 10^5 runs. A generator that took bytes modulo 36
// would stand near 450: its first four characters come 8 times in 256, the others 7 times.
TEST(RandomId, TakesEachCharacterEquallyOften) {
  constexpr double kDraws = 360'000;
  std::map<char, double> counts;
  for (const char c : random_id(static_cast<std::size_t>(kDraws))) ++counts[c];
  double chi_squared = 0;
  for (const char c : kLowerAlphanumeric) {
    const double difference = counts[c] - kDraws / 36;
    chi_squared += difference * difference / (kDraws / 36);
  }
  EXPECT_LT(chi_squared, 83);
}

TEST(RandomUuid, HasTheFormOfVersionFour) {
  const std::string uuid = random_uuid();
  ASSERT_EQ(uuid.size(), 36U);
  for (const std::size_t at : {8U, 13U, 18U, 23U}) EXPECT_EQ(uuid[at], '-') << uuid;
  EXPECT_EQ(uuid[14], '4') << uuid;
  EXPECT_NE(std::string_view("89ab").find(uuid[19]), std::string_view::npos) << uuid;
  EXPECT_NE(uuid, random_uuid());
}

}  // namespace
}  // namespace outcrop::crypto
