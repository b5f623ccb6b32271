#include "formats/peft.h"

#include "formats/images.h"

#include <cmath>
#include <string>

namespace outcrop::formats {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::Pair;

/// A configuration with these members beside the two that every one has.
Result<PeftConfig> parse(const std::string& members) {
  return parse_peft_config(
      R"({"peft_type":"LORA","target_modules":["q_proj"])" + (members.empty() ? "" : "," + members) + "}",
      "adapter_config.json");
}

TEST(PeftConfig, HasPeftsDefaults) {
  const auto config = parse("");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->rank, 8);
  EXPECT_EQ(config->alpha, 8.0);
  EXPECT_EQ(config->dropout, 0.0);
  EXPECT_FALSE(config->use_rslora);
  EXPECT_EQ(config->base_model, "");
  EXPECT_THAT(config->target_modules, ElementsAre("q_proj"));
  EXPECT_TRUE(config->rank_pattern.empty() && config->alpha_pattern.empty() &&
              config->layers_to_transform.empty());
}

/// As PEFT 0.17 saves it, all its members included.
TEST(PeftConfig, ReadsAFileThatPeftWrote) {
  const auto config = parse_peft_config(R"({
  "alpha_pattern": {}, "auto_mapping": null, "base_model_name_or_path": "HuggingFaceTB/SmolLM2-135M-Instruct",
  "bias": "none", "corda_config": null, "eva_config": null, "exclude_modules": null, "fan_in_fan_out": false,
  "inference_mode": true, "init_lora_weights": true, "layer_replication": null, "layers_pattern": null,
  "layers_to_transform": null, "loftq_config": {}, "lora_alpha": 32, "lora_bias": false, "lora_dropout": 0.05,
  "megatron_config": null, "megatron_core": "megatron.core", "modules_to_save": null, "peft_type": "LORA",
  "qalora_group_size": 16, "r": 16, "rank_pattern": {}, "revision": null, "target_modules": ["v_proj", "q_proj"],
  "target_parameters": null, "task_type": "CAUSAL_LM", "trainable_token_indices": null, "use_dora": false,
  "use_qalora": false, "use_rslora": true})",
                                        "adapter_config.json");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->base_model, "HuggingFaceTB/SmolLM2-135M-Instruct");
  EXPECT_EQ(config->rank, 16);
  EXPECT_EQ(config->alpha, 32.0);
  EXPECT_EQ(config->dropout, 0.05);
  EXPECT_TRUE(config->use_rslora);
  EXPECT_THAT(config->target_modules, ElementsAre("v_proj", "q_proj"));
}

TEST(PeftConfig, ScalesByTheRankOrItsRoot) {
  PeftConfig config;
  config.rank = 16;
  config.alpha = 32;
  EXPECT_EQ(config.scaling(), 2.0);
  config.use_rslora = true;
  EXPECT_EQ(config.scaling(), 8.0);
}

TEST(PeftConfig, ReadsPatternsAndLayers) {
  const auto config =
      parse(R"("rank_pattern":{"v_proj":4,"layers.0.self_attn.q_proj":64},"alpha_pattern":{"v_proj":0.5},)"
            R"("layers_to_transform":[0,2])");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_THAT(config->rank_pattern, ElementsAre(Pair("layers.0.self_attn.q_proj", 64), Pair("v_proj", 4)));
  EXPECT_THAT(config->alpha_pattern, ElementsAre(Pair("v_proj", 0.5)));
  EXPECT_THAT(config->layers_to_transform, ElementsAre(0, 2));
  EXPECT_THAT(parse(R"("layers_to_transform":3)")->layers_to_transform, ElementsAre(3));
}

TEST(PeftConfig, TakesAllLinearForTheSevenMatrices) {
  const auto config = parse_peft_config(R"({"peft_type":"LORA","target_modules":"all-linear"})", "c");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_THAT(config->target_modules,
              ElementsAre("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"));
}

TEST(PeftConfig, MeansTheSameWhenWrittenAndReadAgain) {
  PeftConfig config;
  config.base_model = "a \"base\"";
  config.rank = 4;
  config.alpha = 0.1;
  config.dropout = 0.25;
  config.use_rslora = true;
  config.target_modules = {"o_proj", "up_proj"};
  config.rank_pattern = {{"o_proj", 2}};
  config.alpha_pattern = {{"up_proj", 1.5}};
  for (const std::vector<std::int64_t>& layers : {std::vector<std::int64_t>{}, {1}, {0, 5}}) {
    config.layers_to_transform = layers;
    const auto again = parse_peft_config(render_peft_config(config), "again");
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(*again, config);
  }
}

TEST(PeftConfig, RefusesWhatIsNotJson) {
  for (const char* text : {"", "{", "nul", "{\"r\":8,}"}) {
    expect_error(parse_peft_config(text, "adapter_config.json"), Code::corrupt_data,
                 {"adapter_config.json: line 1, column "});
  }
}

TEST(PeftConfig, RefusesOtherMethods) {
  expect_error(parse_peft_config("{}", "c"), Code::unsupported,
               {"c: peft_type is null, only \"LORA\" is supported"});
  expect_error(parse_peft_config("[]", "c"), Code::unsupported, {"c: peft_type is null"});
  expect_error(parse_peft_config(R"({"peft_type":"IA3"})", "c"), Code::unsupported, {"peft_type is \"IA3\""});
}

TEST(PeftConfig, RefusesSettingsThatWouldChangeTheNumbers) {
  for (const char* flag : {"use_dora", "fan_in_fan_out", "lora_bias", "use_qalora"}) {
    for (const char* value : {"true", "1", "\"true\"", "{}"}) {
      expect_error(parse("\"" + std::string(flag) + "\":" + value), Code::unsupported,
                   {"adapter_config.json: ", flag, value, "not supported"});
    }
    EXPECT_TRUE(parse("\"" + std::string(flag) + "\":null"));
  }
  for (const char* list : {"modules_to_save", "layer_replication", "target_parameters",
                           "trainable_token_indices", "exclude_modules", "alora_invocation_tokens"}) {
    for (const char* value : {"[\"x\"]", "{\"x\":1}", "\"x\"", "1", "true"}) {
      expect_error(parse("\"" + std::string(list) + "\":" + value), Code::unsupported,
                   {"adapter_config.json: ", list, "is set, which is not supported"});
    }
    for (const char* value : {"null", "[]", "{}", "\"\""})
      EXPECT_TRUE(parse("\"" + std::string(list) + "\":" + value)) << list;
  }
  for (const char* bias : {"\"all\"", "\"lora_only\"", "true"}) {
    expect_error(parse("\"bias\":" + std::string(bias)), Code::unsupported, {"bias is ", bias});
  }
}

TEST(PeftConfig, RefusesInitialisationsThatChangeTheBase) {
  for (const char* method : {"pissa", "pissa_niter_16", "olora", "corda", "loftq"}) {
    expect_error(parse("\"init_lora_weights\":\"" + std::string(method) + "\""), Code::unsupported,
                 {"init_lora_weights is ", method, "path_initial_model_for_weight_conversion"});
  }
  for (const char* method : {"true", "false", "\"gaussian\"", "\"eva\"", "\"orthogonal\"", "null"}) {
    EXPECT_TRUE(parse("\"init_lora_weights\":" + std::string(method))) << method;
  }
}

void expect_rule(const std::string& member, const std::string& value, const char* rule) {
  expect_error(parse("\"" + member + "\":" + value), Code::corrupt_data,
               {("adapter_config.json: " + member + " must be ").c_str(), rule, ("found " + value).c_str()});
}

TEST(PeftConfig, RefusesNumbersThatAreNone) {
  for (const char* rank : {"0", "-8", "65537", "8.5", "\"8\"", "true", "[8]", "18446744073709551615"}) {
    expect_rule("r", rank, "an integer from 1 to 65536");
  }
  for (const char* alpha : {"0", "0.0", "1e-07", "10000000.0", "\"16\"", "false", "{}"}) {
    expect_rule("lora_alpha", alpha, "a number of size 1e-06 to 1");
  }
  EXPECT_EQ(parse(R"("lora_alpha":-2)")->alpha, -2.0) << "an adapter may be taken away";
  for (const char* dropout : {"-0.1", "1", "1.5", "\"0.1\"", "true"}) {
    expect_rule("lora_dropout", dropout, "a number from 0 to below 1");
  }
  for (const char* flag : {"1", "\"true\"", "[]"}) expect_rule("use_rslora", flag, "true or false");
  for (const char* base : {"1", "[]"}) expect_rule("base_model_name_or_path", base, "a text");
}

TEST(PeftConfig, RefusesPatternsAndLayersThatAreNone) {
  for (const char* pattern : {"[]", "8", "\"q_proj\""}) {
    expect_rule("rank_pattern", pattern, "an object");
    expect_rule("alpha_pattern", pattern, "an object");
  }
  for (const char* rank : {"0", "-1", "\"4\"", "null"}) {
    expect_error(parse("\"rank_pattern\":{\"v_proj\":" + std::string(rank) + "}"), Code::corrupt_data,
                 {"adapter_config.json: rank_pattern['v_proj'] must be an integer", "found ", rank});
  }
  for (const char* alpha : {"0", "\"4\"", "null"}) {
    expect_error(parse("\"alpha_pattern\":{\"v_proj\":" + std::string(alpha) + "}"), Code::corrupt_data,
                 {"alpha_pattern['v_proj'] must be a number", "found ", alpha});
  }
  for (const char* layers : {"-1", "1.5", "\"0\"", "{}"})
    expect_rule("layers_to_transform", layers, "a layer from 0");
  expect_error(parse(R"("layers_to_transform":[0,-1])"), Code::corrupt_data,
               {"layers_to_transform[1] must be a layer"});
}

TEST(PeftConfig, RefusesTargetsThatAreNoNames) {
  for (const char* targets : {"null", "\".*_proj\"", "{}", "7"}) {
    expect_error(
        parse_peft_config(R"({"peft_type":"LORA","target_modules":)" + std::string(targets) + "}", "c"),
        Code::unsupported, {"c: target_modules must be a list of names or \"all-linear\", found ", targets});
  }
  expect_error(parse_peft_config(R"({"peft_type":"LORA","target_modules":["q_proj",1]})", "c"),
               Code::corrupt_data, {"c: target_modules[1] is not a text"});
}

TEST(PeftConfig, KeepsErrorsShort) {
  const auto config = parse("\"r\":\"" + std::string(100'000, 'x') + "\"");
  ASSERT_FALSE(config);
  EXPECT_LT(config.error().message.size(), 300U);
}

TEST(PeftKey, NamesAMatrixAsPeftDoes) {
  EXPECT_EQ(peft_key(3, "self_attn.q_proj", 'A'),
            "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight");
}

}  // namespace
}  // namespace outcrop::formats
