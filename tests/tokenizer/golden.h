#pragma once
// Reads the golden files of tests/golden/tokenizer for this room's tests.

#include "base/files.h"
#include "json/json.h"
#include "tokenizer/tokenizer.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace outcrop::test {

inline Path golden_path(std::string_view name) {
  return Path(OUTCROP_TEST_DATA) / "golden" / "tokenizer" / name;
}

/// The parsed file; the null value and a test failure when it cannot be read.
inline Json golden(std::string_view name) {
  auto text = read_file(golden_path(name));
  if (!text) {
    ADD_FAILURE() << text.error().message;
    return {};
  }
  auto json = Json::parse(*text);
  if (!json) {
    ADD_FAILURE() << name << ": " << json.error().message;
    return {};
  }
  return *std::move(json);
}

inline std::string text_of(const Json& value) {
  return std::string(value.as_string().value_or(""));
}

inline std::vector<TokenId> ids_of(const Json& value) {
  std::vector<TokenId> ids;
  for (std::size_t i = 0; i < value.size(); ++i)
    ids.push_back(static_cast<TokenId>(value[i].as_int().value_or(-1)));
  return ids;
}

inline std::vector<std::string> texts_of(const Json& value) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < value.size(); ++i) texts.push_back(text_of(value[i]));
  return texts;
}

/// The small byte-level tokenizer of the golden files: specials <|bos|>, <|im_start|>, <|im_end|>.
inline Tokenizer tiny_tokenizer() {
  auto tokenizer = Tokenizer::open(golden_path("tiny_tokenizer.json"));
  EXPECT_TRUE(tokenizer.has_value()) << tokenizer.error().message;
  return *std::move(tokenizer);
}

/// Holds a tokenizer against the cases of a golden file: ids in both modes, and decoding back.
inline void expect_cases(const Tokenizer& tokenizer, const Json& cases) {
  ASSERT_GT(cases.size(), 0U);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const std::string text = text_of(cases[i]["text"]);
    const std::vector<TokenId> ids = ids_of(cases[i]["ids"]);
    SCOPED_TRACE(text);
    auto recognised = tokenizer.encode(text, Tokenizer::Specials::recognise);
    ASSERT_TRUE(recognised) << recognised.error().message;
    EXPECT_EQ(*recognised, ids);
    const Json& plain_ids = cases[i].contains("plain_ids") ? cases[i]["plain_ids"] : cases[i]["ids"];
    auto plain = tokenizer.encode(text, Tokenizer::Specials::plain);
    ASSERT_TRUE(plain) << plain.error().message;
    EXPECT_EQ(*plain, ids_of(plain_ids));
    EXPECT_EQ(tokenizer.decode(ids), text_of(cases[i]["decoded"]));
  }
}

}  // namespace outcrop::test
