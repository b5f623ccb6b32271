// Which format a file of records has, where single lines leave it open.

#include "base/files.h"
#include "data/record.h"

#include <filesystem>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace outcrop::data {
namespace {

constexpr std::string_view kPlain =
    R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})";
constexpr std::string_view kOpenAi =
    R"({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"},)"
    R"( {"role": "assistant", "content": "b"}]})";
constexpr std::string_view kClaude =
    R"({"system": "s", "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})";

Result<std::vector<Record>> read(std::initializer_list<std::string_view> lines) {
  const Path path = Path(testing::TempDir()) / ("outcrop-file-format-" + std::to_string(getpid()) + ".jsonl");
  std::string text;
  for (const std::string_view line : lines) text += std::string(line) + "\n";
  OUTCROP_CHECK_OK(write_file_atomic(path, text));
  auto records = read_training_records(path);
  std::filesystem::remove(path);
  return records;
}

void expect_all(const Result<std::vector<Record>>& records, RecordFormat format) {
  ASSERT_TRUE(records) << records.error().message;
  ASSERT_EQ(records->size(), 3U);
  for (const Record& record : *records) EXPECT_EQ(record.format, format) << "line " << record.line;
}

TEST(FileFormat, OpenAiChatMayHaveASystemMessageInSomeLinesOnly) {
  expect_all(read({kPlain, kOpenAi, kPlain}), RecordFormat::openai_chat);
  expect_all(read({kOpenAi, kPlain, kOpenAi}), RecordFormat::openai_chat);
}

TEST(FileFormat, ClaudeMessagesMayHaveASystemTextInSomeLinesOnly) {
  expect_all(read({kPlain, kClaude, kPlain}), RecordFormat::claude_messages);
}

TEST(FileFormat, LinesOfTwoFormatsAreRefusedByLine) {
  const auto records = read({kPlain, kOpenAi, kClaude, kPlain});
  ASSERT_FALSE(records);
  EXPECT_EQ(records.error().code, Code::invalid_argument);
  EXPECT_THAT(records.error().message, testing::HasSubstr(":3: "));
  EXPECT_THAT(records.error().message, testing::Not(testing::HasSubstr(":4: ")));
}

}  // namespace
}  // namespace outcrop::data
