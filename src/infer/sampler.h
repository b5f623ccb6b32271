#pragma once
// From logits to the next token. The order is that of Transformers: repetition penalty, temperature, top-k,
// top-p (over what top-k left), min-p, draw.

#include "base/random.h"
#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <span>
#include <vector>

namespace outcrop::infer {

struct SamplingOptions {
  float temperature = 0.0F;         ///< 0: greedy
  float top_p = 1.0F;               ///< nucleus (Holtzman 2019); 1: off
  std::int32_t top_k = 0;           ///< 0: off
  float min_p = 0.0F;               ///< relative to the likeliest token; 0: off
  float repetition_penalty = 1.0F;  ///< CTRL (Keskar 2019) over prompt and answer; 1: off
  std::uint64_t seed = 0;
};
/// invalid_argument naming the field, its range and the value.
Status check_sampling(const SamplingOptions& options);

struct SampledToken {
  TokenId id;     ///< -1 when no logit was a number
  float logprob;  ///< of the model's own distribution, before penalties and temperature; NaN when not asked for
};

enum class Logprobs : std::uint8_t { no, yes };

/// One per sequence. Same seed, stream and logits: same tokens, whatever else runs in the batch. Equal logits
/// are taken in the order of ids. NaN counts as impossible. Not thread-safe.
class Sampler {
 public:
  /// `stream` separates the sequences of one seed.
  explicit Sampler(const SamplingOptions& options, std::uint64_t stream = 0, Logprobs logprobs = Logprobs::yes)
      : options_(options), logprobs_(logprobs), random_(options.seed, stream) {}
  /// `logits` is scratch: penalties are applied in place. `history`: prompt and answer so far; ids outside the
  /// vocabulary are passed over.
  SampledToken sample(std::span<float> logits, std::span<const TokenId> history);

 private:
  TokenId draw(std::span<float> logits, float best);
  void penalise(std::span<float> logits, std::span<const TokenId> history);

  SamplingOptions options_;
  Logprobs logprobs_;
  Random random_;
  std::vector<std::int32_t> order_;  ///< scratch: candidates
  std::vector<bool> seen_;           ///< scratch, all false between calls: [V]
};

}  // namespace outcrop::infer
