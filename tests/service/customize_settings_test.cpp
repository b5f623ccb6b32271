#include "service/customize_settings.h"

#include <cmath>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outcrop::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Parsed {
  Settings settings;
  std::vector<std::string> problems;
};

Parsed parse(Hyperparameters given, std::string method = "lora") {
  CustomizeRequest request;
  request.method = std::move(method);
  request.hyperparameters = std::move(given);
  Parsed parsed;
  parsed.settings = parse_settings(request, parsed.problems);
  return parsed;
}

model::ModelInfo base(std::int64_t parameters = 135'000'000, std::int64_t context = 8192) {
  model::ModelInfo info;
  info.id = "test.base-v1:0";
  info.parameters = parameters;
  info.context_length = context;
  return info;
}

EffectiveSettings resolve(const Settings& settings, std::int64_t records = 100, std::int64_t longest = 50) {
  auto encode = resolve_encoding(settings, base());
  EXPECT_TRUE(encode);
  auto resolved = resolve_settings(settings, *encode, base(), records, longest);
  EXPECT_TRUE(resolved);
  return *std::move(resolved);
}

TEST(CustomizeSettings, EveryDefaultIsValidWhenGiven) {
  for (const HyperparameterHelp& help : describe_hyperparameters()) {
    EXPECT_THAT(parse({{help.name, help.default_value}}).problems, IsEmpty()) << help.name;
    EXPECT_FALSE(help.range.empty()) << help.name;
    EXPECT_FALSE(help.meaning.empty()) << help.name;
  }
}

TEST(CustomizeSettings, NamesAreDistinct) {
  std::set<std::string> names;
  for (const HyperparameterHelp& help : describe_hyperparameters()) names.insert(help.name);
  EXPECT_EQ(names.size(), describe_hyperparameters().size());
}

TEST(CustomizeSettings, SuggestsTheNearestName) {
  EXPECT_THAT(parse({{"epochCont", "1"}}).problems, ElementsAre(HasSubstr("did you mean epochCount?")));
  EXPECT_THAT(parse({{"scheduler", "cosine"}}).problems, ElementsAre(HasSubstr("did you mean schedule?")));
  EXPECT_THAT(parse({{"zzzzzzzz", "1"}}).problems, ElementsAre(HasSubstr("known are epochCount, batchSize")));
}

TEST(CustomizeSettings, NamesRangeAndValueOfEveryProblemAtOnce) {
  const auto problems = parse({{"epochCount", "0"}, {"loraRank", "2.5"}, {"learningRate", "-1"}}).problems;
  EXPECT_THAT(problems,
              ElementsAre("epochCount: must be 0.01 to 100, is '0'", "loraRank: must be 1 to 1024, is '2.5'",
                          "learningRate: must be 0 to 1, or auto, is '-1'"));
}

TEST(CustomizeSettings, RejectsWhatIsNoPlainNumber) {
  for (const char* value : {"", " 1", "1 ", "1x", "nan", "inf", "0x10", "1,5", "--1", "auto"}) {
    EXPECT_EQ(parse({{"epochCount", value}}).problems.size(), 1U) << value;
  }
  EXPECT_THAT(parse({{"epochCount", "1e0"}}).problems, IsEmpty());
  EXPECT_EQ(parse({{"seed", "99999999999999999999"}}).problems.size(), 1U);
}

TEST(CustomizeSettings, RejectsDoubledAndContradictingSettings) {
  EXPECT_THAT(parse({{"seed", "1"}, {"seed", "1"}}).problems, ElementsAre(HasSubstr("given twice")));
  EXPECT_THAT(parse({{"warmupRatio", "0.1"}, {"learningRateWarmupSteps", "3"}}).problems,
              ElementsAre(HasSubstr("give one of them")));
  EXPECT_THAT(parse({{"method", "lora"}}, "full").problems,
              ElementsAre(HasSubstr("given as full and as lora")));
  EXPECT_THAT(parse({{"loraRank", "8"}}, "full").problems, ElementsAre(HasSubstr("only with method lora")));
  EXPECT_THAT(parse({{"earlyStoppingPatience", "2"}}).problems,
              ElementsAre(HasSubstr("needs validation data")));
  EXPECT_THAT(parse({}, "qlora").problems, ElementsAre(HasSubstr("must be lora|full")));
}

TEST(CustomizeSettings, ReadsTargetsByGroupAndByName) {
  using model::Module;
  EXPECT_EQ(parse({}).settings.targets.size(), 7U);
  EXPECT_THAT(parse({{"loraTargets", "mlp"}}).settings.targets,
              ElementsAre(Module::gate, Module::up, Module::down));
  EXPECT_THAT(parse({{"loraTargets", "v_proj,q"}}).settings.targets, ElementsAre(Module::q, Module::v));
  EXPECT_EQ(parse({{"loraTargets", "q,x"}}).problems.size(), 1U);
  EXPECT_EQ(parse({{"loraTargets", "q,"}}).problems.size(), 1U);
}

TEST(CustomizeSettings, ChoosesAutoValuesByMethod) {
  const EffectiveSettings lora = resolve(parse({}).settings);
  EXPECT_DOUBLE_EQ(lora.training.learning_rate, 1e-3);
  EXPECT_DOUBLE_EQ(lora.lora.alpha, 32.0);
  EXPECT_DOUBLE_EQ(lora.training.weight_decay, 0.0);
  EXPECT_DOUBLE_EQ(lora.training.beta2, 0.999);
  EXPECT_EQ(lora.training.row_tokens, 1024);
  EXPECT_THAT(lora.notes, ElementsAre(HasSubstr("learningRate auto")));

  const EffectiveSettings full = resolve(parse({{"batchSize", "32"}}, "full").settings);
  EXPECT_DOUBLE_EQ(full.training.learning_rate, 1e-3 * std::sqrt(32.0 / 128.0));
  EXPECT_DOUBLE_EQ(full.training.beta2, 0.95);

  EXPECT_DOUBLE_EQ(resolve(parse({{"loraVariant", "rslora"}, {"loraRank", "64"}}).settings).lora.alpha, 64.0);
}

TEST(CustomizeSettings, MultipliesTheLearningRate) {
  const auto settings = parse({{"learningRate", "0.002"}, {"learningRateMultiplier", "0.5"}}).settings;
  EXPECT_DOUBLE_EQ(resolve(settings).training.learning_rate, 0.001);
}

TEST(CustomizeSettings, TurnsWarmupStepsIntoExactlyThatMany) {
  // 100 records in batches of 16, two epochs: 14 steps.
  for (std::int64_t steps = 0; steps <= 14; ++steps) {
    const auto settings = parse({{"learningRateWarmupSteps", std::to_string(steps)}}).settings;
    const double ratio = resolve(settings).training.warmup_ratio;
    EXPECT_EQ(std::llround(ratio * 14.0), steps);
    EXPECT_EQ(ratio > 0.0, steps > 0);
  }
  const EffectiveSettings clamped = resolve(parse({{"learningRateWarmupSteps", "50"}}).settings);
  EXPECT_DOUBLE_EQ(clamped.training.warmup_ratio, 1.0);
  EXPECT_THAT(clamped.notes, ::testing::Contains(HasSubstr("all of them warm up")));
}

TEST(CustomizeSettings, KeepsRowsAtLeastAsLongAsTheLongestRecord) {
  EXPECT_EQ(resolve(parse({}).settings, 100, 1500).training.row_tokens, 1500);
  const Settings settings = parse({{"rowTokens", "100"}}).settings;
  const auto resolved = resolve_settings(settings, *resolve_encoding(settings, base()), base(), 100, 101);
  ASSERT_FALSE(resolved);
  EXPECT_EQ(resolved.error().code, Code::invalid_argument);
}

TEST(CustomizeSettings, BoundsRecordsByTheModelsContext) {
  EXPECT_EQ(resolve_encoding(parse({}).settings, base(1, 512))->max_sequence_tokens, 512);
  EXPECT_EQ(resolve_encoding(parse({}).settings, base(1, 8192))->max_sequence_tokens, 2048);
  const auto beyond = resolve_encoding(parse({{"maxSequenceLength", "600"}}).settings, base(1, 512));
  ASSERT_FALSE(beyond);
  EXPECT_THAT(beyond.error().message, HasSubstr("512"));
}

}  // namespace
}  // namespace outcrop::service
