#include "base/text.h"
#include "tokenizer/gguf_vocabulary.h"
#include "tokenizer/golden.h"
#include "tokenizer/tokenizer.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace outcrop {
namespace {

using test::golden;
using test::ids_of;
using test::tiny_tokenizer;

TEST(StreamDecoder, HoldsAnEmojiBackUntilItIsWhole) {
  const Tokenizer tokenizer = tiny_tokenizer();
  const auto ids = tokenizer.encode("a\xF0\x9F\x98\x80z", Tokenizer::Specials::plain).value();
  ASSERT_EQ(ids.size(), 6U) << "the emoji should take four tokens";
  StreamDecoder decoder(tokenizer);
  EXPECT_EQ(decoder.push(ids[0]), "a");
  EXPECT_EQ(decoder.push(ids[1]), "");
  EXPECT_EQ(decoder.push(ids[2]), "");
  EXPECT_EQ(decoder.push(ids[3]), "");
  EXPECT_EQ(decoder.push(ids[4]), "\xF0\x9F\x98\x80");
  EXPECT_EQ(decoder.push(ids[5]), "z");
  EXPECT_EQ(decoder.finish(), "");
}

TEST(StreamDecoder, GivesAnUnfinishedCharacterAsReplacement) {
  const Tokenizer tokenizer = tiny_tokenizer();
  const auto ids = tokenizer.encode("\xF0\x9F\x98\x80", Tokenizer::Specials::plain).value();
  StreamDecoder decoder(tokenizer);
  EXPECT_EQ(decoder.push(ids[0]), "");
  EXPECT_EQ(decoder.push(ids[1]), "");
  EXPECT_EQ(decoder.finish(), "\xEF\xBF\xBD");
}

TEST(StreamDecoder, NeverBreaksUtf8AndAddsUpToDecode) {
  const Tokenizer tokenizer = tiny_tokenizer();
  const Json cases = golden("tiny_ids.json")["cases"];
  ASSERT_GT(cases.size(), 0U);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto ids = ids_of(cases[i]["ids"]);
    StreamDecoder decoder(tokenizer);
    std::string text;
    for (const TokenId id : ids) {
      const std::string piece = decoder.push(id);
      EXPECT_EQ(valid_utf8_prefix(piece), piece.size());
      text += piece;
    }
    text += decoder.finish();
    EXPECT_EQ(text, tokenizer.decode(ids));
  }
}

TEST(StreamDecoder, AgreesWithDecodeOnBrokenBytes) {
  const Tokenizer tokenizer = tiny_tokenizer();
  const auto emoji = tokenizer.encode("\xF0\x9F\x98\x80", Tokenizer::Specials::plain).value();
  const auto letter = tokenizer.encode("z", Tokenizer::Specials::plain).value();
  const std::vector<TokenId> ids = {emoji[0], emoji[1], letter[0], emoji[2], emoji[0], emoji[1], emoji[2]};
  StreamDecoder decoder(tokenizer);
  std::string text;
  for (const TokenId id : ids) text += decoder.push(id);
  text += decoder.finish();
  EXPECT_EQ(text, tokenizer.decode(ids));
}

TEST(StreamDecoder, StripsTheFirstSpaceOfSentencePieceModels) {
  GgufVocabulary vocabulary;
  vocabulary.model = "llama";
  vocabulary.tokens = {"<unk>", "<s>", "\xE2\x96\x81", "h", "i", "\xE2\x96\x81hi", "hi"};
  vocabulary.types = {2, 3, 1, 1, 1, 1, 1};
  vocabulary.scores = {0, 0, -4, -5, -6, -1, -2};
  vocabulary.unknown = 0;
  auto json = tokenizer_json_from_gguf(vocabulary);
  ASSERT_TRUE(json);
  auto tokenizer = Tokenizer::from_json(*json);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const auto ids = tokenizer->encode("hi hi", Tokenizer::Specials::plain).value();
  EXPECT_EQ(ids, (std::vector<TokenId>{5, 5}));
  StreamDecoder decoder(*tokenizer);
  EXPECT_EQ(decoder.push(1), "");  // a control token takes no space away
  EXPECT_EQ(decoder.push(5), "hi");
  EXPECT_EQ(decoder.push(5), " hi");
}

}  // namespace
}  // namespace outcrop
