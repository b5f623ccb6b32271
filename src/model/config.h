#pragma once
// What a decoder-only transformer is made of, as data: the numbers that the shared blocks follow. Each
// architecture file (model/arch/) fills it from config.json or from GGUF metadata.

#include "kernels/activation.h"

#include <cstdint>
#include <string>
#include <vector>

namespace outcrop::model {

/// Rotary embedding: base and the scaling of long-context variants.
struct RopeConfig {
  enum class Scaling : std::uint8_t { none, linear, llama3 };
  double theta = 10000.0;
  Scaling scaling = Scaling::none;
  double factor = 1.0;  ///< linear and llama3: positions are stretched by this
  // llama3 only: wavelengths above original/low are divided by factor, below original/high kept, between
  // interpolated (Llama 3.1 reference code).
  double low_frequency_factor = 1.0;
  double high_frequency_factor = 4.0;
  std::int64_t original_context = 8192;
  friend bool operator==(const RopeConfig&, const RopeConfig&) = default;
};

/// What differs between the layers of one model.
struct LayerConfig {
  std::int64_t window = 0;  ///< 0: full attention; W: sliding window of W keys, self included
  std::int32_t rope = 0;    ///< index into DecoderConfig::ropes
  friend bool operator==(const LayerConfig&, const LayerConfig&) = default;
};

struct DecoderConfig {
  std::string architecture;     ///< registry name: "llama", "gemma3"
  std::int64_t vocab_size = 0;  ///< V, rows of the embedding
  std::int64_t width = 0;       ///< D
  std::int64_t heads = 0;       ///< H
  std::int64_t kv_heads = 0;
  std::int64_t head_width = 0;      ///< K; heads * K need not be D
  std::int64_t ffn_width = 0;       ///< F
  std::int64_t context_length = 0;  ///< tokens
  float norm_eps = 1e-5F;
  float norm_weight_offset = 0.0F;  ///< 1 for gemma: weights are stored as w and applied as 1 + w
  bool sandwich_norms = false;      ///< also norms after attention and after the feed-forward (gemma)
  bool qk_norm = false;             ///< RMSNorm of each query and key head before RoPE
  bool tied_embeddings = true;      ///< the output head is the embedding table
  kernels::Activation activation = kernels::Activation::silu;
  float embedding_scale = 1.0F;  ///< sqrt(D) for gemma
  float attention_scale = 0.0F;  ///< applied to q·k; K^-0.5 unless the model says otherwise
  std::vector<RopeConfig> ropes;
  std::vector<LayerConfig> layers;
  std::int32_t bos_token = -1;           ///< -1: none
  std::vector<std::int32_t> eos_tokens;  ///< every id that ends a text

  std::int64_t query_width() const noexcept { return heads * head_width; }
  std::int64_t kv_width() const noexcept { return kv_heads * head_width; }
  std::int64_t qkv_width() const noexcept { return query_width() + 2 * kv_width(); }
  std::int64_t layer_count() const noexcept { return static_cast<std::int64_t>(layers.size()); }
  friend bool operator==(const DecoderConfig&, const DecoderConfig&) = default;
};

}  // namespace outcrop::model
