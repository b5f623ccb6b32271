#include "formats/peft.h"

#include "base/text.h"
#include "json/json.h"

#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace outcrop::formats {
namespace {

constexpr std::array<std::string_view, 7> kAllLinear{"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                                     "gate_proj", "up_proj", "down_proj"};
constexpr std::int64_t kMaxRank = 65536;
/// Sizes of alpha that keep every scaling an ordinary float.
constexpr double kLeastAlpha = 1e-6;
constexpr double kMostAlpha = 1e6;

std::string shown(const Json& value) {
  return shorten(value.dump(), 80);
}

/// Whether nothing is set: null, an empty text, list or object.
bool is_empty(const Json& value) {
  if (const auto text = value.as_string()) return text->empty();
  return value.is_null() || ((value.is_array() || value.is_object()) && value.size() == 0);
}

/// Initialisations after which the adapter belongs to a base whose weights were changed too. PEFT changes
/// them again on loading; we do not.
Status refuse_changed_base(const Json& config, std::string_view where) {
  static constexpr std::array<std::string_view, 5> kChangeBase{"pissa", "olora", "corda", "loftq", "lora_ga"};
  const auto method = config["init_lora_weights"].as_string();
  if (!method) return {};
  for (const std::string_view name : kChangeBase) {
    if (!method->starts_with(name)) continue;
    return fail(
        Code::unsupported,
        fmt::format("{}: init_lora_weights is {}, which changes the base model's weights; save the adapter "
                    "with path_initial_model_for_weight_conversion",
                    where, shown(config["init_lora_weights"])));
  }
  return {};
}

/// Settings that change the numbers in ways this version does not compute; anything but these values is
/// refused.
Status refuse_unsupported(const Json& config, std::string_view where) {
  static constexpr std::array<std::string_view, 4> kMustBeFalse{"use_dora", "fan_in_fan_out", "lora_bias",
                                                                "use_qalora"};
  static constexpr std::array<std::string_view, 6> kMustBeEmpty{"modules_to_save",   "layer_replication",
                                                                "target_parameters", "trainable_token_indices",
                                                                "exclude_modules",   "alora_invocation_tokens"};
  for (const std::string_view key : kMustBeFalse) {
    if (!config[key].is_null() && config[key].as_bool() != false) {
      return fail(Code::unsupported,
                  fmt::format("{}: {} is {}, which is not supported", where, key, shown(config[key])));
    }
  }
  for (const std::string_view key : kMustBeEmpty) {
    if (!is_empty(config[key])) {
      return fail(Code::unsupported, fmt::format("{}: {} is set, which is not supported", where, key));
    }
  }
  if (!config["bias"].is_null() && config["bias"].as_string() != "none") {
    return fail(Code::unsupported,
                fmt::format("{}: bias is {}, only \"none\" is supported", where, shown(config["bias"])));
  }
  return refuse_changed_base(config, where);
}

/// Reads members and keeps the first broken rule, so that the reading stays a list of lines.
class Reader {
 public:
  explicit Reader(std::string_view where) : where_(where) {}

  std::string text(const Json& value, std::string_view name) {
    if (!value.is_null() && !value.is_string()) refuse(value, name, "a text");
    return std::string(value.as_string().value_or(""));
  }
  bool flag(const Json& value, std::string_view name) {
    if (!value.is_null() && !value.as_bool()) refuse(value, name, "true or false");
    return value.as_bool().value_or(false);
  }
  std::int64_t rank(const Json& value, std::string_view name) {
    const auto number = value.as_int();
    if (!number || *number < 1 || *number > kMaxRank) {
      refuse(value, name, fmt::format("an integer from 1 to {}", kMaxRank));
    }
    return number.value_or(1);
  }
  double alpha(const Json& value, std::string_view name) {
    const auto number = value.as_double();
    if (!number || !(std::abs(*number) >= kLeastAlpha && std::abs(*number) <= kMostAlpha)) {
      refuse(value, name, fmt::format("a number of size {} to {}", kLeastAlpha, kMostAlpha));
    }
    return number.value_or(1.0);
  }
  double dropout(const Json& value, std::string_view name) {
    const auto number = value.as_double();
    if (!value.is_null() && !(number && *number >= 0.0 && *number < 1.0)) {
      refuse(value, name, "a number from 0 to below 1");
    }
    return number.value_or(0.0);
  }
  /// An index, a list of them, or null for all.
  std::vector<std::int64_t> layers(const Json& value, std::string_view name) {
    if (value.is_null()) return {};
    if (!value.is_array()) return {layer(value, std::string(name))};
    std::vector<std::int64_t> layers;
    layers.reserve(value.size());
    for (std::size_t i = 0; i < value.size(); ++i)
      layers.push_back(layer(value[i], fmt::format("{}[{}]", name, i)));
    return layers;
  }
  /// {"module": value, …}; read(value, name) reads one.
  template <class T, class Read>
  std::map<std::string, T> pattern(const Json& value, std::string_view name, Read read) {
    if (!value.is_null() && !value.is_object()) refuse(value, name, "an object");
    std::map<std::string, T> pattern;
    if (!value.is_object()) return pattern;
    for (std::size_t i = 0; i < value.size(); ++i) {
      const auto [module, entry] = value.member(i);
      pattern.emplace(module, read(entry, fmt::format("{}['{}']", name, shorten(module, 80))));
    }
    return pattern;
  }

  Status status() const {
    if (problem_.empty()) return {};
    return fail(Code::corrupt_data, problem_);
  }

 private:
  std::int64_t layer(const Json& value, const std::string& name) {
    const auto number = value.as_int();
    if (!number || *number < 0) refuse(value, name, "a layer from 0");
    return number.value_or(0);
  }
  void refuse(const Json& value, std::string_view name, std::string_view rule) {
    if (problem_.empty())
      problem_ = fmt::format("{}: {} must be {}, found {}", where_, name, rule, shown(value));
  }
  std::string_view where_;
  std::string problem_;
};

Result<std::vector<std::string>> read_targets(const Json& targets, std::string_view where) {
  if (targets.as_string() == "all-linear")
    return std::vector<std::string>(kAllLinear.begin(), kAllLinear.end());
  if (!targets.is_array()) {
    return fail(Code::unsupported,
                fmt::format("{}: target_modules must be a list of names or \"all-linear\", found {}", where,
                            shown(targets)));
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
  if (!parsed) return fail(Code::corrupt_data, fmt::format("{}: {}", where, parsed.error().message));
  const Json& json = *parsed;
  if (json["peft_type"].as_string() != "LORA") {
    return fail(Code::unsupported, fmt::format("{}: peft_type is {}, only \"LORA\" is supported", where,
                                               shown(json["peft_type"])));
  }
  OUTCROP_CHECK_OK(refuse_unsupported(json, where));
  PeftConfig config;
  OUTCROP_TRY(config.target_modules, read_targets(json["target_modules"], where));
  Reader in(where);
  const auto rank = [&](const Json& value, std::string_view name) { return in.rank(value, name); };
  const auto alpha = [&](const Json& value, std::string_view name) { return in.alpha(value, name); };
  config.base_model = in.text(json["base_model_name_or_path"], "base_model_name_or_path");
  if (!json["r"].is_null()) config.rank = rank(json["r"], "r");
  if (!json["lora_alpha"].is_null()) config.alpha = alpha(json["lora_alpha"], "lora_alpha");
  config.dropout = in.dropout(json["lora_dropout"], "lora_dropout");
  config.use_rslora = in.flag(json["use_rslora"], "use_rslora");
  config.rank_pattern = in.pattern<std::int64_t>(json["rank_pattern"], "rank_pattern", rank);
  config.alpha_pattern = in.pattern<double>(json["alpha_pattern"], "alpha_pattern", alpha);
  config.layers_to_transform = in.layers(json["layers_to_transform"], "layers_to_transform");
  OUTCROP_CHECK_OK(in.status());
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
