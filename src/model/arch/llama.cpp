#include "model/arch/llama.h"

#include "model/arch/reading.h"

#include <array>
#include <cmath>

#include <fmt/format.h>

namespace outcrop::model::arch {
namespace {

using formats::Gguf;
using formats::GgufWriter;

constexpr std::array<std::string_view, 1> kModelTypes{"llama"};
constexpr std::array<std::string_view, 1> kClassNames{"LlamaForCausalLM"};
constexpr double kDefaultTheta = 10000.0;
constexpr std::int64_t kDefaultContext = 2048;

DecoderConfig fixed_parts() {
  DecoderConfig config;
  config.architecture = "llama";
  config.activation = kernels::Activation::silu;
  return config;
}

void finish(DecoderConfig& config, const RopeConfig& rope, std::int64_t layers) {
  config.ropes = {rope};
  config.layers.assign(static_cast<std::size_t>(layers), LayerConfig{});
  config.attention_scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(config.head_width)));
}

/// Members that would change the numbers in a way the blocks do not follow.
void refuse_variants(ConfigReader& reader) {
  reader.require_value("attention_bias", false);
  reader.require_value("mlp_bias", false);
  reader.require_value("hidden_act", "silu");
  reader.require_value("rope_interleaved", false);
  reader.require_value("partial_rotary_factor", 1.0);
  reader.refuse("quantization_config");
  reader.refuse("attn_logit_softcapping");
  reader.refuse("final_logit_softcapping");
  reader.refuse("num_local_experts");
}

/// rope_parameters (Transformers 5) or rope_scaling beside rope_theta (before).
Result<RopeConfig> rope_of(const Json& json, ConfigReader& reader, std::int64_t context) {
  const double theta = reader.number("rope_theta", kDefaultTheta);
  const Json& holder = json["rope_parameters"].is_object() ? json["rope_parameters"] : json["rope_scaling"];
  return read_rope(holder, theta, context);
}

Result<DecoderConfig> from_config_json(const Json& json) {
  ConfigReader reader(json);
  DecoderConfig config = fixed_parts();
  config.vocab_size = reader.integer("vocab_size");
  config.width = reader.integer("hidden_size");
  config.ffn_width = reader.integer("intermediate_size");
  config.heads = reader.integer("num_attention_heads");
  config.kv_heads = reader.integer("num_key_value_heads", config.heads);
  config.head_width = reader.integer("head_dim", config.heads > 0 ? config.width / config.heads : 0);
  config.context_length = reader.integer("max_position_embeddings", kDefaultContext);
  config.norm_eps = static_cast<float>(reader.number("rms_norm_eps", 1e-6));
  config.tied_embeddings = reader.boolean("tie_word_embeddings", false);
  const std::int64_t layers = reader.integer("num_hidden_layers");
  refuse_variants(reader);
  OUTCROP_CHECK_OK(reader.status());
  OUTCROP_TRY(const RopeConfig rope, rope_of(json, reader, config.context_length));
  OUTCROP_CHECK_OK(reader.status());
  OUTCROP_CHECK_OK(check_layer_count(layers));
  finish(config, rope, layers);
  read_token_ids(json, config);
  OUTCROP_CHECK_OK(check_config(config));
  return config;
}

Result<DecoderConfig> from_gguf(const Gguf& file) {
  GgufReader reader(file, "llama");
  DecoderConfig config = fixed_parts();
  read_gguf_sizes(file, reader, config);
  RopeConfig rope;
  rope.theta = reader.number("rope.freq_base", kDefaultTheta);
  read_gguf_rope_scaling(reader, rope);
  const std::int64_t layers = reader.integer("block_count");
  OUTCROP_CHECK_OK(reader.status());
  OUTCROP_CHECK_OK(read_gguf_rope_factors(file, config.head_width, rope));
  OUTCROP_CHECK_OK(check_layer_count(layers));
  finish(config, rope, layers);
  OUTCROP_CHECK_OK(check_config(config));
  return config;
}

Json to_config_json(const DecoderConfig& config, std::string_view dtype) {
  Json json = Json::object();
  json.set("architectures", Json::array({"LlamaForCausalLM"}));
  json.set("model_type", "llama");
  set_common_json(json, config, dtype);
  json.set("hidden_act", "silu");
  json.set("mlp_bias", false);
  json.set("pretraining_tp", 1);
  json.set("rope_theta", config.ropes.front().theta);
  json.set("rope_scaling", rope_scaling_json(config.ropes.front()));
  return json;
}

std::vector<GgufWriter::KeyValue> to_gguf(const DecoderConfig& config) {
  std::vector<GgufWriter::KeyValue> keys = common_gguf_keys(config);
  const RopeConfig& rope = config.ropes.front();
  keys.push_back({"llama.rope.freq_base", static_cast<float>(rope.theta)});
  if (rope.scaling == RopeConfig::Scaling::linear) {
    keys.push_back({"llama.rope.scaling.type", std::string("linear")});
    keys.push_back({"llama.rope.scaling.factor", static_cast<float>(rope.factor)});
  }
  return keys;
}

struct Row {
  std::string_view ours;
  std::string_view gguf;
};
constexpr std::array<Row, 9> kLayerNames{{{"input_layernorm.weight", "attn_norm.weight"},
                                          {"self_attn.q_proj.weight", "attn_q.weight"},
                                          {"self_attn.k_proj.weight", "attn_k.weight"},
                                          {"self_attn.v_proj.weight", "attn_v.weight"},
                                          {"self_attn.o_proj.weight", "attn_output.weight"},
                                          {"post_attention_layernorm.weight", "ffn_norm.weight"},
                                          {"mlp.gate_proj.weight", "ffn_gate.weight"},
                                          {"mlp.up_proj.weight", "ffn_up.weight"},
                                          {"mlp.down_proj.weight", "ffn_down.weight"}}};

GgufMapping gguf_mapping(std::string_view parameter, const DecoderConfig& config) {
  if (parameter == "model.embed_tokens.weight") return {"token_embd.weight"};
  if (parameter == "model.norm.weight") return {"output_norm.weight"};
  if (parameter == "lm_head.weight") return {"output.weight"};
  const auto layer = split_layer_name(parameter);
  if (!layer) return {};
  GgufMapping mapping;
  for (const Row& row : kLayerNames) {
    if (row.ours == layer->rest) mapping.gguf_name = fmt::format("blk.{}.{}", layer->index, row.gguf);
  }
  // llama.cpp turns neighbouring dimensions together where Hugging Face turns the halves of a head.
  if (layer->rest == "self_attn.q_proj.weight") mapping.permute_heads = config.heads;
  if (layer->rest == "self_attn.k_proj.weight") mapping.permute_heads = config.kv_heads;
  return mapping;
}

constexpr Architecture kLlama{"llama",   kModelTypes,    kClassNames, from_config_json,
                              from_gguf, to_config_json, to_gguf,     gguf_mapping};

}  // namespace

const Architecture& llama() noexcept {
  return kLlama;
}

}  // namespace outcrop::model::arch
