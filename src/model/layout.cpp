#include "model/layout.h"

#include <fmt/format.h>

namespace outcrop::model {
namespace {

/// Appends parameters one after the other and tells their offsets.
class Builder {
 public:
  explicit Builder(ModelLayout& layout) : layout_(layout) {}

  std::int64_t matrix(std::string name, std::int64_t rows, std::int64_t cols) {
    return append(std::move(name), rows, cols, /*is_vector=*/false);
  }
  std::int64_t vector(std::string name, std::int64_t size) {
    return append(std::move(name), 1, size, /*is_vector=*/true);
  }

 private:
  std::int64_t append(std::string name, std::int64_t rows, std::int64_t cols, bool is_vector) {
    const std::int64_t offset = layout_.elements;
    layout_.parameters.push_back({std::move(name), rows, cols, is_vector, offset});
    layout_.elements += rows * cols;
    return offset;
  }
  ModelLayout& layout_;
};

// Hugging Face's names differ by family: "post_attention_layernorm" is the norm before the feed-forward
// in llama, and the norm of the attention's output where norms come in pairs (gemma).
LayerOffsets add_layer(Builder& builder, const DecoderConfig& config, std::int64_t index) {
  const std::string prefix = fmt::format("model.layers.{}.", index);
  const std::int64_t d = config.width;
  LayerOffsets at;
  at.input_norm = builder.vector(prefix + "input_layernorm.weight", d);
  at.qkv = builder.matrix(prefix + "self_attn.q_proj.weight", config.query_width(), d);
  builder.matrix(prefix + "self_attn.k_proj.weight", config.kv_width(), d);
  builder.matrix(prefix + "self_attn.v_proj.weight", config.kv_width(), d);
  if (config.qk_norm) {
    at.q_norm = builder.vector(prefix + "self_attn.q_norm.weight", config.head_width);
    at.k_norm = builder.vector(prefix + "self_attn.k_norm.weight", config.head_width);
  }
  at.o = builder.matrix(prefix + "self_attn.o_proj.weight", d, config.query_width());
  const std::int64_t post_attention = builder.vector(prefix + "post_attention_layernorm.weight", d);
  if (config.sandwich_norms) {
    at.post_attention_norm = post_attention;
    at.ffn_norm = builder.vector(prefix + "pre_feedforward_layernorm.weight", d);
  } else {
    at.ffn_norm = post_attention;
  }
  at.gate_up = builder.matrix(prefix + "mlp.gate_proj.weight", config.ffn_width, d);
  builder.matrix(prefix + "mlp.up_proj.weight", config.ffn_width, d);
  at.down = builder.matrix(prefix + "mlp.down_proj.weight", d, config.ffn_width);
  if (config.sandwich_norms) at.post_ffn_norm = builder.vector(prefix + "post_feedforward_layernorm.weight", d);
  return at;
}

}  // namespace

const Parameter* ModelLayout::find(std::string_view name) const noexcept {
  for (const Parameter& parameter : parameters) {
    if (parameter.name == name) return &parameter;
  }
  return nullptr;
}

ModelLayout make_layout(const DecoderConfig& config) {
  ModelLayout layout;
  layout.layers.reserve(config.layers.size());
  Builder builder(layout);
  layout.embedding = builder.matrix("model.embed_tokens.weight", config.vocab_size, config.width);
  for (std::int64_t i = 0; i < config.layer_count(); ++i)
    layout.layers.push_back(add_layer(builder, config, i));
  layout.final_norm = builder.vector("model.norm.weight", config.width);
  layout.head = config.tied_embeddings ? layout.embedding
                                       : builder.matrix("lm_head.weight", config.vocab_size, config.width);
  return layout;
}

}  // namespace outcrop::model
