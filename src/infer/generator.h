#pragma once
// Generating text for several conversations at once over one decoder.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "infer/sampler.h"
#include "model/decoder.h"
#include "model/library.h"

namespace outcrop::infer {

struct GenerationOptions {
  std::int64_t max_tokens = 512;  ///< new tokens at most
  SamplingOptions sampling;
  std::vector<std::string> stop;  ///< text that ends the answer and is not part of it
  bool logprobs = false;
};

enum class StopReason : std::uint8_t { end_turn, max_tokens, stop_sequence, context_limit, cancelled };
std::string_view to_string(StopReason reason) noexcept;

struct Generation {
  std::string text;
  std::vector<TokenId> tokens;
  std::vector<float> logprobs;  ///< per token, when asked for
  StopReason reason = StopReason::end_turn;
  std::int64_t prompt_tokens = 0;
  double seconds_to_first_token = 0.0;
  double seconds = 0.0;
};

/// New text of sequence `index`, whole UTF-8 characters, never part of a stop sequence.
using OnText = std::function<void(std::size_t index, std::string_view text)>;

/// Owns decoder and text side of one model. Not thread-safe.
class Generator {
 public:
  explicit Generator(model::LoadedModel loaded);
  ~Generator();

  /// The prompt's tokens by the model's chat template, with the generation prompt. User text cannot inject
  /// control tokens. invalid_argument when the prompt alone fills the context, with both numbers.
  Result<std::vector<TokenId>> render(const std::vector<ChatMessage>& messages) const;
  Result<std::vector<TokenId>> encode_plain(std::string_view text) const;  ///< with BOS where the model wants it

  /// Runs every prompt to its end, up to `max_batch` at a time; a finished one makes room for the next.
  /// Results in the order of prompts. Cancelled sequences keep the text they have.
  Result<std::vector<Generation>> generate(std::span<const std::vector<TokenId>> prompts,
                                           const GenerationOptions& options, std::int64_t max_batch,
                                           const OnText& on_text, std::stop_token stop);

  const model::ModelInfo& info() const noexcept;
  std::int64_t context_length() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace outcrop::infer
