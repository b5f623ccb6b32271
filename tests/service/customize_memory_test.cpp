#include "service/customize_memory.h"

#include "model/layout.h"
#include "support/sanitizers.h"

#include <algorithm>
#include <cstdlib>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

namespace outcrop::service {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

model::DecoderConfig small_model() {
  model::DecoderConfig config;
  config.architecture = "llama";
  config.vocab_size = 49152;
  config.width = 576;
  config.heads = 9;
  config.kv_heads = 3;
  config.head_width = 64;
  config.ffn_width = 1536;
  config.context_length = 2048;
  config.ropes = {model::RopeConfig{}};
  config.layers.assign(30, model::LayerConfig{});
  return config;
}

class CustomizeMemory : public ::testing::Test {
 protected:
  MemoryNeeds needs(bool full) const {
    MemoryNeeds needs;
    needs.config = &config_;
    needs.full = full;
    needs.row_tokens = 1024;
    needs.longest_tokens = 200;
    needs.data_tokens = 1000;
    return needs;
  }
  model::DecoderConfig config_ = small_model();
};

TEST_F(CustomizeMemory, AddsUpItsParts) {
  const MemoryPlan plan = plan_memory(needs(false));
  std::int64_t sum = 0;
  for (const auto& [part, bytes] : plan.bytes) {
    EXPECT_GE(bytes, 0) << part;
    sum += bytes;
  }
  EXPECT_EQ(plan.total, sum);
}

TEST_F(CustomizeMemory, GrowsWithRowsAndWithFullTraining) {
  MemoryNeeds longer = needs(false);
  longer.row_tokens = 2048;
  EXPECT_GT(plan_memory(longer).total, plan_memory(needs(false)).total);
  EXPECT_GT(plan_memory(needs(true)).total, plan_memory(needs(false)).total);
}

TEST_F(CustomizeMemory, CountsTwoMomentsOfEveryTrainedParameter) {
  const MemoryPlan plan = plan_memory(needs(true));
  std::map<std::string, std::int64_t> bytes(plan.bytes.begin(), plan.bytes.end());
  EXPECT_EQ(bytes["trained parameters"], 4 * model::make_layout(config_).elements);
  EXPECT_EQ(bytes["optimizer moments"], 2 * bytes["trained parameters"]);
  EXPECT_EQ(bytes["data"], 8 * 1000);
}

TEST_F(CustomizeMemory, AcceptsWhatFits) {
  const MemoryPlan plan = plan_memory(needs(false));
  EXPECT_TRUE(check_memory(needs(false), plan, plan.total));
  EXPECT_FALSE(check_memory(needs(false), plan, plan.total - 1));
}

TEST_F(CustomizeMemory, NamesNumbersAndAFixThatFits) {
  const MemoryPlan full = plan_memory(needs(true));
  const std::int64_t available = plan_memory(needs(false)).total + 1;
  const auto refused = check_memory(needs(true), full, available);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::out_of_memory);
  EXPECT_THAT(refused.error().message, HasSubstr(std::to_string(full.total)));
  EXPECT_THAT(refused.error().message, HasSubstr(std::to_string(available)));
  EXPECT_THAT(refused.error().message, HasSubstr("method lora needs"));
}

TEST_F(CustomizeMemory, OffersShorterRowsOnlyWhenTheyFit) {
  MemoryNeeds shorter = needs(false);
  shorter.row_tokens = 200;
  const MemoryPlan plan = plan_memory(needs(false));
  const auto helped = check_memory(needs(false), plan, plan_memory(shorter).total);
  ASSERT_FALSE(helped);
  EXPECT_THAT(helped.error().message, HasSubstr("rowTokens=200 needs"));
  const auto hopeless = check_memory(needs(false), plan, 1000);
  ASSERT_FALSE(hopeless);
  EXPECT_THAT(hopeless.error().message, Not(HasSubstr("rowTokens")));
  EXPECT_THAT(hopeless.error().message, HasSubstr("smaller base model"));
}

TEST_F(CustomizeMemory, TakesTheLimitOfTheEnvironment) {
  EXPECT_GT(available_memory_bytes(), 0);
  ::setenv("OUTCROP_MEMORY_LIMIT", "123456", 1);
  EXPECT_EQ(available_memory_bytes(), 123456);
  ::unsetenv("OUTCROP_MEMORY_LIMIT");
  EXPECT_NE(available_memory_bytes(), 123456);
}

TEST_F(CustomizeMemory, CountsALimitOfTheAddressSpace) {
  if (test::kSanitized) GTEST_SKIP() << "a sanitizer reserves more address space than the limit";
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  rlimit limited = before;
  limited.rlim_cur = std::min<rlim_t>(before.rlim_max, rlim_t{3} << 30);
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &limited), 0);
  const std::int64_t available = available_memory_bytes();
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_LT(available, std::int64_t{3} << 30);
}

}  // namespace
}  // namespace outcrop::service
