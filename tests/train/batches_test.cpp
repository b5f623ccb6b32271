#include "train/batches.h"

#include "train/bigram.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace outcrop::train {
namespace {

std::vector<std::int64_t> members(const Batch& batch) {
  std::vector<std::int64_t> all;
  for (const auto& row : batch.rows) all.insert(all.end(), row.begin(), row.end());
  std::sort(all.begin(), all.end());
  return all;
}

TEST(Batches, TakeEveryRecordOnceAnEpoch) {
  const auto examples = testing::make_examples(11, 3);
  Batches batches(examples, 4, 32, 5);
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    std::multiset<std::int64_t> seen;
    for (std::int64_t step = 0; step < 3; ++step) {
      const auto batch = members(batches.at(epoch * 3 + step));
      EXPECT_EQ(batch.size(), step < 2 ? 4U : 3U);
      seen.insert(batch.begin(), batch.end());
    }
    EXPECT_EQ(seen.size(), 11U);
    EXPECT_EQ(std::set<std::int64_t>(seen.begin(), seen.end()).size(), 11U);
  }
}

TEST(Batches, AreTheSameFromAnyStartingStep) {
  const auto examples = testing::make_examples(11, 3);
  Batches forward(examples, 4, 32, 5);
  std::vector<std::vector<std::int64_t>> expected;
  for (std::int64_t step = 0; step < 9; ++step) expected.push_back(members(forward.at(step)));
  for (std::int64_t step = 8; step >= 0; --step) {
    EXPECT_EQ(members(Batches(examples, 4, 32, 5).at(step)), expected[static_cast<std::size_t>(step)]);
  }
}

TEST(Batches, DifferBetweenEpochsAndSeeds) {
  const auto examples = testing::make_examples(64, 3);
  Batches batches(examples, 8, 64, 5);
  Batches other(examples, 8, 64, 6);
  EXPECT_NE(members(batches.at(0)), members(batches.at(8)));
  EXPECT_NE(members(batches.at(0)), members(other.at(0)));
}

TEST(Batches, PackIntoRowsWithinTheLimitAndCountTheirTokens) {
  const auto examples = testing::make_examples(40, 3);
  Batches batches(examples, 10, 16, 5);
  for (std::int64_t step = 0; step < 4; ++step) {
    const Batch batch = batches.at(step);
    std::int64_t tokens = 0;
    std::int64_t targets = 0;
    for (const auto& row : batch.rows) {
      std::int64_t row_tokens = 0;
      for (const std::int64_t example : row) {
        row_tokens += examples.tokens_of(example);
        targets += examples.targets_of(example);
      }
      EXPECT_LE(row_tokens, 16);
      tokens += row_tokens;
    }
    EXPECT_EQ(batch.tokens, tokens);
    EXPECT_EQ(batch.targets, targets);
  }
}

TEST(Batches, GiveEveryRowOfEveryStepItsOwnDropoutSeed) {
  std::set<std::uint64_t> seeds;
  for (std::int64_t step = 0; step < 20; ++step) {
    for (std::int64_t row = 0; row < 20; ++row) seeds.insert(dropout_seed(7, step, row));
  }
  EXPECT_EQ(seeds.size(), 400U);
  EXPECT_EQ(dropout_seed(7, 3, 4), dropout_seed(7, 3, 4));
  EXPECT_NE(dropout_seed(7, 3, 4), dropout_seed(8, 3, 4));
}

}  // namespace
}  // namespace outcrop::train
