#include "formats/peft.h"

#include "json/json.h"

#include <array>
#include <cmath>

#include <fmt/format.h>

namespace outcrop::formats {
namespace {

constexpr std::array<std::string_view, 7> kAllLinear{"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                                     "gate_proj", "up_proj", "down_proj"};

/// Settings that change the numbers in ways this version does not compute; anything but these values is
/// refused.
Status refuse_unsupported(const Json& config, std::string_view where) {
  static constexpr std::array<std::string_view, 4> kMustBeFalse{"use_dora", "fan_in_fan_out", "lora_bias",
                                                                "use_qalora"};
  static constexpr std::array<std::string_view, 5> kMustBeEmpty{"modules_to_save", "layer_replication",
                                                                "target_parameters", "trainable_token_indices",
                                                                "exclude_modules"};
  for (const std::string_view key : kMustBeFalse) {
    if (config[key].as_bool() == true) {
      return fail(Code::unsupported, fmt::format("{}: {} is true, which is not supported", where, key));
    }
  }
  for (const std::string_view key : kMustBeEmpty) {
    if (!config[key].is_null() && config[key].size() > 0) {
      return fail(Code::unsupported, fmt::format("{}: {} is set, which is not supported", where, key));
    }
  }
  if (const auto bias = config["bias"].as_string(); bias && *bias != "none") {
    return fail(Code::unsupported, fmt::format("{}: bias is \"{}\", only \"none\" is supported", where, *bias));
  }
  return {};
}

Result<std::vector<std::string>> read_targets(const Json& targets, std::string_view where) {
  if (targets.as_string() == "all-linear")
    return std::vector<std::string>(kAllLinear.begin(), kAllLinear.end());
  if (!targets.is_array()) {
    return fail(Code::unsupported,
                fmt::format("{}: target_modules must be a list of names or \"all-linear\", found {}", where,
                            targets.dump()));
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const auto name = targets[i].as_string();
    if (!name) return fail(Code::corrupt_data, fmt::format("{}: target_modules[{}] is not a text", where, i));
    names.emplace_back(*name);
  }
  return names;
}

Json names_of(const std::vector<std::string>& names) {
  Json array = Json::array();
  for (const std::string& name : names) array.push_back(Json(name));
  return array;
}

}  // namespace

double PeftConfig::scaling() const noexcept {
  const auto r = static_cast<double>(rank);
  return use_rslora ? alpha / std::sqrt(r) : alpha / r;
}

Result<PeftConfig> parse_peft_config(std::string_view json_text, std::string_view where) {
  auto parsed = Json::parse(json_text);
  if (!parsed) return forward_error(parsed, where);
  const Json& json = *parsed;
  if (json["peft_type"].as_string() != "LORA") {
    return fail(Code::unsupported, fmt::format("{}: peft_type is {}, only \"LORA\" is supported", where,
                                               json["peft_type"].dump()));
  }
  OUTCROP_CHECK_OK(refuse_unsupported(json, where));
  PeftConfig config;
  config.base_model = json["base_model_name_or_path"].as_string().value_or("");
  config.rank = json["r"].as_int().value_or(config.rank);
  config.alpha = json["lora_alpha"].as_double().value_or(config.alpha);
  config.dropout = json["lora_dropout"].as_double().value_or(0.0);
  config.use_rslora = json["use_rslora"].as_bool().value_or(false);
  constexpr std::int64_t kMaxRank = 65536;
  if (config.rank < 1 || config.rank > kMaxRank) {
    return fail(Code::corrupt_data,
                fmt::format("{}: r must be 1 to {}, found {}", where, kMaxRank, config.rank));
  }
  if (!std::isfinite(config.alpha))
    return fail(Code::corrupt_data, fmt::format("{}: lora_alpha is not finite", where));
  OUTCROP_TRY(config.target_modules, read_targets(json["target_modules"], where));
  const Json& ranks = json["rank_pattern"];
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const auto [name, value] = ranks.member(i);
    config.rank_pattern[std::string(name)] = value.as_int().value_or(0);
  }
  const Json& alphas = json["alpha_pattern"];
  for (std::size_t i = 0; i < alphas.size(); ++i) {
    const auto [name, value] = alphas.member(i);
    config.alpha_pattern[std::string(name)] = value.as_double().value_or(0.0);
  }
  const Json& layers = json["layers_to_transform"];
  for (std::size_t i = 0; i < layers.size(); ++i)
    config.layers_to_transform.push_back(layers[i].as_int().value_or(-1));
  if (const auto one = layers.as_int()) config.layers_to_transform.push_back(*one);
  return config;
}

std::string render_peft_config(const PeftConfig& config) {
  Json ranks = Json::object();
  for (const auto& [name, rank] : config.rank_pattern) ranks.set(name, Json(rank));
  Json alphas = Json::object();
  for (const auto& [name, alpha] : config.alpha_pattern) alphas.set(name, Json(alpha));
  Json layers;
  for (const std::int64_t layer : config.layers_to_transform) layers.push_back(Json(layer));
  const Json json = Json::object({{"alpha_pattern", alphas},
                                  {"auto_mapping", Json()},
                                  {"base_model_name_or_path", Json(config.base_model)},
                                  {"bias", Json("none")},
                                  {"exclude_modules", Json()},
                                  {"fan_in_fan_out", Json(false)},
                                  {"inference_mode", Json(true)},
                                  {"init_lora_weights", Json(true)},
                                  {"layer_replication", Json()},
                                  {"layers_pattern", Json()},
                                  {"layers_to_transform", layers},
                                  {"loftq_config", Json::object()},
                                  {"lora_alpha", Json(config.alpha)},
                                  {"lora_bias", Json(false)},
                                  {"lora_dropout", Json(config.dropout)},
                                  {"megatron_config", Json()},
                                  {"megatron_core", Json("megatron.core")},
                                  {"modules_to_save", Json()},
                                  {"peft_type", Json("LORA")},
                                  {"r", Json(config.rank)},
                                  {"rank_pattern", ranks},
                                  {"revision", Json()},
                                  {"target_modules", names_of(config.target_modules)},
                                  {"target_parameters", Json()},
                                  {"task_type", Json("CAUSAL_LM")},
                                  {"trainable_token_indices", Json()},
                                  {"use_dora", Json(false)},
                                  {"use_rslora", Json(config.use_rslora)}});
  return json.dump(2) + "\n";
}

std::string peft_key(std::int64_t layer, std::string_view module, char matrix) {
  return fmt::format("base_model.model.model.layers.{}.{}.lora_{}.weight", layer, module, matrix);
}

}  // namespace outcrop::formats
