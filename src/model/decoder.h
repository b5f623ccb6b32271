#pragma once
// Running a model for inference: ragged batches of sequences, each with its own key-value cache.
//
//   auto decoder = make_decoder(model, adapter);
//   auto cache = decoder->new_cache(2048);
//   DecoderInput input{cache.get(), prompt_tokens};
//   decoder->forward({&input, 1}, logits);           // logits of the last token of each input

#include "model/lora.h"
#include "model/model.h"
#include "tensor/matrix.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace outcrop::model {

/// Keys and values of one sequence. Not thread-safe. Memory is touched only as far as it is used.
class KvCache {
 public:
  virtual ~KvCache() = default;
  virtual std::int64_t length() const noexcept = 0;    ///< tokens held
  virtual std::int64_t capacity() const noexcept = 0;  ///< tokens at most
  virtual void truncate(std::int64_t length) noexcept = 0;
};

struct DecoderInput {
  KvCache* cache;                   ///< of the same decoder; length + tokens must fit its capacity
  std::span<const TokenId> tokens;  ///< the next tokens of the sequence, at least one
};

/// One model, optionally with an unmerged adapter. Not thread-safe: one engine thread owns it.
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual std::unique_ptr<KvCache> new_cache(std::int64_t capacity) const = 0;
  /// Appends each input's tokens to its cache. logits: [inputs, V], of each input's last token.
  virtual void forward(std::span<const DecoderInput> inputs, Matrix<float> logits) = 0;
  /// The same with the logits of every token: [total tokens, V], inputs one after the other.
  virtual void forward_all(std::span<const DecoderInput> inputs, Matrix<float> logits) = 0;
  virtual const Model& model() const noexcept = 0;
  /// Bytes of cache for one token.
  virtual std::int64_t cache_bytes_per_token() const noexcept = 0;
};

/// Computes in bfloat16 for BF16 models and in float for F32 ones. `adapter` may be null.
std::unique_ptr<Decoder> make_decoder(std::shared_ptr<const Model> model,
                                      std::shared_ptr<const LoraAdapter> adapter);

}  // namespace outcrop::model
