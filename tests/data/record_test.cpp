// Files of records: lines, encodings, how findings are reported, and records written with an answer.

#include "data/record.h"

#include "base/files.h"
#include "json/json.h"

#include <filesystem>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace outcrop::data {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kLine = R"({"prompt": "a", "completion": "b"})";

/// A file that goes with the test.
class RecordFile {
 public:
  explicit RecordFile(std::string_view text)
      : path_(Path(testing::TempDir()) / ("outcrop-record-test-" + std::to_string(getpid()) + ".jsonl")) {
    const Status written = write_file_atomic(path_, text);
    EXPECT_TRUE(written) << (written ? "" : written.error().message);
  }
  ~RecordFile() { std::filesystem::remove(path_); }
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;
  const Path& path() const { return path_; }

 private:
  Path path_;
};

std::vector<std::int64_t> lines_of(std::string_view text) {
  const RecordFile file(text);
  const auto records = read_training_records(file.path());
  std::vector<std::int64_t> lines;
  if (!records) {
    ADD_FAILURE() << records.error().message;
    return lines;
  }
  for (const Record& record : *records) {
    lines.push_back(record.line);
    EXPECT_EQ(record.messages.size(), 2U);
    EXPECT_EQ(record.messages.back().content, "b");
  }
  return lines;
}

Error error_of(std::string_view text) {
  const RecordFile file(text);
  auto records = read_training_records(file.path());
  if (records) {
    ADD_FAILURE() << "no error for " << text;
    return {Code::internal, ""};
  }
  return std::move(records).error();
}

std::string repeated(std::string_view line, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += std::string(line) + "\n";
  return text;
}

std::int64_t count(std::string_view text, std::string_view part) {
  std::int64_t found = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

using Lines = std::vector<std::int64_t>;

TEST(RecordFile, TheLastLineMayEndTheFile) {
  const std::string line(kLine);
  EXPECT_EQ(lines_of(line), (Lines{1}));
  EXPECT_EQ(lines_of(line + "\n" + line), (Lines{1, 2}));
  EXPECT_EQ(lines_of(line + "\n" + line + "\n"), (Lines{1, 2}));
}

TEST(RecordFile, BlankLinesAreSkippedAndCounted) {
  const std::string line(kLine);
  EXPECT_EQ(lines_of("\n \t\n" + line + "\n\n" + line + "\n\n"), (Lines{3, 5}));
}

TEST(RecordFile, WindowsLineEndsAndAByteOrderMarkAreTakenOff) {
  const std::string line(kLine);
  EXPECT_EQ(lines_of("\xEF\xBB\xBF" + line + "\r\n\r\n" + line + "\r\n"), (Lines{1, 3}));
  EXPECT_EQ(lines_of(line + "\r\n" + line + "\r"), (Lines{1, 2}));
  // Where two files were joined.
  EXPECT_EQ(lines_of(line + "\n\xEF\xBB\xBF" + line), (Lines{1, 2}));
}

TEST(RecordFile, AFileWithoutRecordsIsAnError) {
  for (const std::string_view text : {"", "\n", " \r\n\t\n", "\xEF\xBB\xBF"}) {
    const Error error = error_of(text);
    EXPECT_EQ(error.code, Code::invalid_argument);
    EXPECT_THAT(error.message, HasSubstr("has no record"));
  }
}

TEST(RecordFile, AMissingFileIsNotFoundAndNamed) {
  const auto records = read_training_records(Path(testing::TempDir()) / "outcrop-no-such-file.jsonl");
  ASSERT_FALSE(records);
  EXPECT_EQ(records.error().code, Code::not_found);
  EXPECT_THAT(records.error().message, HasSubstr("outcrop-no-such-file.jsonl"));
}

TEST(RecordFile, BytesThatAreNoUtf8AreNamedByLineAndColumn) {
  const Error error = error_of(std::string(kLine) + "\n{\"prompt\": \"caf\xE9\", \"completion\": \"b\"}\n");
  EXPECT_EQ(error.code, Code::invalid_argument);
  EXPECT_THAT(error.message, HasSubstr(".jsonl:2: text must be UTF-8, found byte 0xe9 at column 16"));
}

TEST(RecordFile, AnotherEncodingIsRefusedByItsFirstByte) {
  const std::string utf16("\xFF\xFE{\0}\0\n\0", 8);
  EXPECT_THAT(error_of(utf16).message, HasSubstr("text must be UTF-8, found byte 0xff at column 1"));
}

TEST(RecordFile, AllFindingsComeTogetherInTheOrderOfTheirLines) {
  const Error error = error_of("{\"prompt\": 1, \"completion\": \"\"}\n" + std::string(kLine) + "\nnot json\n");
  EXPECT_EQ(error.code, Code::invalid_argument);
  EXPECT_THAT(error.message, HasSubstr(".jsonl: 3 problems\n"));
  const std::size_t first = error.message.find(":1: prompt: must be a text, found 1");
  const std::size_t second = error.message.find(":1: completion: must not be empty");
  const std::size_t third = error.message.find(":3: each line must be one JSON object");
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_NE(third, std::string::npos);
}

TEST(RecordFile, AHundredFindingsAreShownAndTheRestIsCounted) {
  const Error hundred = error_of(repeated("{\"prompt\": \"a\"}", 100));
  EXPECT_THAT(hundred.message, HasSubstr(": 100 problems\n"));
  EXPECT_EQ(count(hundred.message, "completion: must be a text"), 100);
  EXPECT_THAT(hundred.message, Not(HasSubstr("more")));
  const Error many = error_of(repeated("{\"prompt\": 3}", 117));
  EXPECT_THAT(many.message, HasSubstr(": 234 problems\n"));
  EXPECT_EQ(count(many.message, "must be a text"), 100);
  EXPECT_THAT(many.message, HasSubstr("\n  and 134 more"));
  EXPECT_THAT(error_of("{}").message, HasSubstr(": 1 problem\n"));
}

TEST(RecordFile, AnErrorHidesNoFindingOfALaterFormat) {
  const Error error =
      error_of(std::string(kLine) + "\n{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, " +
               "{\"role\": \"assistant\", \"content\": \"b\"}]}\n{\"prompt\": \"a\"}\n");
  EXPECT_THAT(error.message, HasSubstr(": 2 problems\n"));
  EXPECT_THAT(error.message, HasSubstr(":3: completion: must be a text"));
  EXPECT_THAT(error.message, HasSubstr(":2: all lines of a file have one format, here prompt/completion, found "
                                       "Claude messages"));
}

TEST(PromptFile, ATrailingAnswerIsWhatIsExpected) {
  const RecordFile file(
      R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})"
      "\n"
      R"({"messages": [{"role": "user", "content": "c"}]})");
  const auto prompts = read_prompt_records(file.path());
  ASSERT_TRUE(prompts) << prompts.error().message;
  ASSERT_EQ(prompts->size(), 2U);
  EXPECT_EQ((*prompts)[0].expected, "b");
  ASSERT_EQ((*prompts)[0].record.messages.size(), 1U);
  EXPECT_EQ((*prompts)[0].record.messages[0].content, "a");
  EXPECT_EQ((*prompts)[1].expected, std::nullopt);
  EXPECT_EQ((*prompts)[1].record.line, 2);
}

/// The line with its answer, as a training record of the same format with the same texts.
void expect_round_trip(std::string_view prompt) {
  SCOPED_TRACE(prompt);
  Findings findings;
  const auto asked = parse_record(prompt, Purpose::prompts, "f", 1, findings);
  ASSERT_TRUE(asked);
  const std::string line = render_with_answer(*asked, "yes \"é\"\n");
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto answered = parse_record(line, Purpose::training, "f", 1, findings);
  ASSERT_TRUE(answered) << line;
  EXPECT_EQ(answered->format, asked->format);
  ASSERT_EQ(answered->messages.size(), asked->messages.size() + 1);
  for (std::size_t i = 0; i < asked->messages.size(); ++i) {
    EXPECT_EQ(answered->messages[i].role, asked->messages[i].role);
    EXPECT_EQ(answered->messages[i].content, asked->messages[i].content);
  }
  EXPECT_EQ(answered->messages.back().role, Role::assistant);
  EXPECT_EQ(answered->messages.back().content, "yes \"é\"\n");
}

TEST(RenderWithAnswer, KeepsTheFormatThatTheRecordCameIn) {
  expect_round_trip(R"({"prompt": "a\u0001"})");
  expect_round_trip(R"({"schemaVersion": "bedrock-conversation-2024", "system": [{"text": "s"}],)"
                    R"( "messages": [{"role": "user", "content": [{"text": "a"}]}]})");
  expect_round_trip(
      R"({"schemaVersion": "bedrock-conversation-2024",)"
      R"( "messages": [{"role": "user", "content": [{"text": "a"}]},)"
      R"( {"role": "assistant", "content": [{"text": "b"}]}, {"role": "user", "content": [{"text": "c"}]}]})");
  expect_round_trip(R"({"system": "s", "messages": [{"role": "user", "content": "a"}]})");
  expect_round_trip(R"({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}]})");
}

TEST(RenderWithAnswer, HoldsNothingButTheRecordAndTheAnswer) {
  Findings findings;
  const auto asked = parse_record(R"({"prompt": "a"})", Purpose::prompts, "f", 1, findings);
  ASSERT_TRUE(asked);
  EXPECT_EQ(*Json::parse(render_with_answer(*asked, "b")), *Json::parse(kLine));
}

TEST(Finding, NamesFileLineFieldRuleAndValue) {
  EXPECT_EQ(to_string(Finding{"f.jsonl", 3, "messages[1].role", "must be known", "\"x\""}),
            "f.jsonl:3: messages[1].role: must be known, found \"x\"");
  EXPECT_EQ(to_string(Finding{"f.jsonl", 3, "", "must be JSON", ""}), "f.jsonl:3: must be JSON");
}

}  // namespace
}  // namespace outcrop::data
