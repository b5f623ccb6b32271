#include "infer/generator.h"

#include "base/text.h"
#include "infer/toy_model.h"

#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include <gtest/gtest.h>

namespace outcrop::infer {
namespace {

using Prompts = std::vector<std::vector<TokenId>>;

Generator make_generator(ToyLogits logits, std::shared_ptr<ToyLog> log = nullptr,
                         std::string_view chat_template = {}) {
  model::ModelInfo info;
  info.id = "toy";
  return Generator(std::move(info), toy_text(chat_template), toy_decoder(std::move(logits), std::move(log)));
}

std::string echo(std::string_view prompt) {
  return "you said " + std::string(prompt);
}

/// Runs to the end without callbacks; fails the test on an error.
std::vector<Generation> run(Generator& generator, const Prompts& prompts, const GenerationOptions& options = {},
                            std::int64_t max_batch = 4) {
  auto results = generator.generate(prompts, options, max_batch, {}, {});
  EXPECT_TRUE(results) << (results ? "" : results.error().message);
  return results ? *std::move(results) : std::vector<Generation>(prompts.size());
}

Generation run_one(Generator& generator, std::string_view prompt, const GenerationOptions& options = {}) {
  return run(generator, {toy_prompt(prompt)}, options).front();
}

Code error_code(Generator& generator, const Prompts& prompts, const GenerationOptions& options = {},
                std::int64_t max_batch = 4) {
  const auto results = generator.generate(prompts, options, max_batch, {}, {});
  EXPECT_FALSE(results);
  return results ? Code::internal : results.error().code;
}

TEST(Generator, AnswersUntilTheEndOfTurn) {
  Generator generator = make_generator(scripted(echo));
  const Generation answer = run_one(generator, "hi");
  EXPECT_EQ(answer.text, "you said hi");
  EXPECT_EQ(answer.reason, StopReason::end_turn);
  EXPECT_EQ(answer.prompt_tokens, 3);
  EXPECT_EQ(answer.tokens, bytes_as_tokens("you said hi"));
  EXPECT_TRUE(answer.logprobs.empty());
  EXPECT_GE(answer.seconds, answer.seconds_to_first_token);
}

TEST(Generator, KeepsTheOrderOfPromptsWhateverTheBatchSize) {
  for (const std::int64_t batch : {1, 2, 3, 16}) {
    Generator generator = make_generator(scripted(echo));
    const auto answers =
        run(generator, {toy_prompt("b"), toy_prompt("long one"), toy_prompt(""), toy_prompt("aa")}, {}, batch);
    EXPECT_EQ(answers[0].text, "you said b");
    EXPECT_EQ(answers[1].text, "you said long one");
    EXPECT_EQ(answers[2].text, "you said ");
    EXPECT_EQ(answers[3].text, "you said aa");
  }
}

TEST(Generator, AFinishedSequenceMakesRoomForTheNext) {
  const auto log = std::make_shared<ToyLog>();
  Generator generator =
      make_generator(scripted([](std::string_view p) { return std::string(p.size() * 4, 'x'); }), log);
  run(generator, {toy_prompt("aaaaaa"), toy_prompt("a"), toy_prompt("a"), toy_prompt("a")}, {}, 2);
  // 25 passes for the long one; the three short ones of 5 passes each run beside it.
  EXPECT_EQ(log->inputs.size(), 25U);
  EXPECT_EQ(*std::max_element(log->inputs.begin(), log->inputs.end()), 2U);
  EXPECT_EQ(log->caches, 2);
}

TEST(Generator, APassNeverExceedsItsTokens) {
  const auto log = std::make_shared<ToyLog>();
  Generator generator = make_generator(scripted(echo), log);
  const Prompts prompts(20, toy_prompt(std::string(40, 'p')));
  const auto answers = run(generator, prompts, {.max_tokens = 4}, 20);
  EXPECT_EQ(log->tokens.front(), 512);
  EXPECT_LE(*std::max_element(log->tokens.begin(), log->tokens.end()), 512);
  for (const Generation& answer : answers) EXPECT_EQ(answer.text, "you ");
}

TEST(Generator, SampledTextDoesNotDependOnTheBatch) {
  const Prompts prompts{toy_prompt("one"), toy_prompt("two"), toy_prompt("three"), toy_prompt("four"),
                        toy_prompt("x")};
  const GenerationOptions options{.max_tokens = 30,
                                  .sampling = {.temperature = 1.0F, .top_p = 0.95F, .seed = 42}};
  Generator generator = make_generator(pseudo_random());
  const auto alone = run(generator, prompts, options, 1);
  for (const std::int64_t batch : {2, 5}) {
    const auto together = run(generator, prompts, options, batch);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      EXPECT_EQ(together[i].tokens, alone[i].tokens);
      EXPECT_EQ(together[i].text, alone[i].text);
    }
  }
}

TEST(Generator, EqualPromptsOfOneBatchDrawDifferently) {
  Generator generator = make_generator(pseudo_random());
  const GenerationOptions options{.max_tokens = 20, .sampling = {.temperature = 1.0F, .seed = 1}};
  const auto answers = run(generator, {toy_prompt("same"), toy_prompt("same")}, options);
  EXPECT_NE(answers[0].tokens, answers[1].tokens);
}

TEST(Generator, StopsAtASequenceAcrossTokens) {
  Generator generator = make_generator(scripted([](std::string_view) { return "first\nQ: second"; }));
  const Generation answer = run_one(generator, "p", {.stop = {"zzz", "\nQ:"}});
  EXPECT_EQ(answer.text, "first");
  EXPECT_EQ(answer.reason, StopReason::stop_sequence);
}

TEST(Generator, StreamsWholeCharactersAndNoPartOfAStopSequence) {
  Generator generator =
      make_generator(scripted([](std::string_view) { return "naïve \xF0\x9F\x98\x80 <en <end> x"; }));
  std::vector<std::string> shown;
  const auto on_text = [&](std::size_t index, std::string_view text) {
    EXPECT_EQ(index, 0U);
    EXPECT_EQ(valid_utf8_prefix(text), text.size());
    EXPECT_FALSE(text.empty());
    shown.emplace_back(text);
  };
  const auto answers = generator.generate(Prompts{toy_prompt("p")}, {.stop = {"<end>"}}, 1, on_text, {});
  ASSERT_TRUE(answers);
  EXPECT_EQ(std::accumulate(shown.begin(), shown.end(), std::string()), "naïve \xF0\x9F\x98\x80 <en ");
  EXPECT_EQ(answers->front().text, "naïve \xF0\x9F\x98\x80 <en ");
  EXPECT_GT(shown.size(), 5U);
}

TEST(Generator, IncompleteBytesAtTheEndBecomeReplacementCharacters) {
  Generator generator = make_generator(scripted([](std::string_view) { return "a\xF0\x9F"; }));
  const std::string text = run_one(generator, "p").text;
  EXPECT_EQ(text.substr(0, 4), "a\xEF\xBF\xBD");
  EXPECT_EQ(valid_utf8_prefix(text), text.size());
}

TEST(Generator, ReportsMaxTokensAndGivesBackHeldText) {
  Generator generator = make_generator(scripted([](std::string_view) { return "abcdef"; }));
  const Generation answer = run_one(generator, "p", {.max_tokens = 3, .stop = {"cdx"}});
  EXPECT_EQ(answer.text, "abc");
  EXPECT_EQ(answer.tokens.size(), 3U);
  EXPECT_EQ(answer.reason, StopReason::max_tokens);
}

TEST(Generator, ReportsTheContextLimit) {
  Generator generator = make_generator(scripted([](std::string_view) { return std::string(200, 'y'); }));
  const Generation answer = run_one(generator, std::string(50, 'p'), {.max_tokens = 100});
  EXPECT_EQ(answer.reason, StopReason::context_limit);
  EXPECT_EQ(answer.prompt_tokens + static_cast<std::int64_t>(answer.tokens.size()), kToyContext);
}

TEST(Generator, RefusesAPromptThatFillsTheContextWithBothNumbers) {
  Generator generator = make_generator(scripted(echo));
  const auto results =
      generator.generate(Prompts{toy_prompt("a"), toy_prompt(std::string(63, 'p'))}, {}, 2, {}, {});
  ASSERT_FALSE(results);
  EXPECT_EQ(results.error().code, Code::invalid_argument);
  EXPECT_NE(results.error().message.find("prompt 2 of 2"), std::string::npos) << results.error().message;
  EXPECT_NE(results.error().message.find("64 tokens"), std::string::npos);
  EXPECT_NE(results.error().message.find("holds 64"), std::string::npos);
  EXPECT_EQ(run_one(generator, std::string(62, 'p')).reason, StopReason::context_limit);
}

TEST(Generator, RefusesWrongOptionsAndPrompts) {
  Generator generator = make_generator(scripted(echo));
  EXPECT_EQ(error_code(generator, {{}}), Code::invalid_argument);
  EXPECT_EQ(error_code(generator, {{-1}}), Code::invalid_argument);
  EXPECT_EQ(error_code(generator, {{static_cast<TokenId>(kToyVocabulary)}}), Code::invalid_argument);
  EXPECT_EQ(error_code(generator, {toy_prompt("a")}, {.max_tokens = 0}), Code::invalid_argument);
  EXPECT_EQ(error_code(generator, {toy_prompt("a")}, {.sampling = {.top_p = 2.0F}}), Code::invalid_argument);
  EXPECT_EQ(error_code(generator, {toy_prompt("a")}, {.stop = {""}}), Code::invalid_argument);
  EXPECT_EQ(error_code(generator, {toy_prompt("a")}, {}, 0), Code::invalid_argument);
}

TEST(Generator, NoPromptsGiveNoAnswers) {
  Generator generator = make_generator(scripted(echo));
  EXPECT_TRUE(run(generator, {}).empty());
}

TEST(Generator, StopRequestKeepsTheTextSoFar) {
  std::stop_source source;
  Generator generator = make_generator(scripted([](std::string_view) { return std::string(50, 'y'); }));
  int pieces = 0;
  const auto on_text = [&](std::size_t, std::string_view) {
    if (++pieces == 5) source.request_stop();
  };
  const auto answers =
      generator.generate(Prompts{toy_prompt("a"), toy_prompt("b")}, {}, 1, on_text, source.get_token());
  ASSERT_TRUE(answers);
  EXPECT_EQ((*answers)[0].text, "yyyyy");
  EXPECT_EQ((*answers)[0].reason, StopReason::cancelled);
  EXPECT_EQ((*answers)[1].text, "");
  EXPECT_EQ((*answers)[1].reason, StopReason::cancelled);
  EXPECT_EQ((*answers)[1].prompt_tokens, 2);
}

TEST(Generator, StopRequestBeforeTheStartRunsNothing) {
  std::stop_source source;
  source.request_stop();
  const auto log = std::make_shared<ToyLog>();
  Generator generator = make_generator(scripted(echo), log);
  const auto answers = generator.generate(Prompts{toy_prompt("a")}, {}, 1, {}, source.get_token());
  ASSERT_TRUE(answers);
  EXPECT_EQ(answers->front().reason, StopReason::cancelled);
  EXPECT_TRUE(log->tokens.empty());
}

TEST(Generator, TellsOfEachFinishedSequenceOnce) {
  Generator generator = make_generator(scripted(echo));
  std::map<std::size_t, std::string> finished;
  const auto on_finished = [&](std::size_t index, const Generation& generation) {
    EXPECT_TRUE(finished.emplace(index, generation.text).second);
  };
  const Prompts prompts{toy_prompt("a"), toy_prompt("bb"), toy_prompt("ccc")};
  ASSERT_TRUE(generator.generate(prompts, {}, 2, {}, {}, on_finished));
  EXPECT_EQ(finished,
            (std::map<std::size_t, std::string>{{0, "you said a"}, {1, "you said bb"}, {2, "you said ccc"}}));
}

TEST(Generator, GivesALogprobForEveryToken) {
  Generator generator = make_generator(pseudo_random());
  const Generation answer = run_one(
      generator, "p", {.max_tokens = 10, .sampling = {.temperature = 1.0F, .seed = 3}, .logprobs = true});
  ASSERT_EQ(answer.logprobs.size(), answer.tokens.size());
  for (const float logprob : answer.logprobs) EXPECT_LT(logprob, 0.0F);
}

TEST(Generator, NanLogitsAreAnErrorOfTheModel) {
  Generator generator = make_generator([](std::span<const TokenId>, std::span<float> logits) {
    std::fill(logits.begin(), logits.end(), std::numeric_limits<float>::quiet_NaN());
  });
  EXPECT_EQ(error_code(generator, {toy_prompt("a")}), Code::corrupt_data);
}

TEST(Generator, ReusesTheBeginningOfAnEarlierConversation) {
  const auto log = std::make_shared<ToyLog>();
  Generator generator = make_generator(scripted(echo), log);
  const GenerationOptions options{.max_tokens = 8, .reuse_prefix = true};
  const std::string first(30, 'p');
  run_one(generator, first, options);
  EXPECT_EQ(log->tokens.front(), 31);
  log->tokens.clear();
  EXPECT_EQ(run_one(generator, first + "more", options).text, "you said");
  EXPECT_EQ(log->tokens.front(), 5);  // "more" and kGo
  log->tokens.clear();
  EXPECT_EQ(run_one(generator, first + "more", options).text, "you said");
  EXPECT_EQ(log->tokens.front(), 1);  // the last prompt token always runs
  EXPECT_EQ(log->caches, 1);
  log->tokens.clear();
  run_one(generator, first + "more", {.max_tokens = 8});
  EXPECT_EQ(log->tokens.front(), 35);
}

TEST(Generator, RendersWithTheTemplateAndEncodesPlainText) {
  Generator generator =
      make_generator(scripted(echo), nullptr,
                     "{% for m in messages %}{{ m['role'] }}:{{ m['content'] }}<|end|>{% endfor %}"
                     "{% if add_generation_prompt %}assistant:{% endif %}");
  const auto rendered = generator.render({{Role::user, "hi"}});
  ASSERT_TRUE(rendered) << rendered.error().message;
  std::vector<TokenId> expected = bytes_as_tokens("user:hi");
  expected.push_back(kEnd);
  for (const TokenId id : bytes_as_tokens("assistant:")) expected.push_back(id);
  EXPECT_EQ(*rendered, expected);
  EXPECT_FALSE(generator.render({{Role::user, std::string(60, 'x')}}));

  const auto plain = generator.encode_plain("a<|end|>");
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_EQ(*plain, bytes_as_tokens("a<|end|>"));
}

TEST(Generator, WithoutAChatTemplateItCannotRender) {
  Generator generator = make_generator(scripted(echo));
  const auto rendered = generator.render({{Role::user, "hi"}});
  ASSERT_FALSE(rendered);
  EXPECT_EQ(rendered.error().code, Code::unsupported);
}

}  // namespace
}  // namespace outcrop::infer
