#include "tokenizer/chat_template.h"

#include "tokenizer/golden.h"

#include <chrono>
#include <ctime>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace outcrop {
namespace {

using test::golden;
using test::text_of;

Role role_of(const Json& message) {
  const std::string role = text_of(message["role"]);
  if (role == "system") return Role::system;
  return role == "user" ? Role::user : Role::assistant;
}

std::vector<ChatMessage> messages_of(const Json& list) {
  std::vector<ChatMessage> messages;
  for (std::size_t i = 0; i < list.size(); ++i) {
    messages.push_back({role_of(list[i]), text_of(list[i]["content"])});
  }
  return messages;
}

Result<std::string> render(std::string_view source, const std::vector<ChatMessage>& messages = {}) {
  OUTCROP_TRY(const ChatTemplate compiled, ChatTemplate::compile(source, {.bos = "<s>", .eos = "</s>"}));
  return compiled.render(messages, /*add_generation_prompt=*/false);
}

TEST(ChatTemplate, RendersWhatTransformersRenders) {
  const Json templates = golden("templates.json")["templates"];
  ASSERT_GT(templates.size(), 0U);
  for (std::size_t t = 0; t < templates.size(); ++t) {
    SCOPED_TRACE(text_of(templates[t]["name"]));
    auto compiled =
        ChatTemplate::compile(text_of(templates[t]["source"]),
                              {.bos = text_of(templates[t]["bos"]), .eos = text_of(templates[t]["eos"])});
    ASSERT_TRUE(compiled) << compiled.error().message;
    const Json& cases = templates[t]["cases"];
    for (std::size_t i = 0; i < cases.size(); ++i) {
      SCOPED_TRACE(cases[i]["messages"].dump());
      auto text =
          compiled->render(messages_of(cases[i]["messages"]), *cases[i]["add_generation_prompt"].as_bool());
      if (cases[i].contains("error")) {
        ASSERT_FALSE(text.has_value());
        EXPECT_EQ(text.error().code, Code::invalid_argument);
        EXPECT_EQ(text.error().message, text_of(cases[i]["error"]));
      } else {
        ASSERT_TRUE(text) << text.error().message;
        EXPECT_EQ(*text, text_of(cases[i]["text"]));
      }
    }
  }
}

TEST(ChatTemplate, NamesTheLineOfASyntaxError) {
  auto compiled = ChatTemplate::compile("fine\n{% if x %}\n{{ unclosed", {});
  ASSERT_FALSE(compiled.has_value());
  EXPECT_EQ(compiled.error().code, Code::corrupt_data);
  EXPECT_NE(compiled.error().message.find("line 3"), std::string::npos) << compiled.error().message;
}

TEST(ChatTemplate, RefusesInvalidUtf8) {
  EXPECT_FALSE(ChatTemplate::compile("\xFF", {}).has_value());
  auto text = render("{{ messages[0].content }}", {{Role::user, "\xC3"}});
  ASSERT_FALSE(text.has_value());
  EXPECT_EQ(text.error().code, Code::invalid_argument);
}

TEST(ChatTemplate, StopsAHostileLoop) {
  const auto start = std::chrono::steady_clock::now();
  auto text = render(
      "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}"
      "{% set x = a * b * c %}{% endfor %}{% endfor %}{% endfor %}");
  ASSERT_FALSE(text.has_value());
  EXPECT_EQ(text.error().code, Code::invalid_argument);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(ChatTemplate, StopsEndlessRecursion) {
  auto text = render("{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}");
  ASSERT_FALSE(text.has_value());
  EXPECT_EQ(text.error().code, Code::invalid_argument);
}

TEST(ChatTemplate, RefusesDeepNestingInTheSource) {
  const std::string deep(100000, '(');
  EXPECT_FALSE(ChatTemplate::compile("{{ " + deep, {}).has_value());
}

TEST(ChatTemplate, RefusesEndlessOutput) {
  auto text = render("{% for a in range(9999) %}{{ 'x' * 1000000 }}{% endfor %}");
  ASSERT_FALSE(text.has_value());
  EXPECT_EQ(text.error().code, Code::invalid_argument);
}

TEST(ChatTemplate, WritesTheLocalTime) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ASSERT_NE(localtime_r(&now, &parts), nullptr);
  EXPECT_EQ(render("{{ strftime_now('%Y') }}").value(), std::to_string(parts.tm_year + 1900));
}

TEST(ChatTemplate, DoesNotEscapeForHtml) {
  EXPECT_EQ(render("{{ messages[0].content }}", {{Role::user, "<a & 'b'>"}}).value(), "<a & 'b'>");
}

TEST(ChatTemplate, RaisedTextArrivesFromInsideAMacro) {
  auto text = render("{% macro f() %}{{ raise_exception('only text') }}{% endmacro %}{{ f() }}");
  ASSERT_FALSE(text.has_value());
  EXPECT_EQ(text.error().message, "only text");
}

TEST(ChatTemplate, FingerprintsTellSourceAndTokensApart) {
  const auto fingerprint = [](std::string_view source, std::string bos, std::string eos) {
    return ChatTemplate::compile(source, {.bos = std::move(bos), .eos = std::move(eos)}).value().fingerprint();
  };
  EXPECT_EQ(fingerprint("a", "b", "c"), fingerprint("a", "b", "c"));
  EXPECT_NE(fingerprint("a", "b", "c"), fingerprint("ab", "", "c"));
  EXPECT_NE(fingerprint("a", "b", "c"), fingerprint("a", "c", "b"));
}

}  // namespace
}  // namespace outcrop
