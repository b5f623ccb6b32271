#include "model/arch/reading.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace outcrop::model::arch {
namespace {

/// Out-of-range ids count as absent.
std::int32_t token_id(const formats::Gguf& file, std::string_view key) {
  const auto id = file.integer(key);
  return id && *id >= 0 && *id <= std::numeric_limits<std::int32_t>::max() ? static_cast<std::int32_t>(*id)
                                                                           : -1;
}

std::uint32_t u32(std::int64_t value) {
  return static_cast<std::uint32_t>(value);
}

}  // namespace

std::string GgufReader::name(std::string_view key) const {
  return fmt::format("{}.{}", prefix_, key);
}

std::int64_t GgufReader::integer(std::string_view key) {
  const auto value = file_.integer(name(key));
  if (!value) error(Code::corrupt_data, fmt::format("metadata '{}' is missing or not one integer", name(key)));
  return value.value_or(0);
}

std::int64_t GgufReader::integer(std::string_view key, std::int64_t absent) {
  if (!file_.metadata().contains(name(key))) return absent;
  return integer(key);
}

double GgufReader::number(std::string_view key) {
  const auto value = file_.number(name(key));
  if (!value) error(Code::corrupt_data, fmt::format("metadata '{}' is missing or not one number", name(key)));
  return value.value_or(0.0);
}

double GgufReader::number(std::string_view key, double absent) {
  if (!file_.metadata().contains(name(key))) return absent;
  return number(key);
}

std::string GgufReader::text(std::string_view key, std::string_view absent) const {
  return file_.text(name(key)).value_or(std::string(absent));
}

void GgufReader::refuse(std::string_view key) {
  const double value = number(key, 0.0);
  if (value != 0.0) {
    error(Code::unsupported, fmt::format("metadata '{}' is {}, which is not supported", name(key), value));
  }
}

void GgufReader::error(Code code, std::string message) {
  if (!error_) error_ = Error{code, std::move(message)};
}

Status GgufReader::status() const {
  if (error_) return tl::unexpected<Error>(*error_);
  return {};
}

void read_gguf_sizes(const formats::Gguf& file, GgufReader& reader, DecoderConfig& config) {
  const formats::GgufTensor* embedding = file.find("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2) {
    reader.error(Code::corrupt_data, "tensor 'token_embd.weight' is missing or not a matrix");
    return;
  }
  config.vocab_size = embedding->shape[0];
  config.width = reader.integer("embedding_length");
  config.heads = reader.integer("attention.head_count");
  config.kv_heads = reader.integer("attention.head_count_kv", config.heads);
  config.ffn_width = reader.integer("feed_forward_length");
  config.context_length = reader.integer("context_length");
  config.norm_eps = static_cast<float>(reader.number("attention.layer_norm_rms_epsilon"));
  config.head_width =
      reader.integer("attention.key_length", config.heads > 0 ? config.width / config.heads : 0);
  config.tied_embeddings = file.find("output.weight") == nullptr;
  const std::int64_t values = reader.integer("attention.value_length", config.head_width);
  const std::int64_t rotated = reader.integer("rope.dimension_count", config.head_width);
  if (values != config.head_width || rotated != config.head_width) {
    reader.error(Code::unsupported,
                 fmt::format("heads of {} keys, {} values and {} rotated dimensions: only equal "
                             "numbers are supported",
                             config.head_width, values, rotated));
  }
  reader.refuse("expert_count");
  config.bos_token = token_id(file, "tokenizer.ggml.bos_token_id");
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"}) {
    const std::int32_t id = token_id(file, key);
    if (id >= 0 && (config.eos_tokens.empty() || config.eos_tokens.front() != id))
      config.eos_tokens.push_back(id);
  }
}

std::vector<formats::GgufWriter::KeyValue> common_gguf_keys(const DecoderConfig& config) {
  const std::string& a = config.architecture;
  return {{"general.architecture", a},
          {a + ".vocab_size", u32(config.vocab_size)},
          {a + ".context_length", u32(config.context_length)},
          {a + ".embedding_length", u32(config.width)},
          {a + ".block_count", u32(config.layer_count())},
          {a + ".feed_forward_length", u32(config.ffn_width)},
          {a + ".attention.head_count", u32(config.heads)},
          {a + ".attention.head_count_kv", u32(config.kv_heads)},
          {a + ".attention.key_length", u32(config.head_width)},
          {a + ".attention.value_length", u32(config.head_width)},
          {a + ".attention.layer_norm_rms_epsilon", config.norm_eps},
          {a + ".rope.dimension_count", u32(config.head_width)}};
}

}  // namespace outcrop::model::arch
