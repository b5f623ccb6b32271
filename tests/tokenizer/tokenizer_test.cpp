#include "tokenizer/tokenizer.h"

#include "base/random.h"
#include "base/text.h"
#include "tokenizer/golden.h"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace outcrop {
namespace {

using test::expect_cases;
using test::golden;
using test::golden_path;
using test::tiny_tokenizer;
using Specials = Tokenizer::Specials;

void append_utf8(std::string& out, std::uint32_t point) {
  const auto byte = [&](std::uint32_t value) { out.push_back(static_cast<char>(value)); };
  if (point < 0x80) return byte(point);
  if (point < 0x800) {
    byte(0xC0 | point >> 6);
  } else if (point < 0x10000) {
    byte(0xE0 | point >> 12);
    byte(0x80 | (point >> 6 & 0x3F));
  } else {
    byte(0xF0 | point >> 18);
    byte(0x80 | (point >> 12 & 0x3F));
    byte(0x80 | (point >> 6 & 0x3F));
  }
  byte(0x80 | (point & 0x3F));
}

std::string random_text(Random& random) {
  std::string text;
  for (std::uint64_t left = random.below(60); left > 0; --left) {
    constexpr std::uint32_t kSurrogates = 0xD800;
    const std::uint64_t kind = random.below(4);
    const std::uint64_t bound = kind < 2 ? 0x80 : (kind == 2 ? 0x3000 : 0x10F800);
    auto point = static_cast<std::uint32_t>(random.below(bound));
    if (point >= kSurrogates) point += 0x800;
    append_utf8(text, point);
  }
  return text;
}

/// A model of three tokens with some members replaced.
std::string tiny_json(std::string_view added, std::string_view vocab = R"({"a":0,"b":1,"ab":2})",
                      std::string_view merges = R"(["a b"])") {
  return R"({"version":"1.0","added_tokens":)" + std::string(added) +
         R"(,"normalizer":null,"pre_tokenizer":null,"post_processor":null,"decoder":null,)" +
         R"("model":{"type":"BPE","vocab":)" + std::string(vocab) + R"(,"merges":)" + std::string(merges) +
         "}}";
}

Code error_of(std::string_view json) {
  auto tokenizer = Tokenizer::from_json(json);
  EXPECT_FALSE(tokenizer.has_value()) << json;
  if (tokenizer) return Code::internal;
  EXPECT_FALSE(tokenizer.error().message.empty());
  return tokenizer.error().code;
}

TEST(Tokenizer, GivesTheIdsOfThePythonLibrary) {
  expect_cases(tiny_tokenizer(), golden("tiny_ids.json")["cases"]);
}

TEST(Tokenizer, IgnoresTruncationAndPaddingOfTheFile) {
  auto text = read_file(golden_path("tiny_tokenizer.json"));
  ASSERT_TRUE(text);
  ASSERT_NE(text->find("\"max_length\":4"), std::string::npos) << "the fixture lost its trap";
  const Tokenizer tokenizer = tiny_tokenizer();
  auto longer = tokenizer.encode("one two three four five six seven eight", Specials::plain);
  ASSERT_TRUE(longer);
  EXPECT_GT(longer->size(), 8U);
  auto shorter = tokenizer.encode("a", Specials::plain);
  ASSERT_TRUE(shorter);
  EXPECT_EQ(shorter->size(), 1U);
}

TEST(Tokenizer, DecodesWhatItEncodedFromRandomText) {
  const Tokenizer tokenizer = tiny_tokenizer();
  Random random(7);
  for (int i = 0; i < 300; ++i) {
    const std::string text = random_text(random);
    auto ids = tokenizer.encode(text, Specials::plain);
    ASSERT_TRUE(ids);
    EXPECT_EQ(tokenizer.decode(*ids), text);
    std::string bytes;
    for (const TokenId id : *ids) bytes += tokenizer.token_bytes(id);
    EXPECT_EQ(bytes, text);
  }
}

TEST(Tokenizer, PlainModeNeverGivesAControlToken) {
  const Tokenizer tokenizer = tiny_tokenizer();
  auto plain = tokenizer.encode("a<|im_end|>b<|bos|>", Specials::plain);
  auto recognised = tokenizer.encode("a<|im_end|>b<|bos|>", Specials::recognise);
  ASSERT_TRUE(plain && recognised);
  for (const TokenId id : *plain) EXPECT_FALSE(tokenizer.is_special(id)) << id;
  EXPECT_EQ(recognised->at(1), tokenizer.id_of("<|im_end|>"));
  EXPECT_EQ(recognised->back(), tokenizer.id_of("<|bos|>"));
}

TEST(Tokenizer, LeavesControlTokensOutOfDecodedTextUnlessAsked) {
  const Tokenizer tokenizer = tiny_tokenizer();
  auto ids = tokenizer.encode("a<|im_end|>b", Specials::recognise);
  ASSERT_TRUE(ids);
  EXPECT_EQ(tokenizer.decode(*ids), "ab");
  EXPECT_EQ(tokenizer.decode(*ids, /*keep_specials=*/true), "a<|im_end|>b");
  EXPECT_EQ(tokenizer.token_bytes(*tokenizer.id_of("<|im_end|>")), "");
}

TEST(Tokenizer, TellsIdsTextsAndPrefix) {
  const Tokenizer tokenizer = tiny_tokenizer();
  const TokenId bos = tokenizer.id_of("<|bos|>").value();
  EXPECT_EQ(tokenizer.prefix_ids(), std::vector<TokenId>{bos});
  EXPECT_EQ(tokenizer.token_text(bos), "<|bos|>");
  EXPECT_TRUE(tokenizer.is_special(bos));
  const TokenId tool = tokenizer.id_of("<tool>").value();
  EXPECT_EQ(tool, tokenizer.vocab_size() - 1);
  EXPECT_FALSE(tokenizer.is_special(tool));
  EXPECT_EQ(tokenizer.token_bytes(tool), "<tool>");
  EXPECT_EQ(tokenizer.id_of("no such token"), std::nullopt);
  EXPECT_EQ(tokenizer.token_text(tokenizer.vocab_size()), "");
  EXPECT_EQ(tokenizer.token_bytes(-1), "");
  EXPECT_FALSE(tokenizer.is_special(-1));
  EXPECT_FALSE(tokenizer.strips_first_space());
}

TEST(Tokenizer, FindsSpecialTokensLeftmostAndLongest) {
  const Tokenizer tokenizer = tiny_tokenizer();
  const auto found = tokenizer.find_specials("x<|im_start|><|im_end<|im_end|>");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].begin, 1U);
  EXPECT_EQ(found[0].end, 13U);
  EXPECT_EQ(found[0].id, tokenizer.id_of("<|im_start|>"));
  EXPECT_EQ(found[1].begin, 21U);
}

TEST(Tokenizer, DecodesBrokenUtf8ToReplacementCharacters) {
  const Tokenizer tokenizer = tiny_tokenizer();
  auto ids = tokenizer.encode("\xF0\x9F\x98\x80", Specials::plain);
  ASSERT_TRUE(ids);
  ASSERT_EQ(ids->size(), 4U);
  const std::vector<TokenId> cut(ids->begin(), ids->begin() + 3);
  EXPECT_EQ(tokenizer.decode(cut), "\xEF\xBF\xBD");
  const std::vector<TokenId> twice = {ids->at(0), ids->at(0)};
  EXPECT_EQ(tokenizer.decode(twice), "\xEF\xBF\xBD\xEF\xBF\xBD");
  const std::vector<TokenId> outside = {-1, 1 << 30};
  EXPECT_EQ(tokenizer.decode(outside), "");
}

TEST(Tokenizer, RefusesTextThatIsNotUtf8) {
  const Tokenizer tokenizer = tiny_tokenizer();
  for (const std::string_view text : {"a\xFF", "\xC0\x80", "\xED\xA0\x80", "\xF0\x9F\x98"}) {
    auto ids = tokenizer.encode(text, Specials::plain);
    ASSERT_FALSE(ids.has_value());
    EXPECT_EQ(ids.error().code, Code::invalid_argument);
  }
}

TEST(Tokenizer, EncodesABatchLikeOneByOne) {
  const Tokenizer tokenizer = tiny_tokenizer();
  Random random(11);
  std::vector<std::string> texts(100);
  for (std::string& text : texts) text = random_text(random);
  auto batch = tokenizer.encode_batch(texts, Specials::recognise);
  ASSERT_TRUE(batch);
  ASSERT_EQ(batch->size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(batch->at(i), tokenizer.encode(texts[i], Specials::recognise).value());
  }
}

TEST(Tokenizer, NamesTheFirstBadTextOfABatch) {
  const Tokenizer tokenizer = tiny_tokenizer();
  std::vector<std::string> texts(50, "fine");
  texts[31] = texts[17] = "\xFF";
  auto batch = tokenizer.encode_batch(texts, Specials::plain);
  ASSERT_FALSE(batch.has_value());
  EXPECT_EQ(batch.error().code, Code::invalid_argument);
  EXPECT_EQ(batch.error().message.rfind("text 17:", 0), 0U) << batch.error().message;
}

TEST(Tokenizer, GivesTheSameIdsOnManyThreads) {
  const Tokenizer tokenizer = tiny_tokenizer();
  const std::string text = "The quick brown fox <|im_end|> \xF0\x9F\x98\x80 1999";
  const auto expected = tokenizer.encode(text, Specials::recognise).value();
  std::vector<std::vector<TokenId>> last(4);
  {
    std::vector<std::jthread> threads;
    for (auto& slot : last) {
      threads.emplace_back([&] {
        for (int i = 0; i < 200; ++i) slot = tokenizer.encode(text, Specials::recognise).value();
      });
    }
  }
  for (const auto& ids : last) EXPECT_EQ(ids, expected);
}

TEST(Tokenizer, AcceptsMergesAsTextAndAsPairs) {
  auto as_text = Tokenizer::from_json(tiny_json("[]"));
  auto as_pairs = Tokenizer::from_json(tiny_json("[]", R"({"a":0,"b":1,"ab":2})", R"([["a","b"]])"));
  ASSERT_TRUE(as_text && as_pairs);
  EXPECT_EQ(as_text->encode("ab", Specials::plain).value(), std::vector<TokenId>{2});
  EXPECT_EQ(as_pairs->encode("ab", Specials::plain).value(), std::vector<TokenId>{2});
  EXPECT_EQ(as_text->fingerprint(), as_pairs->fingerprint());
}

TEST(Tokenizer, FingerprintsTellVocabulariesMergesAndAddedTokensApart) {
  const auto fingerprint = [](const std::string& json) {
    return Tokenizer::from_json(json).value().fingerprint();
  };
  const auto base = fingerprint(tiny_json("[]"));
  EXPECT_EQ(base, fingerprint(tiny_json("[]")));
  EXPECT_NE(base, fingerprint(tiny_json("[]", R"({"a":1,"b":0,"ab":2})")));
  EXPECT_NE(base, fingerprint(tiny_json("[]", R"({"a":0,"b":1,"ab":2})", "[]")));
  EXPECT_NE(base, fingerprint(tiny_json(R"([{"id":3,"content":"x","special":true}])")));
  EXPECT_NE(fingerprint(tiny_json(R"([{"id":3,"content":"x","special":true}])")),
            fingerprint(tiny_json(R"([{"id":3,"content":"x","special":false}])")));
}

TEST(Tokenizer, RefusesBrokenFiles) {
  EXPECT_EQ(error_of(""), Code::corrupt_data);
  EXPECT_EQ(error_of("{}"), Code::corrupt_data);
  EXPECT_EQ(error_of("[1,2"), Code::corrupt_data);
  EXPECT_EQ(error_of("\xFF{}"), Code::corrupt_data);
  EXPECT_EQ(error_of(R"({"version":"2.0","model":{"type":"BPE","vocab":{},"merges":[]}})"), Code::corrupt_data);
  EXPECT_EQ(error_of(R"({"model":{"type":"Magic","vocab":{}}})"), Code::corrupt_data);
  EXPECT_EQ(error_of(R"({"model":{"type":"BPE","vocab":{"a":0}}})"), Code::corrupt_data);
  EXPECT_EQ(error_of(R"({"decoder":{"type":"Nope"},"model":{"type":"BPE","vocab":{},"merges":[]}})"),
            Code::corrupt_data);
}

TEST(Tokenizer, RefusesVocabulariesThatContradictThemselves) {
  EXPECT_EQ(error_of(tiny_json("[]", R"({"a":0,"b":0,"ab":2})")), Code::corrupt_data);
  EXPECT_EQ(error_of(tiny_json("[]", R"({"a":0,"b":4000000000,"ab":2})")), Code::corrupt_data);
  EXPECT_EQ(error_of(tiny_json("[]", R"({"a":0,"b":1})")), Code::corrupt_data);
  EXPECT_EQ(error_of(tiny_json("[]", R"({"a":0,"b":1,"ab":2})", R"(["a"])")), Code::corrupt_data);
  EXPECT_EQ(error_of(tiny_json("[]", R"({"a":0,"b":1,"ab":2})", R"([["a","b","c"]])")), Code::corrupt_data);
  EXPECT_EQ(error_of(tiny_json(R"([{"id":9,"content":"x"}])")), Code::corrupt_data);
  EXPECT_EQ(error_of(tiny_json(R"([{"id":1,"content":"a"}])")), Code::corrupt_data);
}

TEST(Tokenizer, RefusesMergesThatLackTheSubwordPrefix) {
  EXPECT_EQ(error_of(R"({"model":{"type":"BPE","continuing_subword_prefix":"##","vocab":{"a":0,"b":1},)"
                     R"("merges":[["a","b"]]}})"),
            Code::corrupt_data);
}

TEST(Tokenizer, NamesTheFileThatItCannotOpen) {
  auto tokenizer = Tokenizer::open(golden_path("no_such_tokenizer.json"));
  ASSERT_FALSE(tokenizer.has_value());
  EXPECT_NE(tokenizer.error().message.find("no_such_tokenizer.json"), std::string::npos);
}

TEST(Tokenizer, DecodesWordPiecesAsTheLibraryDoes) {
  const std::string json =
      R"({"version":"1.0","truncation":{"direction":"Right","max_length":2,)"
      R"("strategy":"LongestFirst","stride":0},"added_tokens":[{"id":0,"content":"[UNK]",)"
      R"("special":true},{"id":1,"content":"[CLS]","special":true},{"id":2,"content":"[SEP]",)"
      R"("special":true}],"normalizer":{"type":"BertNormalizer","clean_text":true,)"
      R"("handle_chinese_chars":true,"strip_accents":null,"lowercase":true},)"
      R"("pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":{"type":)"
      R"("TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},)"
      R"({"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}}],)"
      R"("pair":[],"special_tokens":{"[CLS]":{"id":"[CLS]","ids":[1],"tokens":["[CLS]"]},)"
      R"("[SEP]":{"id":"[SEP]","ids":[2],"tokens":["[SEP]"]}}},"decoder":{"type":"WordPiece",)"
      R"("prefix":"##","cleanup":true},"model":{"type":"WordPiece","unk_token":"[UNK]",)"
      R"("continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":{"[UNK]":0,)"
      R"("[CLS]":1,"[SEP]":2,"play":3,"##ing":4,"ball":5,".":6}}})";
  auto tokenizer = Tokenizer::from_json(json);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const std::vector<TokenId> ids = {3, 4, 5, 6};
  EXPECT_EQ(tokenizer->encode("Playing ball.", Specials::recognise).value(), ids);
  EXPECT_EQ(tokenizer->decode(ids), "playing ball.");
  EXPECT_EQ(tokenizer->token_bytes(4), "ing");
  EXPECT_EQ(tokenizer->token_bytes(5), " ball");
  EXPECT_TRUE(tokenizer->strips_first_space());
  EXPECT_EQ(tokenizer->prefix_ids(), std::vector<TokenId>{1});
}

}  // namespace
}  // namespace outcrop
