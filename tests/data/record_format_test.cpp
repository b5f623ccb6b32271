// The rules of each record format: what a finding says about a line that breaks one.

#include "data/record_format.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outcrop::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Parsed {
  std::optional<Record> record;
  std::vector<std::string> findings;
};

Parsed parse(std::string_view line, Purpose purpose = Purpose::training) {
  Findings findings;
  Parsed parsed{parse_record(line, purpose, "t.jsonl", 7, findings), {}};
  for (const Finding& finding : findings.shown) parsed.findings.push_back(to_string(finding));
  EXPECT_EQ(parsed.record.has_value(), parsed.findings.empty()) << line;
  return parsed;
}

/// The only finding, without "t.jsonl:7: ".
std::string finding(std::string_view line, Purpose purpose = Purpose::training) {
  const std::vector<std::string> findings = parse(line, purpose).findings;
  if (findings.size() != 1) {
    ADD_FAILURE() << findings.size() << " findings for " << line;
    return "";
  }
  EXPECT_THAT(findings[0], testing::StartsWith("t.jsonl:7: "));
  return findings[0].substr(std::string_view("t.jsonl:7: ").size());
}

std::string bedrock(std::string_view messages, std::string_view more = "") {
  return R"({"schemaVersion": "bedrock-conversation-2024", )" + std::string(more) + R"("messages": [)" +
         std::string(messages) + "]}";
}

std::string chat(std::string_view messages, std::string_view more = "") {
  return "{" + std::string(more) + R"("messages": [)" + std::string(messages) + "]}";
}

constexpr std::string_view kBedrockTurns =
    R"({"role": "user", "content": [{"text": "a"}]}, {"role": "assistant", "content": [{"text": "b"}]})";
constexpr std::string_view kTurns =
    R"({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"})";

void expect_messages(const Parsed& parsed, RecordFormat format,
                     const std::vector<std::pair<Role, std::string>>& messages) {
  ASSERT_TRUE(parsed.record) << testing::PrintToString(parsed.findings);
  EXPECT_EQ(parsed.record->format, format);
  EXPECT_EQ(parsed.record->line, 7);
  ASSERT_EQ(parsed.record->messages.size(), messages.size());
  for (std::size_t i = 0; i < messages.size(); ++i) {
    EXPECT_EQ(parsed.record->messages[i].role, messages[i].first) << i;
    EXPECT_EQ(parsed.record->messages[i].content, messages[i].second) << i;
  }
}

TEST(PromptCompletion, IsAQuestionAndItsAnswerWithAllWhiteSpace) {
  expect_messages(parse(R"({"prompt": " a\n", "completion": "\tb é "})"), RecordFormat::prompt_completion,
                  {{Role::user, " a\n"}, {Role::assistant, "\tb é "}});
}

TEST(PromptCompletion, BothTextsAreNeededAndNotBlank) {
  EXPECT_EQ(finding(R"({"prompt": "a"})"), "completion: must be a text, found nothing");
  EXPECT_EQ(finding(R"({"completion": "b"})"), "prompt: must be a text, found nothing");
  EXPECT_EQ(finding(R"({"prompt": "a", "completion": 3})"), "completion: must be a text, found 3");
  EXPECT_EQ(finding(R"({"prompt": ["a"], "completion": "b"})"), R"(prompt: must be a text, found ["a"])");
  EXPECT_EQ(finding(R"({"prompt": "a", "completion": " \n"})"),
            R"(completion: must not be empty, found " \n")");
  EXPECT_EQ(finding(R"({"prompt": "", "completion": "b"})"), R"(prompt: must not be empty, found "")");
  EXPECT_EQ(parse(R"({"prompt": 1, "completion": ""})").findings.size(), 2U);
}

TEST(PromptCompletion, AForeignFieldIsRefusedAndItsNeighbourNamed) {
  EXPECT_THAT(parse(R"({"prompt": "a", "completon": "b"})").findings,
              ElementsAre("t.jsonl:7: completon: unknown field of a prompt/completion record; did you mean "
                          "\"completion\"",
                          "t.jsonl:7: completion: must be a text, found nothing"));
  EXPECT_EQ(finding(R"({"prompt": "a", "completion": "b", "temperature": 1})"),
            "temperature: unknown field of a prompt/completion record");
  EXPECT_EQ(finding(R"({"prompt": "a", "completion": "b", "messages": []})"),
            "messages: unknown field of a prompt/completion record");
}

TEST(PromptCompletion, AsAPromptNeedsNoAnswer) {
  expect_messages(parse(R"({"prompt": "a"})", Purpose::prompts), RecordFormat::prompt_completion,
                  {{Role::user, "a"}});
  expect_messages(parse(R"({"prompt": "a", "completion": "b"})", Purpose::prompts),
                  RecordFormat::prompt_completion, {{Role::user, "a"}, {Role::assistant, "b"}});
  EXPECT_EQ(finding(R"({"prompt": "a", "completion": ""})", Purpose::prompts),
            R"(completion: must not be empty, found "")");
  EXPECT_EQ(finding(R"({"completion": "b"})", Purpose::prompts), "prompt: must be a text, found nothing");
}

TEST(BedrockConversation, JoinsTheBlocksOfAMessageAndPutsTheSystemTextFirst) {
  expect_messages(parse(bedrock(R"({"role": "user", "content": [{"text": "a"}, {"text": " b"}]},
                                   {"role": "assistant", "content": [{"text": "c"}]})",
                                R"("system": [{"text": "s"}], )")),
                  RecordFormat::bedrock_conversation_2024,
                  {{Role::system, "s"}, {Role::user, "a b"}, {Role::assistant, "c"}});
}

TEST(BedrockConversation, HasAtMostOneSystemBlock) {
  expect_messages(parse(bedrock(kBedrockTurns, R"("system": [], )")), RecordFormat::bedrock_conversation_2024,
                  {{Role::user, "a"}, {Role::assistant, "b"}});
  EXPECT_EQ(finding(bedrock(kBedrockTurns, R"("system": [{"text": "s"}, {"text": "t"}], )")),
            "system: must hold at most one block, found 2 blocks");
  EXPECT_EQ(finding(bedrock(kBedrockTurns, R"("system": "s", )")),
            R"(system: must be a list of {"text": ...} blocks, found "s")");
  EXPECT_EQ(finding(bedrock(kBedrockTurns, R"("system": [{"text": " "}], )")),
            R"(system: must not be empty, found [{"text":" "}])");
}

TEST(BedrockConversation, NeedsItsVersion) {
  EXPECT_EQ(finding(R"({"schemaVersion": "bedrock-conversation-2023", "messages": []})"),
            R"(schemaVersion: must be "bedrock-conversation-2024", found "bedrock-conversation-2023")");
  EXPECT_EQ(finding(R"({"schemaVersion": 2024, "messages": []})"),
            R"(schemaVersion: must be "bedrock-conversation-2024", found 2024)");
}

TEST(BedrockConversation, ContentsAreListsOfTextBlocks) {
  EXPECT_EQ(finding(bedrock(
                R"({"role": "user", "content": "a"}, {"role": "assistant", "content": [{"text": "b"}]})")),
            R"(messages[0].content: must be a list of {"text": ...} blocks, found "a")");
  EXPECT_EQ(
      finding(bedrock(R"({"role": "user", "content": [{"text": "a"}]}, {"role": "assistant", "content": []})")),
      R"(messages[1].content: must be a list of {"text": ...} blocks, found [])");
  EXPECT_EQ(finding(bedrock(R"({"role": "user", "content": [{"text": "a"}, {"image": {}}]},
                               {"role": "assistant", "content": [{"text": "b"}]})")),
            R"(messages[0].content[1]: only text blocks can be trained on, found {"image":{}})");
  EXPECT_EQ(
      finding(bedrock(
          R"({"role": "user", "content": [{"text": "a"}]}, {"role": "assistant", "content": [{"text": ""}]})")),
      R"(messages[1].content: must not be empty, found [{"text":""}])");
}

TEST(BedrockConversation, ABlockHoldsNothingBesideItsText) {
  EXPECT_EQ(finding(bedrock(R"({"role": "user", "content": [{"text": "a", "image": {}}]},
                               {"role": "assistant", "content": [{"text": "b"}]})")),
            R"(messages[0].content[0]: only text blocks can be trained on, found {"text":"a","image":{}})");
  EXPECT_EQ(finding(bedrock(R"({"role": "user", "content": [{"type": "text", "text": "a"}]},
                               {"role": "assistant", "content": [{"text": "b"}]})")),
            R"(messages[0].content[0]: only text blocks can be trained on, found {"type":"text","text":"a"})");
}

TEST(BedrockConversation, RefusesFieldsOfNeitherRecordNorMessage) {
  EXPECT_EQ(finding(bedrock(kBedrockTurns, R"("sytem": [{"text": "s"}], )")),
            R"(sytem: unknown field of a bedrock-conversation-2024 record; did you mean "system")");
  EXPECT_EQ(finding(bedrock(R"({"role": "user", "content": [{"text": "a"}]},
                               {"role": "assistant", "content": [{"text": "b"}], "weight": 0})")),
            "messages[1].weight: unknown field of a message");
}

TEST(ClaudeMessages, TextsMayBeTextsOrBlocks) {
  expect_messages(parse(chat(kTurns, R"("system": "s", )")), RecordFormat::claude_messages,
                  {{Role::system, "s"}, {Role::user, "a"}, {Role::assistant, "b"}});
  expect_messages(parse(chat(R"({"role": "user", "content": [{"type": "text", "text": "a"}, {"text": "b"}]},
                                {"role": "assistant", "content": "c"})",
                             R"("system": [{"type": "text", "text": "s"}, {"type": "text", "text": "t"}], )")),
                  RecordFormat::claude_messages,
                  {{Role::system, "st"}, {Role::user, "ab"}, {Role::assistant, "c"}});
}

TEST(ClaudeMessages, OtherContentsAreRefused) {
  EXPECT_EQ(finding(chat(R"({"role": "user", "content": 3}, {"role": "assistant", "content": "b"})")),
            "messages[0].content: must be a text or a list of text blocks, found 3");
  EXPECT_EQ(finding(chat(R"({"role": "user"}, {"role": "assistant", "content": "b"})")),
            "messages[0].content: must be a text or a list of text blocks, found nothing");
  EXPECT_EQ(
      finding(chat(R"({"role": "user", "content": [{"type": "tool_result", "text": "a"}]},
                            {"role": "assistant", "content": "b"})")),
      R"(messages[0].content[0]: only text blocks can be trained on, found {"type":"tool_result","text":"a"})");
  EXPECT_EQ(finding(chat(kTurns, R"("system": " ", )")), R"(system: must not be empty, found " ")");
  EXPECT_EQ(finding(chat(kTurns, R"("model": "m", )")), "model: unknown field of a Claude messages record");
}

TEST(OpenAiChat, TheSystemMessageComesFirst) {
  expect_messages(parse(chat(R"({"role": "system", "content": "s"}, {"role": "user", "content": "a"},
                                {"role": "assistant", "content": [{"type": "text", "text": "b"}]})")),
                  RecordFormat::openai_chat, {{Role::system, "s"}, {Role::user, "a"}, {Role::assistant, "b"}});
  EXPECT_EQ(finding(chat(R"({"role": "system", "content": "s"}, {"role": "system", "content": "s"},
                            {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"})")),
            R"(messages[1].role: roles must alternate and begin with "user", found "system")");
  EXPECT_EQ(finding(chat(R"({"role": "system", "content": "s"}, {"role": "developer", "content": "a"},
                            {"role": "assistant", "content": "b"})")),
            R"(messages[1].role: must be "system", "user" or "assistant", found "developer")");
}

TEST(OpenAiChat, AMessageThatSaysMoreThanItsTextIsRefused) {
  EXPECT_EQ(finding(chat(R"({"role": "system", "content": "s"}, {"role": "user", "content": "a"},
                            {"role": "assistant", "content": "b", "weight": 0})")),
            "messages[2].weight: unknown field of a message");
  EXPECT_EQ(finding(chat(R"({"role": "system", "content": "s"}, {"role": "user", "content": "a"},
                            {"role": "assistant", "conten": "b", "content": "b"})")),
            R"(messages[2].conten: unknown field of a message; did you mean "content")");
}

TEST(Turns, UserAndAssistantAlternate) {
  EXPECT_EQ(finding(chat(R"({"role": "human", "content": "a"}, {"role": "assistant", "content": "b"})")),
            R"(messages[0].role: must be "user" or "assistant", found "human")");
  EXPECT_EQ(finding(chat(R"({"content": "a"}, {"role": "assistant", "content": "b"})")),
            R"(messages[0].role: must be "user" or "assistant", found nothing)");
  EXPECT_EQ(finding(chat(R"({"role": "user", "content": "a"}, {"role": "user", "content": "b"})")),
            R"(messages[1].role: roles must alternate and begin with "user", found "user")");
  EXPECT_EQ(finding(chat(R"({"role": "assistant", "content": "a"})")),
            R"(messages[0].role: roles must alternate and begin with "user", found "assistant")");
  EXPECT_EQ(finding(chat(R"({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
                            {"role": "assistant", "content": "c"})",
                         R"("system": "s", )")),
            R"(messages[2].role: roles must alternate and begin with "user", found "assistant")");
}

TEST(Turns, TheAssistantHasTheLastWordInTraining) {
  const std::string user = chat(R"({"role": "user", "content": "a"})");
  EXPECT_EQ(finding(user), R"(messages[0].role: the last message must be the assistant's, found "user")");
  expect_messages(parse(user, Purpose::prompts), RecordFormat::claude_messages, {{Role::user, "a"}});
  expect_messages(parse(chat(kTurns), Purpose::prompts), RecordFormat::claude_messages,
                  {{Role::user, "a"}, {Role::assistant, "b"}});
  EXPECT_EQ(finding(chat(R"({"role": "user", "content": "a"}, {"role": "assistant", "content": " "})")),
            R"(messages[1].content: must not be empty, found " ")");
}

TEST(Turns, ThereIsAMessageOfTheUser) {
  EXPECT_EQ(finding(chat("")), "messages: must be a list of at least one message, found []");
  EXPECT_EQ(finding(R"({"messages": "a"})"), R"(messages: must be a list of at least one message, found "a")");
  EXPECT_EQ(finding(R"({"schemaVersion": "bedrock-conversation-2024"})"),
            "messages: must be a list of at least one message, found nothing");
  EXPECT_EQ(finding(chat(R"({"role": "system", "content": "s"})")),
            "messages: must hold a message of the user, found none");
  EXPECT_EQ(finding(chat(R"("a", {"role": "assistant", "content": "b"})")),
            R"(messages[0]: must be an object with "role" and "content", found "a")");
}

TEST(Line, IsOneJsonObjectOfAKnownShape) {
  EXPECT_THAT(finding(R"({"prompt": "a", "completion": b})"),
              HasSubstr("each line must be one JSON object, found column 31: "));
  EXPECT_THAT(finding(R"({"prompt": "a"} {"prompt": "b"})"), HasSubstr("each line must be one JSON object"));
  EXPECT_THAT(finding(R"({"prompt": "a", "prompt": "b", "completion": "c"})"), HasSubstr("duplicate key"));
  EXPECT_EQ(finding(R"(["a"])"), R"(each line must be one JSON object, found ["a"])");
  EXPECT_EQ(finding(R"({"text": "a"})"),
            "a record has \"prompt\" and \"completion\", or \"messages\" (with \"schemaVersion\" for Bedrock "
            "conversations), found {\"text\":\"a\"}");
}

TEST(Line, IsUtf8) {
  EXPECT_EQ(finding("{\"prompt\": \"\xFF\"}"), "text must be UTF-8, found byte 0xff at column 13");
  EXPECT_EQ(finding("{\"prompt\": \"\xC3"), "text must be UTF-8, found byte 0xc3 at column 13");
  EXPECT_EQ(finding("\xED\xA0\x80"), "text must be UTF-8, found byte 0xed at column 1");
  EXPECT_THAT(finding(R"({"prompt": "a", "completion": "\ud800"})"),
              HasSubstr("each line must be one JSON object"));
}

TEST(Line, HasAtMostSixteenMebibytes) {
  EXPECT_EQ(finding(std::string((std::size_t{16} << 20) + 1, ' ')),
            "a line has at most 16777216 bytes, found 16777217 bytes");
}

TEST(Line, LongValuesAreShortenedAndControlCharactersDoNotReachATerminal) {
  const std::string text = finding(R"({"prompt": ")" + std::string(500, 'x') + R"("})");
  EXPECT_EQ(text, "completion: must be a text, found nothing");
  EXPECT_LT(finding(R"({"prompt": "a", "completion": [")" + std::string(500, 'x') + R"("]})").size(), 150U);
  EXPECT_EQ(finding(R"({"prompt": "a", "completion": "b", "\u001b[2J": 1})"),
            R"(\u001b[2J: unknown field of a prompt/completion record)");
  EXPECT_LT(finding(R"({"prompt": "a", "completion": "b", ")" + std::string(500, 'x') + R"(": 1})").size(),
            150U);
}

TEST(Line, EveryBrokenRuleIsAFindingOfItsOwn) {
  EXPECT_THAT(
      parse(
          R"({"model": "m", "messages": [{"role": "user", "content": ""}, 3, {"role": "x", "content": "c"}]})")
          .findings,
      ElementsAre(HasSubstr("model: "), HasSubstr("messages[0].content: "), HasSubstr("messages[1]: "),
                  HasSubstr("messages[2].role: ")));
}

}  // namespace
}  // namespace outcrop::data
