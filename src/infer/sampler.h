#pragma once
// From logits to the next token.

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"
#include "tokenizer/tokenizer.h"

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
  TokenId id;
  float logprob;  ///< of the model's own distribution, before penalties and temperature
};

/// One per sequence. Same seed, same logits: same tokens, whatever else runs in the batch.
class Sampler {
 public:
  explicit Sampler(const SamplingOptions& options) : options_(options), random_(options.seed) {}
  /// `logits` is scratch: penalties are applied in place. `history`: prompt and answer so far.
  SampledToken sample(std::span<float> logits, std::span<const TokenId> history);

 private:
  SamplingOptions options_;
  Random random_;
  std::vector<std::int32_t> order_;
};

}  // namespace outcrop::infer
