#pragma once
// One call of Generator::generate(): the waiting prompts, the running sequences, and the results so far.
// Continuous batching: every forward pass carries one token of each sequence that is answering and, in the room
// that is left, prompt tokens of those that are not yet. Private to the room.

#include "infer/cache_pool.h"
#include "infer/generator.h"
#include "infer/sequence.h"

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

namespace outcrop::infer {

/// Tokens of one forward pass: enough for full-speed products, few enough that a stop request is soon seen.
inline constexpr std::int64_t kForwardTokens = 512;

class BatchRun {
 public:
  struct Engine {
    model::Decoder& decoder;
    const model::TextSide& text;
    CachePool& caches;
    float* logits;  ///< room for [max_batch, V]
  };
  struct Callbacks {
    const OnText& on_text;
    const OnFinished& on_finished;
  };

  /// Prompts, options and max_batch (at most kForwardTokens) are checked already. `results` has an entry for
  /// each prompt.
  BatchRun(Engine engine, std::span<const std::vector<TokenId>> prompts, const GenerationOptions& options,
           std::size_t max_batch, Callbacks callbacks, std::span<Generation> results);

  /// Until every prompt is answered or stop is requested.
  Status run(const std::stop_token& stop);

 private:
  void admit();
  void plan_forward();
  Status sample_and_accept(Matrix<float> logits);
  void cancel();
  void retire_finished();
  void show(const Sequence& sequence, std::string_view text) const;

  // Constant after construction.
  Engine engine_;
  std::span<const std::vector<TokenId>> prompts_;
  const GenerationOptions& options_;
  std::size_t max_batch_;
  Callbacks callbacks_;
  std::int64_t context_length_;
  std::int64_t vocab_size_;

  std::span<Generation> results_;
  std::vector<std::size_t> waiting_;  ///< indices of prompts; the next one is the last
  std::vector<std::unique_ptr<Sequence>> running_;
  std::vector<model::DecoderInput> inputs_;  ///< of the next forward pass
  std::vector<Sequence*> owners_;            ///< of each input
};

}  // namespace outcrop::infer
