#include "model/architecture.h"

#include "model/rope_table.h"
#include "model/tiny_model.h"

#include <gmock/gmock.h>

namespace outcrop::model {
namespace {

using testing::HasSubstr;

Json parse(std::string_view text) {
  auto json = Json::parse(text);
  EXPECT_TRUE(json) << json.error().message;
  return json ? *json : Json();
}

Result<DecoderConfig> read(const Json& json) {
  OUTCROP_TRY(const Architecture* architecture, find_architecture_of(json));
  return architecture->from_config_json(json);
}

Json with(Json json, std::string_view key, Json value) {
  json.set(key, std::move(value));
  return json;
}

Json smollm() {
  return parse(R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": false,
    "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 576, "intermediate_size": 1536,
    "max_position_embeddings": 8192, "num_attention_heads": 9, "num_hidden_layers": 30, "num_key_value_heads": 3,
    "rms_norm_eps": 1e-05, "rope_interleaved": false, "rope_scaling": null, "rope_theta": 100000,
    "tie_word_embeddings": true, "vocab_size": 49152})");
}

Json gemma() {
  return parse(
      R"({"model_type": "gemma3_text", "vocab_size": 262144, "hidden_size": 640, "intermediate_size": 2048,
    "num_hidden_layers": 18, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256,
    "max_position_embeddings": 32768, "sliding_window": 512, "eos_token_id": [1, 106], "bos_token_id": 2})");
}

void expect_refused(const Json& json, Code code, const char* what) {
  const auto config = read(json);
  ASSERT_FALSE(config) << what;
  EXPECT_EQ(config.error().code, code);
  EXPECT_THAT(config.error().message, HasSubstr(what));
}

TEST(Architecture, ReadsASmolLm2Configuration) {
  const auto config = read(smollm());
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->architecture, "llama");
  EXPECT_EQ(config->vocab_size, 49152);
  EXPECT_EQ(config->width, 576);
  EXPECT_EQ(config->head_width, 64);
  EXPECT_EQ(config->layer_count(), 30);
  EXPECT_EQ(config->kv_heads, 3);
  EXPECT_EQ(config->ropes.front().theta, 100000.0);
  EXPECT_EQ(config->attention_scale, 0.125F);
  EXPECT_TRUE(config->tied_embeddings);
  EXPECT_EQ(config->norm_weight_offset, 0.0F);
  EXPECT_EQ(config->eos_tokens, std::vector<std::int32_t>{2});
}

TEST(Architecture, ReadsLlama3ScalingInOldAndNewSpelling) {
  const Json scaling = parse(R"({"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 8192})");
  const auto old_style = read(with(with(smollm(), "rope_scaling", scaling), "rope_theta", 500000.0));
  Json parameters = scaling;
  parameters.set("rope_theta", 500000.0);
  const auto new_style = read(with(with(smollm(), "rope_parameters", parameters), "rope_theta", Json()));
  ASSERT_TRUE(old_style) << old_style.error().message;
  ASSERT_TRUE(new_style) << new_style.error().message;
  EXPECT_EQ(*old_style, *new_style);
  EXPECT_EQ(old_style->ropes.front().scaling, RopeConfig::Scaling::llama3);
  EXPECT_EQ(old_style->ropes.front().factor, 32.0);
  EXPECT_EQ(old_style->ropes.front().theta, 500000.0);
}

TEST(Architecture, RefusesWhatWouldChangeLlamasNumbersByName) {
  expect_refused(with(smollm(), "attention_bias", true), Code::unsupported, "attention_bias");
  expect_refused(with(smollm(), "mlp_bias", true), Code::unsupported, "mlp_bias");
  expect_refused(with(smollm(), "hidden_act", "gelu"), Code::unsupported, "hidden_act");
  expect_refused(with(smollm(), "quantization_config", Json::object()), Code::unsupported,
                 "quantization_config");
  expect_refused(with(smollm(), "rope_interleaved", true), Code::unsupported, "rope_interleaved");
  expect_refused(with(smollm(), "rope_scaling", parse(R"({"type": "yarn", "factor": 4})")), Code::unsupported,
                 "yarn");
}

TEST(Architecture, RefusesSizesThatCannotBe) {
  expect_refused(with(smollm(), "hidden_size", "576"), Code::invalid_argument, "hidden_size");
  expect_refused(with(smollm(), "vocab_size", Json()), Code::invalid_argument, "vocab_size");
  expect_refused(with(smollm(), "num_attention_heads", 0), Code::invalid_argument, "heads");
  expect_refused(with(smollm(), "num_hidden_layers", -1), Code::invalid_argument, "layers");
  expect_refused(with(smollm(), "num_hidden_layers", std::int64_t{1} << 40), Code::invalid_argument, "layers");
  expect_refused(with(smollm(), "num_key_value_heads", 2), Code::invalid_argument, "evenly");
  expect_refused(with(smollm(), "head_dim", 63), Code::invalid_argument, "odd");
  expect_refused(with(smollm(), "rms_norm_eps", 0), Code::invalid_argument, "epsilon");
  expect_refused(with(smollm(), "rope_scaling", parse(R"({"type": "linear", "factor": 0})")),
                 Code::invalid_argument, "factor");
}

TEST(Architecture, NamesAnUnknownArchitectureAndListsTheKnown) {
  expect_refused(with(smollm(), "model_type", "mamba2"), Code::unsupported, "'mamba2'");
  expect_refused(with(smollm(), "model_type", "mamba2"), Code::unsupported, "llama, gemma3");
  expect_refused(Json::object(), Code::invalid_argument, "model_type");
}

TEST(Architecture, ReadsAGemma3Configuration) {
  const auto config = read(gemma());
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->norm_weight_offset, 1.0F);
  EXPECT_TRUE(config->sandwich_norms);
  EXPECT_TRUE(config->qk_norm);
  EXPECT_EQ(config->attention_scale, 1.0F / 16.0F);
  EXPECT_FLOAT_EQ(config->embedding_scale, 25.298221F);
  ASSERT_EQ(config->ropes.size(), 2U);
  for (std::size_t i = 0; i < 18; ++i) {
    const bool global = i == 5 || i == 11 || i == 17;
    EXPECT_EQ(config->layers[i].window, global ? 0 : 512);
    EXPECT_EQ(config->ropes[static_cast<std::size_t>(config->layers[i].rope)].theta, global ? 1e6 : 1e4);
  }
  EXPECT_EQ(config->eos_tokens, (std::vector<std::int32_t>{1, 106}));
}

TEST(Architecture, ReadsTheLanguagePartOfAGemma3WithPictures) {
  const auto config = read(parse(R"({"model_type": "gemma3", "eos_token_id": [1, 106], "text_config":
    {"hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34, "sliding_window": 1024,
     "rope_scaling": {"factor": 8.0, "rope_type": "linear"}}})"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->heads, 8);
  EXPECT_EQ(config->vocab_size, 262208);
  EXPECT_EQ(config->ropes[0].scaling, RopeConfig::Scaling::linear);
  EXPECT_EQ(config->ropes[0].factor, 8.0);
  EXPECT_EQ(config->ropes[1].scaling, RopeConfig::Scaling::none);
  EXPECT_EQ(config->eos_tokens, (std::vector<std::int32_t>{1, 106}));
}

TEST(Architecture, ReadsGemmaLayersFromTypesPatternAndNewRopeParameters) {
  Json json = with(gemma(), "num_hidden_layers", 3);
  const auto pattern = read(with(json, "sliding_window_pattern", 2));
  ASSERT_TRUE(pattern);
  EXPECT_EQ(pattern->layers[1].window, 0);
  EXPECT_EQ(pattern->layers[2].window, 512);
  json.set("layer_types", Json::array({"full_attention", "sliding_attention", "full_attention"}));
  json.set("rope_parameters",
           parse(R"({"full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 2e6},
                                        "sliding_attention": {"rope_type": "default", "rope_theta": 20000}})"));
  const auto types = read(json);
  ASSERT_TRUE(types) << types.error().message;
  EXPECT_EQ(types->layers[0].window, 0);
  EXPECT_EQ(types->ropes[0].theta, 2e6);
  EXPECT_EQ(types->ropes[0].factor, 4.0);
  EXPECT_EQ(types->ropes[1].theta, 20000.0);
  expect_refused(with(json, "layer_types", Json::array({"full_attention"})), Code::invalid_argument,
                 "layer_types");
  expect_refused(
      with(json, "layer_types", Json::array({"full_attention", "linear_attention", "full_attention"})),
      Code::unsupported, "linear_attention");
}

TEST(Architecture, RefusesGemmaSoftcapsAndBias) {
  expect_refused(with(gemma(), "attn_logit_softcapping", 50.0), Code::unsupported, "attn_logit_softcapping");
  expect_refused(with(gemma(), "final_logit_softcapping", 30.0), Code::unsupported, "final_logit_softcapping");
  expect_refused(with(gemma(), "attention_bias", true), Code::unsupported, "attention_bias");
  expect_refused(with(gemma(), "hidden_activation", "silu"), Code::unsupported, "hidden_activation");
  expect_refused(with(gemma(), "use_bidirectional_attention", true), Code::unsupported, "bidirectional");
  expect_refused(with(gemma(), "query_pre_attn_scalar", 0), Code::invalid_argument, "query_pre_attn_scalar");
}

TEST(Architecture, ConfigurationsSurviveTheirJson) {
  DecoderConfig llama = test::tiny_llama();
  llama.ropes.front().scaling = RopeConfig::Scaling::llama3;
  llama.ropes.front().factor = 8.0;
  llama.tied_embeddings = false;
  llama.eos_tokens = {2, 258};
  DecoderConfig linear = test::tiny_gemma();
  linear.ropes[0].scaling = RopeConfig::Scaling::linear;
  linear.ropes[0].factor = 8.0;
  linear.attention_scale = static_cast<float>(1.0 / std::sqrt(168.0));
  for (const DecoderConfig& config : {llama, test::tiny_llama(), test::tiny_gemma(), linear}) {
    const auto back = read(parse(test::config_json(config)));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, config);
  }
}

/// Metadata as this program writes it, read back beside the tensors that reading looks at.
Result<DecoderConfig> through_gguf(const DecoderConfig& config, const std::vector<float>& rope_factors,
                                   const test::Keys& more = {}) {
  const test::TestFolder folder;
  const auto architecture = find_architecture(config.architecture);
  test::Keys keys = (*architecture)->to_gguf(config);
  keys.insert(keys.end(), more.begin(), more.end());
  std::vector<test::StoredTensor> tensors{
      {"token_embd.weight",
       {config.vocab_size, config.width},
       std::vector<float>(static_cast<std::size_t>(config.vocab_size * config.width))}};
  if (!rope_factors.empty()) {
    tensors.push_back({"rope_freqs.weight", {static_cast<std::int64_t>(rope_factors.size())}, rope_factors});
  }
  test::write_gguf(folder / "x.gguf", keys, tensors);
  OUTCROP_TRY(const formats::Gguf file, formats::Gguf::open(folder / "x.gguf"));
  return (*architecture)->from_gguf(file);
}

DecoderConfig without_tokens(DecoderConfig config) {
  config.bos_token = -1;
  config.eos_tokens.clear();
  return config;
}

TEST(Architecture, ConfigurationsSurviveGgufMetadata) {
  DecoderConfig linear = test::tiny_gemma();
  linear.ropes[0].scaling = RopeConfig::Scaling::linear;
  linear.ropes[0].factor = 8.0;
  for (const DecoderConfig& config : {test::tiny_llama(), test::tiny_gemma(), linear}) {
    const auto back = through_gguf(without_tokens(config), {});
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, without_tokens(config));
  }
}

TEST(Architecture, RecognisesLlama3ScalingInRopeFactors) {
  DecoderConfig config = without_tokens(test::tiny_llama());
  config.head_width = 64;
  config.heads = 2;
  config.attention_scale = 0.125F;
  RopeConfig& rope = config.ropes.front();
  rope.theta = 500000.0;
  rope.scaling = RopeConfig::Scaling::llama3;
  rope.factor = 32.0;
  std::vector<float> factors = llama3_factors(rope, 64);
  const auto back = through_gguf(config, factors);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, config);
  factors[16] *= 1.5F;
  const auto changed = through_gguf(config, factors);
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, Code::unsupported);
  factors.pop_back();
  EXPECT_EQ(through_gguf(config, factors).error().code, Code::corrupt_data);
}

TEST(Architecture, RefusesGgufVariantsByKey) {
  const DecoderConfig config = without_tokens(test::tiny_llama());
  const auto refused = [&](const DecoderConfig& c, const test::Keys& more, const char* what) {
    const auto back = through_gguf(c, {}, more);
    ASSERT_FALSE(back) << what;
    EXPECT_EQ(back.error().code, Code::unsupported);
    EXPECT_THAT(back.error().message, HasSubstr(what));
  };
  refused(config, {{"llama.expert_count", std::uint32_t{8}}}, "expert_count");
  refused(config, {{"llama.rope.scaling.type", std::string("yarn")}}, "yarn");
  refused(without_tokens(test::tiny_gemma()), {{"gemma3.final_logit_softcapping", 30.0F}},
          "final_logit_softcapping");
}

TEST(Architecture, PermutesOnlyLlamasQueriesAndKeys) {
  const auto llama = *find_architecture("llama");
  const auto gemma3 = *find_architecture("gemma3");
  const DecoderConfig c = test::tiny_llama();
  EXPECT_EQ(llama->gguf_mapping("model.layers.1.self_attn.q_proj.weight", c).permute_heads, 4);
  EXPECT_EQ(llama->gguf_mapping("model.layers.1.self_attn.k_proj.weight", c).permute_heads, 2);
  EXPECT_EQ(llama->gguf_mapping("model.layers.1.self_attn.v_proj.weight", c).permute_heads, 0);
  EXPECT_EQ(gemma3->gguf_mapping("model.layers.1.self_attn.q_proj.weight", c).permute_heads, 0);
  EXPECT_EQ(gemma3->gguf_mapping("model.layers.1.self_attn.q_norm.weight", c).add, 1.0F);
  EXPECT_EQ(gemma3->gguf_mapping("model.norm.weight", c).add, 1.0F);
  EXPECT_EQ(gemma3->gguf_mapping("model.embed_tokens.weight", c).add, 0.0F);
}

}  // namespace
}  // namespace outcrop::model
