#include "model/arch/reading.h"

#include "model/layout.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

namespace outcrop::model::arch {
namespace {

constexpr std::int64_t kMaxWidth = 1 << 20;
constexpr std::int64_t kMaxVocabulary = 1 << 24;
constexpr std::int64_t kMaxLayers = 1024;
constexpr std::int64_t kMaxContext = std::int64_t{1} << 31;

Status check_range(std::string_view what, std::int64_t value, std::int64_t largest) {
  if (value >= 1 && value <= largest) return {};
  return fail(Code::invalid_argument, fmt::format("{} is {}, must be from 1 to {}", what, value, largest));
}

}  // namespace

const Json& ConfigReader::present(std::string_view key, bool right_kind, std::string_view rule) {
  const Json& value = config_[key];
  if (!value.is_null() && !right_kind) {
    error(Code::invalid_argument, fmt::format("'{}' must be {}, is {}", key, rule, value.dump()));
  }
  return value;
}

std::int64_t ConfigReader::integer(std::string_view key) {
  if (config_[key].is_null()) {
    error(Code::invalid_argument, fmt::format("'{}' is missing", key));
    return 0;
  }
  return integer(key, 0);
}

std::int64_t ConfigReader::integer(std::string_view key, std::int64_t absent) {
  return present(key, config_[key].as_int().has_value(), "an integer").as_int().value_or(absent);
}

double ConfigReader::number(std::string_view key, double absent) {
  return present(key, config_[key].is_number(), "a number").as_double().value_or(absent);
}

bool ConfigReader::boolean(std::string_view key, bool absent) {
  return present(key, config_[key].as_bool().has_value(), "true or false").as_bool().value_or(absent);
}

std::string ConfigReader::text(std::string_view key, std::string_view absent) {
  return std::string(present(key, config_[key].is_string(), "a string").as_string().value_or(absent));
}

void ConfigReader::require_value(std::string_view key, const Json& only) {
  const Json& value = config_[key];
  if (value.is_null() || value == only) return;
  error(Code::unsupported, fmt::format("'{}' is {}, only {} is supported", key, value.dump(), only.dump()));
}

void ConfigReader::refuse(std::string_view key) {
  const Json& value = config_[key];
  if (!value.is_null()) error(Code::unsupported, fmt::format("'{}' is set, which is not supported", key));
}

void ConfigReader::error(Code code, std::string message) {
  if (!error_) error_ = Error{code, std::move(message)};
}

Status ConfigReader::status() const {
  if (error_) return tl::unexpected<Error>(*error_);
  return {};
}

Status check_layer_count(std::int64_t layers) {
  return check_range("number of layers", layers, kMaxLayers);
}

Status check_config(const DecoderConfig& config) {
  OUTCROP_CHECK_OK(check_range("vocabulary size", config.vocab_size, kMaxVocabulary));
  OUTCROP_CHECK_OK(check_range("model width", config.width, kMaxWidth));
  OUTCROP_CHECK_OK(check_range("feed-forward width", config.ffn_width, kMaxWidth));
  OUTCROP_CHECK_OK(check_layer_count(config.layer_count()));
  OUTCROP_CHECK_OK(check_range("number of heads", config.heads, kMaxWidth));
  OUTCROP_CHECK_OK(check_range("number of key-value heads", config.kv_heads, config.heads));
  OUTCROP_CHECK_OK(check_range("head width", config.head_width, kMaxWidth));
  OUTCROP_CHECK_OK(check_range("context length", config.context_length, kMaxContext));
  if (config.heads % config.kv_heads != 0) {
    return fail(Code::invalid_argument,
                fmt::format("{} heads cannot share {} key-value heads evenly", config.heads, config.kv_heads));
  }
  if (config.head_width % 2 != 0) {
    return fail(Code::invalid_argument, fmt::format("head width {} is odd", config.head_width));
  }
  if (!(config.norm_eps > 0.0F) || config.norm_eps > 1.0F) {
    return fail(Code::invalid_argument, fmt::format("norm epsilon {} is not in (0, 1]", config.norm_eps));
  }
  for (const RopeConfig& rope : config.ropes) {
    if (!(rope.theta > 1.0) || !std::isfinite(rope.theta) || !(rope.factor >= 1.0) ||
        !std::isfinite(rope.factor)) {
      return fail(Code::invalid_argument,
                  fmt::format("rotary base {} with factor {}: base must be above 1, factor at least 1",
                              rope.theta, rope.factor));
    }
    if (rope.scaling == RopeConfig::Scaling::llama3 &&
        (!(rope.low_frequency_factor > 0.0) || !(rope.high_frequency_factor > rope.low_frequency_factor) ||
         rope.original_context < 1)) {
      return fail(
          Code::invalid_argument,
          fmt::format("llama3 rotary scaling with low {}, high {}, original context {}: 0 < low < high and "
                      "a positive context are needed",
                      rope.low_frequency_factor, rope.high_frequency_factor, rope.original_context));
    }
  }
  return {};
}

void read_token_ids(const Json& json, DecoderConfig& config) {
  const auto id = [](const Json& value) {
    const auto number = value.as_int();
    return number && *number >= 0 && *number < kMaxVocabulary ? static_cast<std::int32_t>(*number) : -1;
  };
  config.bos_token = id(json["bos_token_id"]);
  const Json& eos = json["eos_token_id"];
  const std::size_t count = eos.is_array() ? eos.size() : 1;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t token = id(eos.is_array() ? eos[i] : eos);
    if (token >= 0) config.eos_tokens.push_back(token);
  }
}

double tidy(float value) {
  return std::strtod(fmt::format("{}", value).c_str(), nullptr);
}

void set_common_json(Json& json, const DecoderConfig& config, std::string_view dtype) {
  json.set("vocab_size", config.vocab_size);
  json.set("hidden_size", config.width);
  json.set("intermediate_size", config.ffn_width);
  json.set("num_hidden_layers", config.layer_count());
  json.set("num_attention_heads", config.heads);
  json.set("num_key_value_heads", config.kv_heads);
  json.set("head_dim", config.head_width);
  json.set("max_position_embeddings", config.context_length);
  json.set("rms_norm_eps", tidy(config.norm_eps));
  json.set("tie_word_embeddings", config.tied_embeddings);
  json.set("attention_bias", false);
  json.set("attention_dropout", 0.0);
  json.set("initializer_range", 0.02);
  json.set("use_cache", true);
  json.set("torch_dtype", dtype);
  if (config.bos_token >= 0) json.set("bos_token_id", config.bos_token);
  if (config.eos_tokens.size() == 1) {
    json.set("eos_token_id", config.eos_tokens.front());
  } else if (!config.eos_tokens.empty()) {
    Json list = Json::array();
    for (const std::int32_t id : config.eos_tokens) list.push_back(id);
    json.set("eos_token_id", std::move(list));
  }
}

std::optional<LayerName> split_layer_name(std::string_view parameter) {
  constexpr std::string_view kPrefix = "model.layers.";
  if (!parameter.starts_with(kPrefix)) return std::nullopt;
  parameter.remove_prefix(kPrefix.size());
  const std::size_t dot = parameter.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  return LayerName{parameter.substr(0, dot), parameter.substr(dot + 1)};
}

}  // namespace outcrop::model::arch
