#include "infer/sampler.h"

#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace outcrop::infer {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Logits whose softmax is exactly these probabilities.
std::vector<float> logits_of(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)) + 3.0F);
  return logits;
}

std::map<TokenId, int> draw_many(const SamplingOptions& options, const std::vector<float>& logits, int draws,
                                 const std::vector<TokenId>& history = {}) {
  Sampler sampler(options);
  std::map<TokenId, int> counts;
  for (int i = 0; i < draws; ++i) {
    std::vector<float> scratch = logits;
    ++counts[sampler.sample(scratch, history).id];
  }
  return counts;
}

std::set<TokenId> support(const SamplingOptions& options, const std::vector<float>& logits) {
  std::set<TokenId> ids;
  for (const auto& [id, count] : draw_many(options, logits, 4000)) ids.insert(id);
  return ids;
}

double chi_square(const std::map<TokenId, int>& counts, const std::vector<double>& expected, int draws) {
  double sum = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto found = counts.find(static_cast<TokenId>(i));
    const double observed = found == counts.end() ? 0.0 : found->second;
    sum += std::pow(observed - expected[i] * draws, 2) / (expected[i] * draws);
  }
  return sum;
}

TEST(Sampler, GreedyTakesTheLargestAndTheFirstOfEquals) {
  Sampler sampler({});
  std::vector<float> logits{1.0F, 4.0F, -2.0F, 4.0F};
  EXPECT_EQ(sampler.sample(logits, {}).id, 1);
}

TEST(Sampler, DrawsFollowTheSoftmax) {
  const std::vector<double> p{0.5, 0.2, 0.15, 0.1, 0.05};
  const auto counts = draw_many({.temperature = 1.0F, .seed = 11}, logits_of(p), 20000);
  // 4 degrees of freedom: above 18.5 once in a thousand seeds.
  EXPECT_LT(chi_square(counts, p, 20000), 18.5);
}

TEST(Sampler, TemperatureSharpensTheDistribution) {
  // At temperature 1/2 probabilities are squared and normalised.
  const std::vector<double> p{0.5, 0.3, 0.2};
  const double total = 0.25 + 0.09 + 0.04;
  const auto counts = draw_many({.temperature = 0.5F, .seed = 5}, logits_of(p), 20000);
  EXPECT_LT(chi_square(counts, {0.25 / total, 0.09 / total, 0.04 / total}, 20000), 13.8);
}

TEST(Sampler, TopKKeepsTheLikeliestAndTheirProportions) {
  const std::vector<float> logits = logits_of({0.1, 0.4, 0.05, 0.3, 0.15});
  const SamplingOptions options{.temperature = 1.0F, .top_k = 2, .seed = 3};
  EXPECT_EQ(support(options, logits), (std::set<TokenId>{1, 3}));
  const auto counts = draw_many(options, logits, 20000);
  const double first = counts.at(1);
  EXPECT_NEAR(first / 20000.0, 4.0 / 7.0, 0.015);  // four standard deviations
}

TEST(Sampler, TopKTakesEqualLogitsInTheOrderOfIds) {
  EXPECT_EQ(support({.temperature = 1.0F, .top_k = 2}, {1.0F, 1.0F, 1.0F, 1.0F}), (std::set<TokenId>{0, 1}));
}

TEST(Sampler, TopPKeepsTheSmallestSetThatReachesTheMass) {
  const std::vector<float> logits = logits_of({0.05, 0.5, 0.1, 0.3, 0.05});
  EXPECT_EQ(support({.temperature = 1.0F, .top_p = 0.45F}, logits), (std::set<TokenId>{1}));
  EXPECT_EQ(support({.temperature = 1.0F, .top_p = 0.75F}, logits), (std::set<TokenId>{1, 3}));
  EXPECT_EQ(support({.temperature = 1.0F, .top_p = 0.85F}, logits), (std::set<TokenId>{1, 2, 3}));
  EXPECT_EQ(support({.temperature = 1.0F, .top_p = 1.0F}, logits).size(), 5U);
}

TEST(Sampler, TopPNeverKeepsLessThanOneToken) {
  EXPECT_EQ(support({.temperature = 1.0F, .top_p = 1e-6F}, logits_of({0.3, 0.3, 0.4})), (std::set<TokenId>{2}));
}

TEST(Sampler, TopPCountsTheMassThatTopKLeft) {
  // Of the two that top-k keeps, token 0 alone has 4/7 of the mass.
  const std::vector<float> logits = logits_of({0.4, 0.3, 0.2, 0.1});
  EXPECT_EQ(support({.temperature = 1.0F, .top_p = 0.55F, .top_k = 2}, logits), (std::set<TokenId>{0}));
  EXPECT_EQ(support({.temperature = 1.0F, .top_p = 0.60F, .top_k = 2}, logits), (std::set<TokenId>{0, 1}));
}

TEST(Sampler, TopPOverAFlatLargeVocabularyKeepsItsShare) {
  const std::vector<float> logits(10000, 0.0F);
  Sampler sampler({.temperature = 1.0F, .top_p = 0.25F, .seed = 1});
  for (int i = 0; i < 200; ++i) {
    std::vector<float> scratch = logits;
    EXPECT_LT(sampler.sample(scratch, {}).id, 2500);
  }
}

TEST(Sampler, MinPIsRelativeToTheLikeliest) {
  const std::vector<float> logits = logits_of({0.5, 0.3, 0.12, 0.08});
  EXPECT_EQ(support({.temperature = 1.0F, .min_p = 0.2F}, logits), (std::set<TokenId>{0, 1, 2}));
  EXPECT_EQ(support({.temperature = 1.0F, .min_p = 1.0F}, logits), (std::set<TokenId>{0}));
}

TEST(Sampler, PenaltyDividesPositiveAndMultipliesNegativeLogitsOnce) {
  Sampler sampler({.repetition_penalty = 2.0F});
  std::vector<float> logits{3.0F, 2.0F, -1.0F, 0.5F};
  // Token 0 is named twice and counts once; ids outside the vocabulary are passed over.
  const std::vector<TokenId> history{0, 2, 0, -1, 99};
  EXPECT_EQ(sampler.sample(logits, history).id, 1);
  EXPECT_EQ(logits, (std::vector<float>{1.5F, 2.0F, -2.0F, 0.5F}));
}

TEST(Sampler, PenaltyForgetsTheHistoryOfAnEarlierCall) {
  Sampler sampler({.repetition_penalty = 2.0F});
  std::vector<float> first{3.0F, 2.0F};
  const std::vector<TokenId> history{0};
  EXPECT_EQ(sampler.sample(first, history).id, 1);
  std::vector<float> second{3.0F, 2.0F};
  EXPECT_EQ(sampler.sample(second, {}).id, 0);
}

TEST(Sampler, LogprobIsTheModelsOwn) {
  const std::vector<double> p{0.6, 0.3, 0.1};
  for (const float temperature : {0.0F, 0.7F, 3.0F}) {
    Sampler sampler({.temperature = temperature, .top_k = 2, .repetition_penalty = 1.7F, .seed = 9});
    for (int i = 0; i < 50; ++i) {
      std::vector<float> logits = logits_of(p);
      const SampledToken token = sampler.sample(logits, std::vector<TokenId>{0});
      EXPECT_NEAR(token.logprob, std::log(p[static_cast<std::size_t>(token.id)]), 1e-5);
    }
  }
}

TEST(Sampler, LogprobsDoNotChangeTheDraws) {
  const SamplingOptions options{.temperature = 0.9F, .top_p = 0.9F, .repetition_penalty = 1.2F, .seed = 4};
  Sampler with(options, 2, Logprobs::yes);
  Sampler without(options, 2, Logprobs::no);
  for (int i = 0; i < 200; ++i) {
    std::vector<float> a = logits_of({0.3, 0.3, 0.2, 0.1, 0.1});
    std::vector<float> b = a;
    EXPECT_EQ(with.sample(a, std::vector<TokenId>{1}).id, without.sample(b, std::vector<TokenId>{1}).id);
  }
}

TEST(Sampler, SameSeedAndStreamSameTokensOtherStreamOtherTokens) {
  const std::vector<float> logits(1000, 0.0F);
  const auto sequence = [&](std::uint64_t seed, std::uint64_t stream) {
    Sampler sampler({.temperature = 1.0F, .seed = seed}, stream);
    std::vector<TokenId> ids;
    for (int i = 0; i < 20; ++i) {
      std::vector<float> scratch = logits;
      ids.push_back(sampler.sample(scratch, {}).id);
    }
    return ids;
  };
  EXPECT_EQ(sequence(1, 0), sequence(1, 0));
  EXPECT_NE(sequence(1, 0), sequence(1, 1));
  EXPECT_NE(sequence(1, 0), sequence(2, 0));
}

TEST(Sampler, NanIsNeverChosenAndAllNanIsReported) {
  for (const float temperature : {0.0F, 1.0F}) {
    Sampler sampler({.temperature = temperature});
    for (int i = 0; i < 100; ++i) {
      std::vector<float> logits{kNan, 0.0F, kNan, -kInfinity, 1.0F};
      const SampledToken token = sampler.sample(logits, {});
      EXPECT_TRUE(token.id == 1 || token.id == 4) << token.id;
      EXPECT_TRUE(std::isfinite(token.logprob));
    }
    std::vector<float> nothing{kNan, -kInfinity, kNan};
    EXPECT_EQ(sampler.sample(nothing, {}).id, -1);
  }
}

TEST(Sampler, InfiniteLogitWins) {
  Sampler sampler({.temperature = 1.0F, .repetition_penalty = 0.5F});
  std::vector<float> logits{0.0F, kInfinity, 5.0F};
  EXPECT_EQ(sampler.sample(logits, std::vector<TokenId>{1}).id, 1);
}

TEST(CheckSampling, NamesFieldRangeAndValue) {
  const auto rejected = [](const SamplingOptions& options, std::string_view field, std::string_view value) {
    const auto status = check_sampling(options);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Code::invalid_argument);
    EXPECT_NE(status.error().message.find(field), std::string::npos) << status.error().message;
    EXPECT_NE(status.error().message.find(value), std::string::npos) << status.error().message;
  };
  rejected({.temperature = -0.5F}, "temperature", "-0.5");
  rejected({.temperature = kNan}, "temperature", "nan");
  rejected({.top_p = 0.0F}, "top_p", "0");
  rejected({.top_p = 1.5F}, "top_p", "1.5");
  rejected({.top_k = -3}, "top_k", "-3");
  rejected({.min_p = 1.25F}, "min_p", "1.25");
  rejected({.repetition_penalty = 0.0F}, "repetition_penalty", "0");
  EXPECT_TRUE(check_sampling({}));
  EXPECT_TRUE(check_sampling({.temperature = 2.0F, .top_p = 0.5F, .top_k = 5, .min_p = 0.1F}));
}

}  // namespace
}  // namespace outcrop::infer
