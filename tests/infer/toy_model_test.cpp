// The toy model of these tests, and proof that it does what its header says.

#include "infer/toy_model.h"

#include "base/check.h"
#include "base/random.h"
#include "base/text.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace outcrop::infer {
namespace {

/// The printable character that byte-level vocabularies write for a byte, as UTF-8.
std::string byte_level_name(int byte) {
  const auto printable = [](int b) { return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174; };
  int code = byte;
  if (!printable(byte)) {
    code = 256;
    for (int b = 0; b < byte; ++b) code += printable(b) ? 0 : 1;
  }
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xC0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3F))};
}

std::string tokenizer_json() {
  std::string vocabulary;
  for (int byte = 0; byte < 256; ++byte) {
    vocabulary += (byte == 0 ? "" : ",") + json_quote(byte_level_name(byte)) + ":" + std::to_string(byte);
  }
  const auto special = [](TokenId id, const char* text) {
    return R"({"id":)" + std::to_string(id) + R"(,"content":")" + text +
           R"(","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true})";
  };
  return R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":[)" + special(kEnd, "<|end|>") +
         "," + special(kGo, "<|go|>") +
         R"(],"normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,)"
         R"("use_regex":false},"post_processor":null,"decoder":{"type":"ByteLevel","add_prefix_space":true,)"
         R"("trim_offsets":true,"use_regex":true},"model":{"type":"BPE","dropout":null,"unk_token":null,)"
         R"("continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,)"
         R"("vocab":{)" +
         vocabulary + R"(},"merges":[]}})";
}

class ToyCache final : public model::KvCache {
 public:
  explicit ToyCache(std::int64_t capacity) : capacity_(capacity) {}
  std::int64_t length() const noexcept override { return static_cast<std::int64_t>(tokens.size()); }
  std::int64_t capacity() const noexcept override { return capacity_; }
  void truncate(std::int64_t length) noexcept override { tokens.resize(static_cast<std::size_t>(length)); }
  std::vector<TokenId> tokens;

 private:
  std::int64_t capacity_;
};

class ToyDecoder final : public model::Decoder {
 public:
  ToyDecoder(ToyLogits logits, std::shared_ptr<ToyLog> log) : logits_(std::move(logits)), log_(std::move(log)) {
    model::DecoderConfig config;
    config.architecture = "toy";
    config.vocab_size = kToyVocabulary;
    config.context_length = kToyContext;
    config.width = 1;
    const auto elements = static_cast<std::size_t>(model::make_layout(config).elements);
    model_ = model::Model::from_weights(config, std::vector<float>(elements));
  }

  std::unique_ptr<model::KvCache> new_cache(std::int64_t capacity) const override {
    if (log_) ++log_->caches;
    return std::make_unique<ToyCache>(capacity);
  }
  void forward(std::span<const model::DecoderInput> inputs, Matrix<float> logits) override {
    std::int64_t total = 0;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      auto& cache = static_cast<ToyCache&>(*inputs[i].cache);
      cache.tokens.insert(cache.tokens.end(), inputs[i].tokens.begin(), inputs[i].tokens.end());
      CHECK(!inputs[i].tokens.empty() && cache.length() <= cache.capacity(),
            "the generator broke the cache's rule");
      total += static_cast<std::int64_t>(inputs[i].tokens.size());
      logits_(cache.tokens, {logits.row(static_cast<std::int64_t>(i)), static_cast<std::size_t>(logits.cols)});
    }
    if (!log_) return;
    log_->tokens.push_back(total);
    log_->inputs.push_back(inputs.size());
  }
  void forward_all(std::span<const model::DecoderInput>, Matrix<float>) override {
    CHECK(false, "the generator needs no logits of prompts");
  }
  const model::Model& model() const noexcept override { return *model_; }
  std::int64_t cache_bytes_per_token() const noexcept override { return 4; }

 private:
  ToyLogits logits_;
  std::shared_ptr<ToyLog> log_;
  std::shared_ptr<const model::Model> model_;
};

}  // namespace

std::shared_ptr<const model::TextSide> toy_text(std::string_view chat_template) {
  auto tokenizer = Tokenizer::from_json(tokenizer_json());
  CHECK(tokenizer.has_value(), "the toy tokenizer does not load");
  std::optional<ChatTemplate> compiled;
  if (!chat_template.empty()) {
    auto result = ChatTemplate::compile(chat_template, {"", "<|end|>"});
    CHECK(result.has_value(), "the toy template does not compile");
    compiled = *std::move(result);
  }
  return std::make_shared<const model::TextSide>(
      model::TextSide{*std::move(tokenizer), std::move(compiled), std::vector<TokenId>{kEnd}});
}

std::vector<TokenId> bytes_as_tokens(std::string_view text) {
  std::vector<TokenId> ids;
  for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  return ids;
}

std::vector<TokenId> toy_prompt(std::string_view text) {
  std::vector<TokenId> ids = bytes_as_tokens(text);
  ids.push_back(kGo);
  return ids;
}

std::unique_ptr<model::Decoder> toy_decoder(ToyLogits logits, std::shared_ptr<ToyLog> log) {
  return std::make_unique<ToyDecoder>(std::move(logits), std::move(log));
}

ToyLogits scripted(std::function<std::string(std::string_view prompt)> answers) {
  return [answers = std::move(answers)](std::span<const TokenId> tokens, std::span<float> logits) {
    std::fill(logits.begin(), logits.end(), 0.0F);
    const auto go = std::find(tokens.begin(), tokens.end(), kGo);
    if (go == tokens.end()) return;
    const std::string answer = answers(std::string(tokens.begin(), go));
    const auto said = static_cast<std::size_t>(tokens.end() - go) - 1;
    const TokenId next = said < answer.size() ? static_cast<unsigned char>(answer[said]) : kEnd;
    logits[static_cast<std::size_t>(next)] = 30.0F;
  };
}

ToyLogits pseudo_random() {
  return [](std::span<const TokenId> tokens, std::span<float> logits) {
    std::uint64_t state = 1;
    for (const TokenId id : tokens)
      state = state * std::uint64_t{6364136223846793005} + static_cast<std::uint64_t>(id) + 1;
    Random random(state);
    for (float& logit : logits) logit = 2.0F * random.normal();
  };
}

TEST(ToyModel, TokenizerHasOneTokenForEachByte) {
  const auto text = toy_text();
  for (int byte = 0; byte < 256; ++byte) {
    EXPECT_EQ(text->tokenizer.token_bytes(byte), std::string(1, static_cast<char>(byte))) << byte;
  }
  EXPECT_EQ(text->tokenizer.vocab_size(), kToyVocabulary);
  EXPECT_TRUE(text->tokenizer.is_special(kEnd));
}

}  // namespace outcrop::infer
