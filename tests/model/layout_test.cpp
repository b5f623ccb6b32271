#include "model/layout.h"

#include "model/tiny_model.h"

#include <gmock/gmock.h>

namespace outcrop::model {
namespace {

std::vector<std::string> names_of(const ModelLayout& layout) {
  std::vector<std::string> names;
  for (const Parameter& parameter : layout.parameters) names.push_back(parameter.name);
  return names;
}

DecoderConfig one_layer(DecoderConfig config) {
  config.layers.resize(1);
  return config;
}

TEST(Layout, ListsLlamaParametersInFileOrder) {
  DecoderConfig config = one_layer(test::tiny_llama());
  config.tied_embeddings = false;
  EXPECT_THAT(
      names_of(make_layout(config)),
      testing::ElementsAre("model.embed_tokens.weight", "model.layers.0.input_layernorm.weight",
                           "model.layers.0.self_attn.q_proj.weight", "model.layers.0.self_attn.k_proj.weight",
                           "model.layers.0.self_attn.v_proj.weight", "model.layers.0.self_attn.o_proj.weight",
                           "model.layers.0.post_attention_layernorm.weight",
                           "model.layers.0.mlp.gate_proj.weight", "model.layers.0.mlp.up_proj.weight",
                           "model.layers.0.mlp.down_proj.weight", "model.norm.weight", "lm_head.weight"));
}

TEST(Layout, ListsGemmaParametersInFileOrder) {
  EXPECT_THAT(names_of(make_layout(one_layer(test::tiny_gemma()))),
              testing::ElementsAre(
                  "model.embed_tokens.weight", "model.layers.0.input_layernorm.weight",
                  "model.layers.0.self_attn.q_proj.weight", "model.layers.0.self_attn.k_proj.weight",
                  "model.layers.0.self_attn.v_proj.weight", "model.layers.0.self_attn.q_norm.weight",
                  "model.layers.0.self_attn.k_norm.weight", "model.layers.0.self_attn.o_proj.weight",
                  "model.layers.0.post_attention_layernorm.weight",
                  "model.layers.0.pre_feedforward_layernorm.weight", "model.layers.0.mlp.gate_proj.weight",
                  "model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.down_proj.weight",
                  "model.layers.0.post_feedforward_layernorm.weight", "model.norm.weight"));
}

TEST(Layout, LeavesNoHoles) {
  for (const DecoderConfig& config : {test::tiny_llama(), test::tiny_gemma()}) {
    const ModelLayout layout = make_layout(config);
    std::int64_t next = 0;
    for (const Parameter& parameter : layout.parameters) {
      EXPECT_EQ(parameter.offset, next) << parameter.name;
      next += parameter.elements();
    }
    EXPECT_EQ(layout.elements, next);
  }
}

TEST(Layout, PutsQueryKeyValueAndGateUpSideBySide) {
  const DecoderConfig config = test::tiny_llama();
  const ModelLayout layout = make_layout(config);
  const auto at = [&](const char* name) { return layout.find(name)->offset; };
  const LayerOffsets& layer = layout.layers[1];
  EXPECT_EQ(at("model.layers.1.self_attn.q_proj.weight"), layer.qkv);
  EXPECT_EQ(at("model.layers.1.self_attn.k_proj.weight"), layer.qkv + config.query_width() * config.width);
  EXPECT_EQ(at("model.layers.1.self_attn.v_proj.weight"),
            layer.qkv + (config.query_width() + config.kv_width()) * config.width);
  EXPECT_EQ(at("model.layers.1.mlp.gate_proj.weight"), layer.gate_up);
  EXPECT_EQ(at("model.layers.1.mlp.up_proj.weight"), layer.gate_up + config.ffn_width * config.width);
}

TEST(Layout, KnowsThatTheSameNormNameMeansTwoThings) {
  const ModelLayout llama = make_layout(test::tiny_llama());
  const ModelLayout gemma = make_layout(test::tiny_gemma());
  const char* name = "model.layers.0.post_attention_layernorm.weight";
  EXPECT_EQ(llama.layers[0].ffn_norm, llama.find(name)->offset);
  EXPECT_EQ(llama.layers[0].post_attention_norm, -1);
  EXPECT_EQ(gemma.layers[0].post_attention_norm, gemma.find(name)->offset);
  EXPECT_EQ(gemma.layers[0].ffn_norm, gemma.find("model.layers.0.pre_feedforward_layernorm.weight")->offset);
}

TEST(Layout, SharesTheEmbeddingWithATiedHead) {
  DecoderConfig config = test::tiny_llama();
  EXPECT_EQ(make_layout(config).head, make_layout(config).embedding);
  config.tied_embeddings = false;
  EXPECT_EQ(make_layout(config).head, make_layout(config).find("lm_head.weight")->offset);
  EXPECT_EQ(make_layout(config).find("no such parameter"), nullptr);
}

}  // namespace
}  // namespace outcrop::model
