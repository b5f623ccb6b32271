#pragma once
// Generating text for several conversations at once over one decoder.

#include "base/result.h"
#include "infer/sampler.h"
#include "model/decoder.h"
#include "model/library.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::infer {

struct GenerationOptions {
  std::int64_t max_tokens = 512;  ///< new tokens at most
  SamplingOptions sampling{};
  std::vector<std::string> stop{};  ///< text that ends the answer and is not part of it
  bool logprobs = false;
  /// Start from the cached keys and values of an earlier call's sequence that begins alike: the next turn of a
  /// conversation is prefilled in a moment. Off where the same call must give the same bits.
  bool reuse_prefix = false;
};
/// invalid_argument naming the field, its range and the value.
Status check_generation(const GenerationOptions& options);

enum class StopReason : std::uint8_t { end_turn, max_tokens, stop_sequence, context_limit, cancelled };
std::string_view to_string(StopReason reason) noexcept;

struct Generation {
  std::string text;
  std::vector<TokenId> tokens;  ///< as sampled, without the id that ended the turn
  std::vector<float> logprobs;  ///< per token, when asked for
  StopReason reason = StopReason::end_turn;
  std::int64_t prompt_tokens = 0;
  double seconds_to_first_token = 0.0;  ///< since this sequence got its place in the batch
  double seconds = 0.0;                 ///< likewise
};

/// New text of sequence `index`, whole UTF-8 characters, never part of a stop sequence.
using OnText = std::function<void(std::size_t index, std::string_view text)>;
/// Sequence `index` has come to its end. In the order of ending.
using OnFinished = std::function<void(std::size_t index, const Generation& generation)>;

/// Owns decoder and text side of one model. Not thread-safe.
class Generator {
 public:
  explicit Generator(model::LoadedModel loaded);
  /// Parts instead of a loaded model: for tests and for decoders from elsewhere.
  Generator(model::ModelInfo info, std::shared_ptr<const model::TextSide> text,
            std::unique_ptr<model::Decoder> decoder);
  ~Generator();

  /// The prompt's tokens by the model's chat template, with the generation prompt. User text cannot inject
  /// control tokens. invalid_argument when the prompt alone fills the context, with both numbers; unsupported
  /// when the model has no chat template.
  Result<std::vector<TokenId>> render(const std::vector<ChatMessage>& messages) const;
  Result<std::vector<TokenId>> encode_plain(
      std::string_view text) const;  ///< with BOS where the model wants it

  /// Runs every prompt to its end, up to `max_batch` at a time; a finished one makes room for the next.
  /// Results in the order of prompts; prompt i draws from stream i of the seed, whatever else runs. Cancelled
  /// sequences keep the text they have, and those that had not begun are empty. Callbacks run on the calling
  /// thread. invalid_argument for options, for an empty prompt and for one that fills the context; internal
  /// when the model produces no usable logit.
  Result<std::vector<Generation>> generate(std::span<const std::vector<TokenId>> prompts,
                                           const GenerationOptions& options, std::int64_t max_batch,
                                           const OnText& on_text, std::stop_token stop,
                                           const OnFinished& on_finished = {});

  const model::ModelInfo& info() const noexcept;
  std::int64_t context_length() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace outcrop::infer
