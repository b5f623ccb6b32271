#include "base/random.h"

#include "base/thread_pool.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

namespace outcrop {
namespace {

using Words = std::array<std::uint32_t, 4>;

// kat_vectors of Random123 1.14, the lines "philox4x32 10": counter words 0-3, key words 0-1, result.
TEST(Philox, GivesTheKnownAnswersOfRandom123) {
  EXPECT_EQ(philox(0, 0, 0), (Words{0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U}));
  constexpr std::uint64_t kOnes = ~std::uint64_t{0};
  EXPECT_EQ(philox(kOnes, kOnes, kOnes), (Words{0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU}));
  EXPECT_EQ(philox(0x299f31d0a4093822U, 0x0370734413198a2eU, 0x85a308d3243f6a88U),
            (Words{0xd16cfe09U, 0x94fdccebU, 0x5001e420U, 0x24126ea1U}));
}

TEST(Random, ReadsTheWordsOfSuccessiveCounters) {
  Random random(7, 9);
  for (std::uint64_t counter = 0; counter < 3; ++counter) {
    for (const std::uint32_t word : philox(7, 9, counter)) EXPECT_EQ(random.next_u32(), word);
  }
  EXPECT_EQ(random.position(), 12U);
}

TEST(Random, ResumesAtAnyPosition) {
  Random first(1, 2);
  for (int drawn = 0; drawn < 40; ++drawn) {
    Random resumed(1, 2, first.position());
    ASSERT_EQ(resumed.next_u32(), first.next_u32()) << "after " << drawn << " words";
  }
}

TEST(Random, ResumesInTheMiddleOfAValueOfSeveralWords) {
  Random first(5);
  first.next_u32();
  Random resumed(5, 0, first.position());
  EXPECT_EQ(resumed.next_u64(), first.next_u64());
  EXPECT_EQ(resumed.normal(), first.normal());
  EXPECT_EQ(resumed.position(), first.position());
}

TEST(Random, DoesNotDependOnTheNumberOfThreads) {
  constexpr std::int64_t kCount = 1000;
  const auto drawn_with = [](int threads) {
    std::vector<float> values(kCount);
    ThreadPool pool(threads);
    auto task = [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t i = begin; i < end; ++i) {
        values[static_cast<std::size_t>(i)] = Random(11, static_cast<std::uint64_t>(i)).normal();
      }
    };
    pool.run(kCount, 3, RangeTask(task));
    return values;
  };
  const auto one = drawn_with(1);
  EXPECT_EQ(drawn_with(2), one);
  EXPECT_EQ(drawn_with(5), one);
}

/// Raw moments 1 to 4 of `count` draws.
template <class Draw>
std::array<double, 4> moments(int count, Draw draw) {
  std::array<double, 4> sums{};
  for (int i = 0; i < count; ++i) {
    const auto x = static_cast<double>(draw());
    double power = 1.0;
    for (double& sum : sums) sum += power *= x;
  }
  for (double& sum : sums) sum /= count;
  return sums;
}

constexpr int kDraws = 400'000;
/// Five standard deviations of a mean over kDraws values of this variance.
double bound(double variance) {
  return 5.0 * std::sqrt(variance / kDraws);
}

// Raw moment k of U(0, 1) is 1/(k+1), its sampling variance 1/(2k+1) - 1/(k+1)^2.
TEST(Random, UniformHasTheMomentsOfTheUniformDistribution) {
  Random floats(3);
  Random doubles(4);
  const auto a = moments(kDraws, [&] { return floats.uniform(); });
  const auto b = moments(kDraws, [&] { return doubles.uniform_double(); });
  for (int k = 1; k <= 4; ++k) {
    const double mean = 1.0 / (k + 1);
    const double allowed = bound(1.0 / (2 * k + 1) - mean * mean);
    EXPECT_NEAR(a[static_cast<std::size_t>(k - 1)], mean, allowed) << "float, moment " << k;
    EXPECT_NEAR(b[static_cast<std::size_t>(k - 1)], mean, allowed) << "double, moment " << k;
  }
}

// E x^2k = (2k-1)!!: 1, 3, 15, 105; odd moments vanish.
TEST(Random, NormalHasTheMomentsOfTheNormalDistribution) {
  Random random(5);
  const auto m = moments(kDraws, [&] { return random.normal(); });
  EXPECT_NEAR(m[0], 0.0, bound(1.0));
  EXPECT_NEAR(m[1], 1.0, bound(3.0 - 1.0));
  EXPECT_NEAR(m[2], 0.0, bound(15.0));
  EXPECT_NEAR(m[3], 3.0, bound(105.0 - 9.0));
}

TEST(Random, UniformStaysBelowOne) {
  // The largest word there is gives the largest float below one.
  EXPECT_LT(static_cast<float>(0xFFFFFFFFU >> 8) * 0x1p-24F, 1.0F);
  Random random(6);
  for (int i = 0; i < 100'000; ++i) {
    const float value = random.uniform();
    ASSERT_TRUE(value >= 0.0F && value < 1.0F) << value;
  }
}

TEST(Random, StreamsAndSeedsAreUncorrelated) {
  for (const auto& [seed, stream] : {std::pair{0U, 1U}, std::pair{1U, 0U}}) {
    Random a(0, 0);
    Random b(seed, stream);
    double product = 0.0;
    for (int i = 0; i < kDraws; ++i) {
      product += (a.uniform_double() - 0.5) * (b.uniform_double() - 0.5);
    }
    EXPECT_NEAR(product / kDraws, 0.0, bound(1.0 / 144.0)) << "seed " << seed << ", stream " << stream;
  }
}

TEST(Random, BelowIsUniformOverSmallBounds) {
  Random random(8);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70'000; ++i) ++counts[random.below(7)];
  double chi_square = 0.0;
  for (const int count : counts) chi_square += (count - 10'000.0) * (count - 10'000.0) / 10'000.0;
  EXPECT_LT(chi_square, 30.0) << "6 degrees of freedom: below 30 in all but 4 of 100,000 runs";
}

// Taking the remainder alone would put half of all values under 2^62 here; a fair draw puts a third there.
TEST(Random, BelowIsUniformOverBoundsThatDoNotDivideThePowerOfTwo) {
  Random random(9);
  constexpr std::uint64_t kThird = std::uint64_t{1} << 62;
  int low = 0;
  for (int i = 0; i < 30'000; ++i) {
    const std::uint64_t value = random.below(3 * kThird);
    ASSERT_LT(value, 3 * kThird);
    if (value < kThird) ++low;
  }
  EXPECT_NEAR(low / 30'000.0, 1.0 / 3.0, 5.0 * std::sqrt(2.0 / 9.0 / 30'000.0));
}

TEST(Random, BelowOneIsZero) {
  Random random(10);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(random.below(1), 0U);
}

TEST(Permutation, HoldsEveryNumberOnce) {
  Random random(12);
  auto order = permutation(1000, random);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (std::uint64_t i = 0; i < 1000; ++i) ASSERT_EQ(order[i], i);
  EXPECT_TRUE(permutation(0, random).empty());
  EXPECT_EQ(permutation(1, random), std::vector<std::uint64_t>{0});
}

TEST(Permutation, GivesEveryOrderEquallyOften) {
  Random random(13);
  std::array<int, 6> counts{};
  for (int i = 0; i < 60'000; ++i) {
    const auto order = permutation(3, random);
    ++counts[order[0] * 2 + (order[1] > order[2] ? 1 : 0)];
  }
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 5.0 * std::sqrt(10'000.0 * 5.0 / 6.0));
}

}  // namespace
}  // namespace outcrop
