#include "train/optimizer.h"

#include "train/bigram.h"

#include <cmath>

#include <gtest/gtest.h>

namespace outcrop::train {
namespace {

FineTuneOptions plain() {
  FineTuneOptions options;
  options.weight_decay = 0.0;
  options.clip_norm = 0.0;
  return options;
}

TEST(Optimizer, DecaysOnlyTensorsThatAskForIt) {
  testing::Bigram model;
  const std::vector<float> before(model.parameters().begin(), model.parameters().end());
  FineTuneOptions options = plain();
  options.weight_decay = 0.5;
  Optimizer optimizer(model, static_cast<std::int64_t>(before.size()), options);
  optimizer.update(model.parameters(), model.gradients(), 0.0, 0.1, 1);
  for (std::size_t i = 0; i < before.size(); ++i) {
    const float expected = i < testing::kWeights ? before[i] * (1.0F - 0.1F * 0.5F) : before[i];
    EXPECT_NEAR(model.parameters()[i], expected, 1e-7) << i;
  }
}

TEST(Optimizer, ClipsTheGradientToTheNorm) {
  testing::Bigram model;
  const auto count = static_cast<std::int64_t>(model.parameters().size());
  for (float& g : model.gradients()) g = 3.0F;
  const double norm = Optimizer::gradient_norm(model.gradients());
  EXPECT_NEAR(norm, 3.0 * std::sqrt(static_cast<double>(count)), 1e-5);
  FineTuneOptions options = plain();
  options.clip_norm = 1.0;
  Optimizer optimizer(model, count, options);
  optimizer.update(model.parameters(), model.gradients(), norm, 0.1, 1);
  // First moment = (1 - beta1) * clipped gradient.
  const double clipped = 3.0 * 1.0 / (norm + 1e-6);
  EXPECT_NEAR(optimizer.first_moment()[0], 0.1 * clipped, 1e-7);
}

TEST(Optimizer, LeavesASmallGradientAsItIs) {
  testing::Bigram model;
  for (float& g : model.gradients()) g = 0.001F;
  FineTuneOptions options = plain();
  options.clip_norm = 1.0;
  Optimizer optimizer(model, static_cast<std::int64_t>(model.parameters().size()), options);
  optimizer.update(model.parameters(), model.gradients(), Optimizer::gradient_norm(model.gradients()), 0.1, 1);
  EXPECT_NEAR(optimizer.first_moment()[0], 0.1F * 0.001F, 1e-10);
}

TEST(Optimizer, MovesByTheLearningRateAtTheFirstStep) {
  testing::Bigram model;
  const float before = model.parameters()[5];
  model.gradients()[5] = -42.0F;
  Optimizer optimizer(model, static_cast<std::int64_t>(model.parameters().size()), plain());
  optimizer.update(model.parameters(), model.gradients(), 42.0, 0.25, 1);
  EXPECT_NEAR(model.parameters()[5] - before, 0.25, 1e-6);
}

}  // namespace
}  // namespace outcrop::train
