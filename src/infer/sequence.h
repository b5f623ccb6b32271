#pragma once
// One sequence of a running batch: its tokens, its cache, and its text on the way out. Private to the room;
// BatchRun drives it.

#include "infer/generator.h"
#include "infer/stop_filter.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace outcrop::infer {

class Sequence {
 public:
  Sequence(std::size_t index, std::span<const TokenId> prompt, const GenerationOptions& options,
           const model::TextSide& text, std::unique_ptr<model::KvCache> cache);

  std::size_t index() const noexcept { return index_; }
  /// Prompt and answer so far.
  const std::vector<TokenId>& tokens() const noexcept { return tokens_; }
  /// Tokens that the decoder has not seen: many while the prompt is prefilled, then one.
  std::int64_t unseen() const noexcept { return static_cast<std::int64_t>(tokens_.size()) - cache_->length(); }
  /// The next `count` of them as the decoder's input.
  model::DecoderInput input(std::int64_t count) const;

  /// Draws the next token from `logits`: [V], scratch. Touches nothing shared, so sequences may do it in
  /// parallel.
  SampledToken sample(std::span<float> logits) { return sampler_.sample(logits, tokens_); }
  /// Takes the drawn token in; returns the text that became certain.
  std::string accept(SampledToken token, std::int64_t context_length);
  /// Ends the sequence where it stands; returns the text that was held back.
  std::string end(StopReason reason);

  bool finished() const noexcept { return finished_; }
  Generation take_result() { return std::move(result_); }
  std::unique_ptr<model::KvCache> take_cache() { return std::move(cache_); }
  std::vector<TokenId> take_tokens() { return std::move(tokens_); }

 private:
  std::optional<StopReason> limit_reached(std::int64_t context_length) const;
  double seconds_since_start() const;

  std::size_t index_;
  std::int64_t max_tokens_;
  bool keeps_logprobs_;
  const model::TextSide* text_;
  std::vector<TokenId> tokens_;
  std::unique_ptr<model::KvCache> cache_;
  Sampler sampler_;
  StreamDecoder decoder_;
  StopFilter filter_;
  std::chrono::steady_clock::time_point started_;
  Generation result_;
  bool finished_ = false;
};

}  // namespace outcrop::infer
