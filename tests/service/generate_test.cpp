#include "service/generate.h"

#include "json/json.h"
#include "service/tiny_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outcrop::service {
namespace {

using testing::HasSubstr;

class GenerateTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { home_ = std::make_unique<TinyHome>(); }
  static void TearDownTestSuite() { home_.reset(); }

  /// Another file for each test, so that one cannot see another's answers.
  Path output() const {
    return home_->file(std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) + ".jsonl");
  }
  BatchRequest request(std::string_view records) const {
    BatchRequest request;
    request.home = home_->home();
    request.model = TinyHome::kModel;
    request.input = home_->write("prompts.jsonl", records);
    request.output = output();
    request.generation.max_tokens = 12;
    return request;
  }
  static std::vector<std::string> lines(const Path& file) {
    const std::string text = read_file(file).value_or("");
    std::vector<std::string> found;
    std::size_t begin = 0;
    for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
      found.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    EXPECT_EQ(begin, text.size()) << "the last line has no newline";
    return found;
  }

  static std::unique_ptr<TinyHome> home_;
};
std::unique_ptr<TinyHome> GenerateTest::home_;

constexpr const char* kRecords = R"({"prompt": "one"}
{"prompt": "a much longer second prompt"}

{"prompt": "three"}
)";

TEST_F(GenerateTest, AnswersInTheOrderOfTheInput) {
  const BatchRequest batch = request(kRecords);
  std::vector<std::int64_t> done;
  const auto result = run_batch(batch, [&](const BatchProgress& now) { done.push_back(now.done); }, {});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->records, 3);
  EXPECT_EQ(result->with_expected, 0);
  EXPECT_GT(result->prompt_tokens, 0);
  EXPECT_EQ(done, (std::vector<std::int64_t>{1, 2, 3}));
  const auto answers = lines(output());
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_THAT(answers[0], testing::AllOf(HasSubstr("\"one\""), HasSubstr("\"completion\"")));
  EXPECT_THAT(answers[1], HasSubstr("much longer"));
  EXPECT_THAT(answers[2], HasSubstr("\"three\""));
}

TEST_F(GenerateTest, AnswersInTheFormatOfTheInput) {
  for (
      const std::string record :
      {R"({"messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]})",
       R"({"schemaVersion": "bedrock-conversation-2024", "messages": [{"role": "user", "content": [{"text": "hi"}]}]})",
       R"({"system": "be brief", "messages": [{"role": "user", "content": "hi"}]})"}) {
    const auto result = run_batch(request(record + "\n"), {}, {});
    ASSERT_TRUE(result) << result.error().message;
    const auto asked = Json::parse(record);
    const auto answered = Json::parse(lines(output()).at(0));
    ASSERT_TRUE(asked && answered) << record;
    const std::size_t messages = (*asked)["messages"].size();
    ASSERT_EQ((*answered)["messages"].size(), messages + 1);
    EXPECT_EQ((*answered)["messages"][messages]["role"].as_string(), "assistant");
    EXPECT_EQ((*answered)["messages"][messages - 1], (*asked)["messages"][messages - 1]);
    EXPECT_EQ((*answered)["system"], (*asked)["system"]);
    EXPECT_EQ((*answered)["schemaVersion"], (*asked)["schemaVersion"]);
  }
}

TEST_F(GenerateTest, TheBatchSizeDoesNotChangeTheAnswers) {
  BatchRequest batch = request(kRecords);
  batch.generation.sampling = {.temperature = 1.0F, .seed = 5};
  ASSERT_TRUE(run_batch(batch, {}, {}));
  const auto together = lines(output());
  batch.max_batch = 1;
  ASSERT_TRUE(run_batch(batch, {}, {}));
  EXPECT_EQ(lines(output()), together);
  batch.generation.sampling.seed = 6;
  ASSERT_TRUE(run_batch(batch, {}, {}));
  EXPECT_NE(lines(output()), together);
}

TEST_F(GenerateTest, CountsExactMatchesAgainstExpectedAnswers) {
  ASSERT_TRUE(run_batch(request(kRecords), {}, {}));
  const auto answered = read_file(output());
  ASSERT_TRUE(answered);
  const auto result = run_batch(request(*answered + R"({"prompt": "four", "completion": "surely not this"})"
                                                    "\n"),
                                {}, {});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->with_expected, 4);
  EXPECT_EQ(result->exact_matches, 3);
}

TEST_F(GenerateTest, CountsTruncatedAnswers) {
  BatchRequest batch = request(R"({"prompt": "one"})"
                               "\n");
  batch.generation.max_tokens = 1;
  const auto result = run_batch(batch, {}, {});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->truncated, 1);
  EXPECT_EQ(result->generated_tokens, 1);
}

TEST_F(GenerateTest, NamesTheLineOfAPromptThatFillsTheContext) {
  const auto result = run_batch(request(R"({"prompt": "one"})"
                                        "\n"
                                        R"({"prompt": ")" +
                                        std::string(2000, 'x') + "\"}\n"),
                                {}, {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::invalid_argument);
  EXPECT_THAT(result.error().message, testing::AllOf(HasSubstr("prompts.jsonl:2"), HasSubstr("holds 128")));
  EXPECT_FALSE(std::filesystem::exists(output()));
}

TEST_F(GenerateTest, AStopRequestLeavesNoOutput) {
  std::stop_source source;
  BatchRequest batch = request(kRecords);
  batch.max_batch = 1;
  const auto result = run_batch(
      batch, [&](const BatchProgress&) { source.request_stop(); }, source.get_token());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::cancelled);
  EXPECT_THAT(result.error().message, HasSubstr("1 of 3"));
  EXPECT_FALSE(std::filesystem::exists(output()));
}

TEST_F(GenerateTest, RefusesRequestsThatCannotEndWell) {
  const auto code_of = [](const BatchRequest& batch) {
    const auto result = run_batch(batch, {}, {});
    EXPECT_FALSE(result);
    return result ? Code::internal : result.error().code;
  };
  BatchRequest same = request(kRecords);
  same.output = same.input;
  EXPECT_EQ(code_of(same), Code::invalid_argument);
  EXPECT_EQ(lines(same.input).size(), 4U);

  BatchRequest folder = request(kRecords);
  folder.output = home_->home();
  EXPECT_EQ(code_of(folder), Code::invalid_argument);

  BatchRequest nowhere = request(kRecords);
  nowhere.output = home_->file("no/such/folder/answers.jsonl");
  EXPECT_EQ(code_of(nowhere), Code::not_found);

  BatchRequest nobody = request(kRecords);
  nobody.model = "nobody";
  EXPECT_EQ(code_of(nobody), Code::not_found);

  BatchRequest missing = request(kRecords);
  missing.input = home_->file("missing.jsonl");
  EXPECT_EQ(code_of(missing), Code::not_found);

  BatchRequest hot = request(kRecords);
  hot.generation.sampling.temperature = -1.0F;
  EXPECT_EQ(code_of(hot), Code::invalid_argument);

  EXPECT_EQ(code_of(request("{\"prompt\": 3}\n")), Code::invalid_argument);
}

TEST_F(GenerateTest, LoadsAModelReadyToAnswer) {
  auto generator = load_generator(home_->home(), TinyHome::kModel);
  ASSERT_TRUE(generator) << generator.error().message;
  EXPECT_EQ((*generator)->info().id, TinyHome::kModel);
  EXPECT_EQ((*generator)->context_length(), TinyHome::kContext);
  EXPECT_FALSE(load_generator(home_->home(), "nobody"));
}

}  // namespace
}  // namespace outcrop::service
