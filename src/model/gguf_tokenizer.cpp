#include "model/gguf_tokenizer.h"

#include "tokenizer/gguf_vocabulary.h"

#include <limits>

#include <fmt/format.h>

namespace outcrop::model {
namespace {

using formats::Gguf;
using KeyValue = formats::GgufWriter::KeyValue;

template <class T>
std::vector<T> converted(const std::optional<std::vector<double>>& numbers) {
  std::vector<T> values;
  if (!numbers) return values;
  values.reserve(numbers->size());
  for (const double number : *numbers) values.push_back(static_cast<T>(number));
  return values;
}

std::optional<std::int32_t> id_of(const Gguf& file, std::string_view key, std::size_t tokens) {
  const auto id = file.integer(key);
  if (!id || *id < 0 || static_cast<std::uint64_t>(*id) >= tokens) return std::nullopt;
  return static_cast<std::int32_t>(*id);
}

/// Token types are small; anything else would not survive the conversion from double.
Status check_types(const std::optional<std::vector<double>>& types) {
  if (!types) return {};
  for (const double type : *types) {
    if (!(type >= 0.0 && type <= 255.0)) {
      return fail(Code::corrupt_data, fmt::format("token type {} is not known", type));
    }
  }
  return {};
}

Result<GgufVocabulary> read_vocabulary(const Gguf& file) {
  GgufVocabulary vocabulary;
  const auto model = file.text("tokenizer.ggml.model");
  const auto* tokens = file.texts("tokenizer.ggml.tokens");
  if (!model || tokens == nullptr) {
    return fail(Code::corrupt_data,
                "the file has no vocabulary (tokenizer.ggml.model and tokenizer.ggml.tokens)");
  }
  vocabulary.model = *model;
  vocabulary.pre = file.text("tokenizer.ggml.pre").value_or("default");
  vocabulary.tokens = *tokens;
  const auto types = file.numbers("tokenizer.ggml.token_type");
  OUTCROP_CHECK_OK(check_types(types));
  vocabulary.types = converted<std::int32_t>(types);
  vocabulary.scores = converted<float>(file.numbers("tokenizer.ggml.scores"));
  if (const auto* merges = file.texts("tokenizer.ggml.merges")) vocabulary.merges = *merges;
  const std::size_t count = vocabulary.tokens.size();
  vocabulary.bos = id_of(file, "tokenizer.ggml.bos_token_id", count);
  vocabulary.eos = id_of(file, "tokenizer.ggml.eos_token_id", count);
  vocabulary.unknown = id_of(file, "tokenizer.ggml.unknown_token_id", count);
  vocabulary.padding = id_of(file, "tokenizer.ggml.padding_token_id", count);
  // llama.cpp's default: SentencePiece vocabularies begin with BOS, byte-level ones do not.
  vocabulary.add_bos = file.boolean("tokenizer.ggml.add_bos_token").value_or(vocabulary.model == "llama");
  vocabulary.add_space_prefix = file.boolean("tokenizer.ggml.add_space_prefix").value_or(true);
  return vocabulary;
}

std::string tokenizer_config(const GgufVocabulary& vocabulary, const std::string& chat_template,
                             std::int64_t context) {
  Json json = Json::object();
  json.set("add_bos_token", vocabulary.add_bos);
  const auto set_token = [&](std::string_view key, std::optional<std::int32_t> id) {
    if (id) json.set(key, vocabulary.tokens[static_cast<std::size_t>(*id)]);
  };
  set_token("bos_token", vocabulary.bos);
  set_token("eos_token", vocabulary.eos);
  set_token("pad_token", vocabulary.padding);
  set_token("unk_token", vocabulary.unknown);
  json.set("clean_up_tokenization_spaces", false);
  json.set("model_max_length", context);
  json.set("tokenizer_class", "PreTrainedTokenizerFast");
  if (!chat_template.empty()) json.set("chat_template", chat_template);
  return json.dump(2);
}

std::string generation_config(const GgufVocabulary& vocabulary, const DecoderConfig& config) {
  Json json = Json::object();
  if (vocabulary.bos) json.set("bos_token_id", *vocabulary.bos);
  Json ends = Json::array();
  for (const std::int32_t id : config.eos_tokens) ends.push_back(id);
  if (ends.size() > 0) json.set("eos_token_id", std::move(ends));
  if (vocabulary.padding) json.set("pad_token_id", *vocabulary.padding);
  return json.dump(2);
}

/// The value with the type that llama.cpp gives such a key; nothing for arrays that no tokenizer key has.
struct Converter {
  KeyValue& to;
  bool operator()(std::uint64_t value) const {
    if (value > std::numeric_limits<std::uint32_t>::max()) return false;
    to.value = static_cast<std::uint32_t>(value);
    return true;
  }
  bool operator()(std::int64_t value) const {
    if (value < std::numeric_limits<std::int32_t>::min() || value > std::numeric_limits<std::int32_t>::max()) {
      return false;
    }
    to.value = static_cast<std::int32_t>(value);
    return true;
  }
  bool operator()(double value) const {
    to.value = static_cast<float>(value);
    return true;
  }
  bool operator()(bool value) const {
    to.value = value;
    return true;
  }
  bool operator()(const std::string& value) const {
    to.value = value;
    return true;
  }
  bool operator()(const formats::GgufArray& array) const {
    if (const auto* texts = std::get_if<std::vector<std::string>>(&array.elements)) {
      to.value = *texts;
      return true;
    }
    if (const auto* numbers = std::get_if<std::vector<double>>(&array.elements)) {
      to.value = std::vector<float>(numbers->begin(), numbers->end());
      return true;
    }
    std::vector<std::int32_t> integers;
    const auto append = [&](const auto& elements) {
      for (const auto element : elements) integers.push_back(static_cast<std::int32_t>(element));
    };
    if (const auto* values = std::get_if<std::vector<std::int64_t>>(&array.elements)) {
      append(*values);
    } else if (const auto* naturals = std::get_if<std::vector<std::uint64_t>>(&array.elements)) {
      append(*naturals);
    } else {
      return false;
    }
    to.value = std::move(integers);
    return true;
  }
};

}  // namespace

Result<TextFiles> gguf_text_files(const Gguf& file, const DecoderConfig& config) {
  OUTCROP_TRY(const GgufVocabulary vocabulary, read_vocabulary(file));
  if (static_cast<std::int64_t>(vocabulary.tokens.size()) > config.vocab_size) {
    return fail(Code::corrupt_data, fmt::format("{} tokens in the vocabulary, {} rows in the embedding",
                                                vocabulary.tokens.size(), config.vocab_size));
  }
  TextFiles text;
  OUTCROP_TRY(text.tokenizer_json, tokenizer_json_from_gguf(vocabulary));
  text.chat_template = file.text("tokenizer.chat_template").value_or("");
  text.tokenizer_config = tokenizer_config(vocabulary, text.chat_template, config.context_length);
  text.generation_config = generation_config(vocabulary, config);
  return text;
}

std::vector<KeyValue> gguf_tokenizer_keys(const Gguf& file) {
  std::vector<KeyValue> keys;
  for (const auto& [key, value] : file.metadata()) {
    if (!key.starts_with("tokenizer.") && !key.starts_with("general.license")) continue;
    KeyValue entry{key, false};
    if (std::visit(Converter{entry}, value)) keys.push_back(std::move(entry));
  }
  return keys;
}

}  // namespace outcrop::model
