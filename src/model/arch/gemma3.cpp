#include "model/arch/gemma3.h"

#include "model/arch/reading.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace outcrop::model::arch {
namespace {

using formats::Gguf;
using formats::GgufWriter;

constexpr std::array<std::string_view, 2> kModelTypes{"gemma3_text", "gemma3"};
constexpr std::array<std::string_view, 2> kClassNames{"Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"};
constexpr double kGlobalTheta = 1e6;
constexpr double kLocalTheta = 1e4;
constexpr std::int64_t kPattern = 6;  // every sixth layer sees everything
constexpr std::int32_t kGlobalRope = 0;
constexpr std::int32_t kLocalRope = 1;
constexpr std::int64_t kMostLayers = 1 << 20;
// The 27B model has 62 layers and scales attention by width / heads; llama.cpp tells it the same way.
constexpr std::int64_t kLayersOf27b = 62;

DecoderConfig fixed_parts() {
  DecoderConfig config;
  config.architecture = "gemma3";
  config.norm_weight_offset = 1.0F;
  config.sandwich_norms = true;
  config.qk_norm = true;
  config.activation = kernels::Activation::gelu_tanh;
  return config;
}

float inverse_root(double value) {
  return static_cast<float>(1.0 / std::sqrt(value));
}

LayerConfig layer_of(bool global, std::int64_t window) {
  return global ? LayerConfig{0, kGlobalRope} : LayerConfig{window, kLocalRope};
}

void set_pattern(DecoderConfig& config, std::int64_t layers, std::int64_t pattern, std::int64_t window) {
  for (std::int64_t i = 0; i < layers; ++i) config.layers.push_back(layer_of((i + 1) % pattern == 0, window));
}

Status read_layers(const Json& json, ConfigReader& reader, DecoderConfig& config) {
  const std::int64_t layers = reader.integer("num_hidden_layers", 26);
  const std::int64_t window = reader.integer("sliding_window", 4096);
  const std::int64_t pattern =
      reader.integer("sliding_window_pattern", reader.integer("_sliding_window_pattern", kPattern));
  OUTCROP_CHECK_OK(reader.status());
  if (layers < 1 || layers > kMostLayers || window < 1 || pattern < 1) {
    return fail(Code::invalid_argument,
                fmt::format("{} layers with a window of {} and a pattern of {}: all must be "
                            "positive",
                            layers, window, pattern));
  }
  const Json& types = json["layer_types"];
  if (types.is_null()) {
    set_pattern(config, layers, pattern, window);
    return {};
  }
  if (static_cast<std::int64_t>(types.size()) != layers) {
    return fail(Code::invalid_argument,
                fmt::format("'layer_types' names {} layers, 'num_hidden_layers' is {}", types.size(), layers));
  }
  for (std::size_t i = 0; i < types.size(); ++i) {
    const auto type = types[i].as_string();
    if (type != "full_attention" && type != "sliding_attention") {
      return fail(
          Code::unsupported,
          fmt::format("'layer_types'[{}] is {}; known: full_attention, sliding_attention", i, types[i].dump()));
    }
    config.layers.push_back(layer_of(type == "full_attention", window));
  }
  return {};
}

/// Transformers 5 keeps one object for each kind of layer; before, scaling belonged to the global layers.
Status read_ropes(const Json& json, ConfigReader& reader, DecoderConfig& config) {
  const double global_theta = reader.number("rope_theta", kGlobalTheta);
  const double local_theta = reader.number("rope_local_base_freq", kLocalTheta);
  OUTCROP_CHECK_OK(reader.status());
  const Json& parameters = json["rope_parameters"];
  const Json& global = parameters.is_object() ? parameters["full_attention"] : json["rope_scaling"];
  const Json& local = parameters["sliding_attention"];
  OUTCROP_TRY(const RopeConfig global_rope, read_rope(global, global_theta, config.context_length));
  OUTCROP_TRY(const RopeConfig local_rope, read_rope(local, local_theta, config.context_length));
  config.ropes = {global_rope, local_rope};
  return {};
}

Result<DecoderConfig> from_config_json(const Json& outer) {
  // A model with pictures keeps its language part in text_config; what is absent there has these defaults.
  const Json& json = outer["text_config"].is_object() ? outer["text_config"] : outer;
  ConfigReader reader(json);
  DecoderConfig config = fixed_parts();
  config.vocab_size = reader.integer("vocab_size", 262208);
  config.width = reader.integer("hidden_size", 2304);
  config.ffn_width = reader.integer("intermediate_size", 9216);
  config.heads = reader.integer("num_attention_heads", 8);
  config.kv_heads = reader.integer("num_key_value_heads", 4);
  config.head_width = reader.integer("head_dim", 256);
  config.context_length = reader.integer("max_position_embeddings", 131072);
  config.norm_eps = static_cast<float>(reader.number("rms_norm_eps", 1e-6));
  config.tied_embeddings = reader.boolean("tie_word_embeddings", true);
  const double query_scalar = reader.number("query_pre_attn_scalar", 256.0);
  if (!(query_scalar > 0.0)) reader.error(Code::invalid_argument, "'query_pre_attn_scalar' must be positive");
  reader.require_value("attention_bias", false);
  reader.require_value("hidden_activation", "gelu_pytorch_tanh");
  reader.require_value("use_bidirectional_attention", false);
  reader.refuse("attn_logit_softcapping");
  reader.refuse("final_logit_softcapping");
  reader.refuse("quantization_config");
  OUTCROP_CHECK_OK(reader.status());
  config.attention_scale = inverse_root(query_scalar);
  config.embedding_scale = static_cast<float>(std::sqrt(static_cast<double>(config.width)));
  OUTCROP_CHECK_OK(read_layers(json, reader, config));
  OUTCROP_CHECK_OK(read_ropes(json, reader, config));
  read_token_ids(outer["eos_token_id"].is_null() ? json : outer, config);
  OUTCROP_CHECK_OK(check_config(config));
  return config;
}

Result<DecoderConfig> from_gguf(const Gguf& file) {
  GgufReader reader(file, "gemma3");
  DecoderConfig config = fixed_parts();
  read_gguf_sizes(file, reader, config);
  RopeConfig global;
  global.theta = reader.number("rope.freq_base", kGlobalTheta);
  read_gguf_rope_scaling(reader, global);
  RopeConfig local;
  local.theta = reader.number("rope.freq_base_swa", kLocalTheta);
  config.ropes = {global, local};
  const std::int64_t layers = reader.integer("block_count");
  const std::int64_t window = reader.integer("attention.sliding_window");
  reader.refuse("attn_logit_softcapping");
  reader.refuse("final_logit_softcapping");
  OUTCROP_CHECK_OK(reader.status());
  if (layers < 1 || layers > kMostLayers || window < 1 || config.heads < 1) {
    return fail(Code::invalid_argument, fmt::format("{} layers, {} heads, a window of {}: all must be positive",
                                                    layers, config.heads, window));
  }
  set_pattern(config, layers, kPattern, window);
  const std::int64_t scalar = layers == kLayersOf27b ? config.width / config.heads : config.head_width;
  config.attention_scale = inverse_root(static_cast<double>(std::max<std::int64_t>(scalar, 1)));
  config.embedding_scale = static_cast<float>(std::sqrt(static_cast<double>(config.width)));
  OUTCROP_CHECK_OK(check_config(config));
  return config;
}

/// The window of the sliding layers; the default where there is none.
std::int64_t window_of(const DecoderConfig& config) {
  for (const LayerConfig& layer : config.layers) {
    if (layer.window > 0) return layer.window;
  }
  return 4096;
}

Json to_config_json(const DecoderConfig& config, std::string_view dtype) {
  Json json = Json::object();
  json.set("architectures", Json::array({"Gemma3ForCausalLM"}));
  json.set("model_type", "gemma3_text");
  set_common_json(json, config, dtype);
  json.set("hidden_activation", "gelu_pytorch_tanh");
  json.set("attn_logit_softcapping", Json());
  json.set("final_logit_softcapping", Json());
  const double scale = static_cast<double>(config.attention_scale);
  const double scalar = 1.0 / (scale * scale);
  const double whole = std::round(scalar);
  if (std::abs(scalar - whole) < 1e-4 * whole) {
    json.set("query_pre_attn_scalar", static_cast<std::int64_t>(whole));
  } else {
    json.set("query_pre_attn_scalar", scalar);
  }
  json.set("sliding_window", window_of(config));
  Json types = Json::array();
  for (const LayerConfig& layer : config.layers) {
    types.push_back(layer.window > 0 ? "sliding_attention" : "full_attention");
  }
  json.set("layer_types", std::move(types));
  json.set("rope_theta", config.ropes[kGlobalRope].theta);
  json.set("rope_local_base_freq", config.ropes[kLocalRope].theta);
  json.set("rope_scaling", rope_scaling_json(config.ropes[kGlobalRope]));
  return json;
}

std::vector<GgufWriter::KeyValue> to_gguf(const DecoderConfig& config) {
  std::vector<GgufWriter::KeyValue> keys = common_gguf_keys(config);
  const RopeConfig& rope = config.ropes[kGlobalRope];
  keys.push_back({"gemma3.rope.freq_base", static_cast<float>(rope.theta)});
  keys.push_back({"gemma3.attention.sliding_window", static_cast<std::uint32_t>(window_of(config))});
  if (rope.scaling == RopeConfig::Scaling::linear) {
    keys.push_back({"gemma3.rope.scaling.type", std::string("linear")});
    keys.push_back({"gemma3.rope.scaling.factor", static_cast<float>(rope.factor)});
  }
  return keys;
}

struct Row {
  std::string_view ours;
  std::string_view gguf;
};
constexpr std::array<Row, 13> kLayerNames{{{"input_layernorm.weight", "attn_norm.weight"},
                                           {"self_attn.q_proj.weight", "attn_q.weight"},
                                           {"self_attn.k_proj.weight", "attn_k.weight"},
                                           {"self_attn.v_proj.weight", "attn_v.weight"},
                                           {"self_attn.q_norm.weight", "attn_q_norm.weight"},
                                           {"self_attn.k_norm.weight", "attn_k_norm.weight"},
                                           {"self_attn.o_proj.weight", "attn_output.weight"},
                                           {"post_attention_layernorm.weight", "post_attention_norm.weight"},
                                           {"pre_feedforward_layernorm.weight", "ffn_norm.weight"},
                                           {"mlp.gate_proj.weight", "ffn_gate.weight"},
                                           {"mlp.up_proj.weight", "ffn_up.weight"},
                                           {"mlp.down_proj.weight", "ffn_down.weight"},
                                           {"post_feedforward_layernorm.weight", "post_ffw_norm.weight"}}};

GgufMapping gguf_mapping(std::string_view parameter, const DecoderConfig&) {
  if (parameter == "model.embed_tokens.weight") return {"token_embd.weight"};
  if (parameter == "lm_head.weight") return {"output.weight"};
  GgufMapping mapping;
  if (parameter == "model.norm.weight") mapping.gguf_name = "output_norm.weight";
  if (const auto layer = split_layer_name(parameter)) {
    for (const Row& row : kLayerNames) {
      if (row.ours == layer->rest) mapping.gguf_name = fmt::format("blk.{}.{}", layer->index, row.gguf);
    }
  }
  if (parameter.ends_with("norm.weight")) mapping.add = 1.0F;
  return mapping;
}

constexpr Architecture kGemma3{"gemma3",  kModelTypes,    kClassNames, from_config_json,
                               from_gguf, to_config_json, to_gguf,     gguf_mapping};

}  // namespace

const Architecture& gemma3() noexcept {
  return kGemma3;
}

}  // namespace outcrop::model::arch
