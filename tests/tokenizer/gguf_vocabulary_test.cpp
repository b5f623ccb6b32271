#include "tokenizer/gguf_vocabulary.h"

#include "tokenizer/golden.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace outcrop {
namespace {

using test::golden;
using test::ids_of;
using test::texts_of;

std::vector<float> floats_of(const Json& value) {
  std::vector<float> floats;
  for (std::size_t i = 0; i < value.size(); ++i) {
    floats.push_back(static_cast<float>(value[i].as_double().value_or(0)));
  }
  return floats;
}

GgufVocabulary tiny_byte_level() {
  GgufVocabulary vocabulary;
  vocabulary.model = "gpt2";
  vocabulary.pre = "gpt-2";
  vocabulary.tokens = {"<s>", "a", "b", "ab", "<tool>"};
  vocabulary.types = {3, 1, 1, 1, 4};
  vocabulary.merges = {"a b"};
  vocabulary.bos = 0;
  return vocabulary;
}

GgufVocabulary tiny_pieces() {
  GgufVocabulary vocabulary;
  vocabulary.model = "llama";
  vocabulary.tokens = {"<unk>", "<s>", "<", "s", ">", "<s", "a", "b", "ab", "aba"};
  vocabulary.types = {2, 3, 1, 1, 1, 1, 1, 1, 1, 1};
  vocabulary.scores = {0, 0, -9, -9, -9, -3, -9, -9, -2, -1};
  vocabulary.unknown = 0;
  vocabulary.add_space_prefix = false;
  return vocabulary;
}

Tokenizer tokenizer_of(const GgufVocabulary& vocabulary) {
  auto json = tokenizer_json_from_gguf(vocabulary);
  EXPECT_TRUE(json.has_value()) << json.error().message;
  auto tokenizer = Tokenizer::from_json(*json);
  EXPECT_TRUE(tokenizer.has_value()) << tokenizer.error().message;
  return *std::move(tokenizer);
}

Code error_of(const GgufVocabulary& vocabulary) {
  auto json = tokenizer_json_from_gguf(vocabulary);
  EXPECT_FALSE(json.has_value());
  return json ? Code::internal : json.error().code;
}

// The NFC kinds normalise, as the models' own tokenizers do and llama.cpp does not: texts of the golden file
// are in NFC already, so that one set of ids serves.
TEST(GgufVocabulary, CutsWordsAsLlamaCppDoesForEveryKind) {
  const Json file = golden("tiny_pre_kinds.json");
  GgufVocabulary vocabulary;
  vocabulary.model = "gpt2";
  vocabulary.tokens = texts_of(file["tokens"]);
  for (const TokenId type : ids_of(file["types"])) vocabulary.types.push_back(type);
  vocabulary.merges = texts_of(file["merges"]);
  const std::vector<std::string> texts = texts_of(file["texts"]);
  ASSERT_GT(file["kinds"].size(), 0U);
  for (std::size_t k = 0; k < file["kinds"].size(); ++k) {
    const auto [kind, expected] = file["kinds"].member(k);
    vocabulary.pre = kind;
    const Tokenizer tokenizer = tokenizer_of(vocabulary);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      SCOPED_TRACE(vocabulary.pre + ": " + texts[i]);
      const auto ids = tokenizer.encode(texts[i], Tokenizer::Specials::plain).value();
      EXPECT_EQ(ids, ids_of(expected[i]));
      EXPECT_EQ(tokenizer.decode(ids), texts[i]);
    }
  }
}

TEST(GgufVocabulary, JoinsPiecesAsLlamaCppDoes) {
  const Json file = golden("tiny_pieces.json");
  GgufVocabulary vocabulary;
  vocabulary.model = "llama";
  vocabulary.tokens = texts_of(file["tokens"]);
  for (const TokenId type : ids_of(file["types"])) vocabulary.types.push_back(type);
  vocabulary.scores = floats_of(file["scores"]);
  vocabulary.unknown = 0;
  vocabulary.bos = 1;
  const std::vector<std::string> texts = texts_of(file["texts"]);
  for (const bool prefix : {true, false}) {
    vocabulary.add_space_prefix = prefix;
    const Tokenizer tokenizer = tokenizer_of(vocabulary);
    const Json& expected = file["ids"][prefix ? "prefix" : "no_prefix"];
    ASSERT_EQ(expected.size(), texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      SCOPED_TRACE((prefix ? "prefix: " : "no prefix: ") + texts[i]);
      EXPECT_EQ(tokenizer.encode(texts[i], Tokenizer::Specials::recognise).value(), ids_of(expected[i]));
    }
    EXPECT_EQ(tokenizer.strips_first_space(), prefix);
  }
}

TEST(GgufVocabulary, FallsBackToBytesAndBack) {
  const Json file = golden("tiny_pieces.json");
  GgufVocabulary vocabulary;
  vocabulary.model = "llama";
  vocabulary.tokens = texts_of(file["tokens"]);
  for (const TokenId type : ids_of(file["types"])) vocabulary.types.push_back(type);
  vocabulary.scores = floats_of(file["scores"]);
  vocabulary.unknown = 0;
  const Tokenizer tokenizer = tokenizer_of(vocabulary);
  const std::string text = "\xE4\xB8\xAD\x01 \xF0\x9F\x98\x80";
  const auto ids = tokenizer.encode(text, Tokenizer::Specials::plain).value();
  EXPECT_EQ(tokenizer.decode(ids), text);
  EXPECT_EQ(tokenizer.token_bytes(tokenizer.id_of("<0x0A>").value()), "\n");
}

TEST(GgufVocabulary, NoTextSpellsItsWayToAControlToken) {
  const Tokenizer tokenizer = tokenizer_of(tiny_pieces());
  EXPECT_EQ(tokenizer.encode("<s>", Tokenizer::Specials::plain).value(), (std::vector<TokenId>{5, 4}));
  EXPECT_EQ(tokenizer.encode("<s>", Tokenizer::Specials::recognise).value(), std::vector<TokenId>{1});
}

TEST(GgufVocabulary, JoinsTheHighestScoreFirst) {
  const Tokenizer tokenizer = tokenizer_of(tiny_pieces());
  EXPECT_EQ(tokenizer.encode("ab", Tokenizer::Specials::plain).value(), std::vector<TokenId>{8});
  EXPECT_EQ(tokenizer.encode("abab", Tokenizer::Specials::plain).value(), (std::vector<TokenId>{9, 7}));
}

TEST(GgufVocabulary, CutsUserDefinedTokensOutWithTheirSpacesEitherWay) {
  for (const std::string spelled : {"  ", "\xE2\x96\x81\xE2\x96\x81"}) {
    GgufVocabulary vocabulary = tiny_pieces();
    vocabulary.tokens.push_back(spelled);
    vocabulary.types.push_back(4);
    vocabulary.scores.push_back(0);
    const Tokenizer tokenizer = tokenizer_of(vocabulary);
    const auto ids = tokenizer.encode("ab  ab", Tokenizer::Specials::plain).value();
    EXPECT_EQ(ids, (std::vector<TokenId>{8, 10, 8}));
    EXPECT_EQ(tokenizer.decode(ids), "ab  ab");
    EXPECT_FALSE(tokenizer.is_special(10));
  }
}

TEST(GgufVocabulary, KeepsControlAndUserDefinedTokensApart) {
  const Tokenizer tokenizer = tokenizer_of(tiny_byte_level());
  EXPECT_TRUE(tokenizer.is_special(0));
  EXPECT_FALSE(tokenizer.is_special(4));
  EXPECT_EQ(tokenizer.encode("ab<tool>", Tokenizer::Specials::plain).value(), (std::vector<TokenId>{3, 4}));
}

TEST(GgufVocabulary, PutsBosInFrontOnlyWhenTheFileSaysSo) {
  GgufVocabulary vocabulary = tiny_byte_level();
  EXPECT_TRUE(tokenizer_of(vocabulary).prefix_ids().empty());
  vocabulary.add_bos = true;
  EXPECT_EQ(tokenizer_of(vocabulary).prefix_ids(), std::vector<TokenId>{0});
  EXPECT_EQ(tokenizer_of(vocabulary).encode("ab", Tokenizer::Specials::recognise).value(),
            std::vector<TokenId>{3});
}

TEST(GgufVocabulary, NormalisesQwen2ToNfc) {
  GgufVocabulary vocabulary = tiny_byte_level();
  vocabulary.tokens = {"<s>", "\xC3\x83", "\xC2\xA9", "\xC3\x83\xC2\xA9", "e"};  // é in GPT-2's alphabet
  vocabulary.types = {3, 1, 1, 1, 1};
  vocabulary.merges = {"\xC3\x83 \xC2\xA9"};
  vocabulary.pre = "qwen2";
  EXPECT_EQ(tokenizer_of(vocabulary).encode("e\xCC\x81", Tokenizer::Specials::plain).value(),
            std::vector<TokenId>{3});
}

TEST(GgufVocabulary, NamesWhatItDoesNotKnow) {
  GgufVocabulary vocabulary = tiny_byte_level();
  vocabulary.pre = "martian";
  auto json = tokenizer_json_from_gguf(vocabulary);
  ASSERT_FALSE(json.has_value());
  EXPECT_EQ(json.error().code, Code::unsupported);
  EXPECT_NE(json.error().message.find("martian"), std::string::npos);
  EXPECT_NE(json.error().message.find("smollm"), std::string::npos);
  vocabulary.model = "rwkv";
  EXPECT_EQ(error_of(vocabulary), Code::unsupported);
}

TEST(GgufVocabulary, RefusesArraysOfDifferentLengths) {
  GgufVocabulary vocabulary = tiny_byte_level();
  vocabulary.types.pop_back();
  EXPECT_EQ(error_of(vocabulary), Code::corrupt_data);
  vocabulary = tiny_pieces();
  vocabulary.scores.pop_back();
  EXPECT_EQ(error_of(vocabulary), Code::corrupt_data);
  GgufVocabulary empty;
  empty.model = "gpt2";
  EXPECT_EQ(error_of(empty), Code::corrupt_data);
}

TEST(GgufVocabulary, RefusesIdsOutsideRepeatedTokensAndBrokenText) {
  GgufVocabulary vocabulary = tiny_byte_level();
  vocabulary.eos = 5;
  EXPECT_EQ(error_of(vocabulary), Code::corrupt_data);
  vocabulary = tiny_byte_level();
  vocabulary.bos = -1;
  EXPECT_EQ(error_of(vocabulary), Code::corrupt_data);
  vocabulary = tiny_byte_level();
  vocabulary.tokens[2] = "a";
  EXPECT_EQ(error_of(vocabulary), Code::corrupt_data);
  vocabulary = tiny_byte_level();
  vocabulary.tokens[2] = "\xFF";
  EXPECT_EQ(error_of(vocabulary), Code::corrupt_data);
}

TEST(GgufVocabulary, ABrokenMergeFailsWhenTheTokenizerIsMade) {
  GgufVocabulary vocabulary = tiny_byte_level();
  vocabulary.merges = {"a z"};
  auto json = tokenizer_json_from_gguf(vocabulary);
  ASSERT_TRUE(json);
  auto tokenizer = Tokenizer::from_json(*json);
  ASSERT_FALSE(tokenizer.has_value());
  EXPECT_EQ(tokenizer.error().code, Code::corrupt_data);
}

}  // namespace
}  // namespace outcrop
