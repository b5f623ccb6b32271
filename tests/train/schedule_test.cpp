#include "train/schedule.h"

#include <gtest/gtest.h>

namespace outcrop::train {
namespace {

TEST(Schedule, CountsALastPartialBatch) {
  FineTuneOptions options;
  options.batch_examples = 4;
  options.epochs = 1.0;
  EXPECT_EQ(planned_steps(options, 8), 2);
  EXPECT_EQ(planned_steps(options, 9), 3);
  EXPECT_EQ(planned_steps(options, 1), 1);
  EXPECT_EQ(planned_steps(options, 0), 0);
}

TEST(Schedule, TakesFractionalEpochsInWholeBatches) {
  FineTuneOptions options;
  options.batch_examples = 1;
  options.epochs = 0.1;
  EXPECT_EQ(planned_steps(options, 10), 1);
  options.epochs = 0.11;
  EXPECT_EQ(planned_steps(options, 10), 2);
  options.epochs = 2.5;
  EXPECT_EQ(planned_steps(options, 10), 25);
  options.epochs = 0.001;
  EXPECT_EQ(planned_steps(options, 10), 1);
}

TEST(Schedule, StopsAtMaxStepsOnlyWhenItIsLess) {
  FineTuneOptions options;
  options.batch_examples = 1;
  options.max_steps = 7;
  EXPECT_EQ(planned_steps(options, 10), 7);
  options.max_steps = 70;
  EXPECT_EQ(planned_steps(options, 10), 10);
}

TEST(Schedule, WarmsUpLinearlyToTheFullRate) {
  FineTuneOptions options;
  options.learning_rate = 0.8;
  options.warmup_ratio = 0.2;
  options.schedule = Schedule::constant;
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 1, 20), 0.2);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 3, 20), 0.8 * 3.0 / 4.0);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 4, 20), 0.8);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 20, 20), 0.8);
}

TEST(Schedule, WarmsUpAtLeastOneStepUnlessOff) {
  FineTuneOptions options;
  options.warmup_ratio = 0.001;
  EXPECT_EQ(warmup_steps(options, 10), 1);
  options.warmup_ratio = 0.0;
  EXPECT_EQ(warmup_steps(options, 10), 0);
  options.warmup_ratio = 1.0;
  EXPECT_EQ(warmup_steps(options, 10), 10);
}

TEST(Schedule, DecaysLinearlyWithoutAWastedStep) {
  FineTuneOptions options;
  options.learning_rate = 1.0;
  options.warmup_ratio = 0.0;
  options.schedule = Schedule::linear;
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 1, 4), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 2, 4), 0.75);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 4, 4), 0.25);
}

TEST(Schedule, DecaysByCosineToTheFloor) {
  FineTuneOptions options;
  options.learning_rate = 2.0;
  options.warmup_ratio = 0.0;
  options.min_learning_rate_ratio = 0.1;
  options.schedule = Schedule::cosine;
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 1, 100), 2.0);
  EXPECT_NEAR(learning_rate_at(options, 51, 100), 2.0 * (0.1 + 0.9 * 0.5), 1e-12);
  EXPECT_GT(learning_rate_at(options, 100, 100), 0.2);
  EXPECT_LT(learning_rate_at(options, 100, 100), 0.21);
}

}  // namespace
}  // namespace outcrop::train
