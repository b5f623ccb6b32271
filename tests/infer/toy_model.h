#pragma once
// A toy text side (one token a byte) and decoders without a network, for tests of the generator.

#include "model/decoder.h"

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::infer {

inline constexpr TokenId kEnd = 256;  ///< stop id
inline constexpr TokenId kGo = 257;   ///< ends the prompts of these tests
inline constexpr std::int64_t kToyVocabulary = 258;
inline constexpr std::int64_t kToyContext = 64;

/// Byte-level tokenizer: id b is byte b; kEnd and kGo are control tokens. `chat_template` may be empty.
std::shared_ptr<const model::TextSide> toy_text(std::string_view chat_template = {});

std::vector<TokenId> bytes_as_tokens(std::string_view text);
/// The bytes of `text`, then kGo.
std::vector<TokenId> toy_prompt(std::string_view text);

/// What the decoder was asked to do.
struct ToyLog {
  std::vector<std::int64_t> tokens;  ///< of each forward pass
  std::vector<std::size_t> inputs;   ///< likewise
  int caches = 0;                    ///< made in all
};

/// Fills the logits after `tokens` (the whole sequence so far).
using ToyLogits = std::function<void(std::span<const TokenId> tokens, std::span<float> logits)>;
std::unique_ptr<model::Decoder> toy_decoder(ToyLogits logits, std::shared_ptr<ToyLog> log = nullptr);

/// Says `answers(prompt's text)` after kGo, then kEnd.
ToyLogits scripted(std::function<std::string(std::string_view prompt)> answers);
/// Logits that look random and depend on every token so far. kEnd is possible.
ToyLogits pseudo_random();

}  // namespace outcrop::infer
