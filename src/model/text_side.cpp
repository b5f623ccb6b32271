#include "model/text_side.h"

#include "model/model_folder.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <system_error>

namespace outcrop::model {
namespace {

constexpr std::uint64_t kMaxFileBytes = 64U << 20;

/// Ends of text and of turn of the families in use. They count only where the tokenizer marks them special.
constexpr std::array<std::string_view, 7> kEndTokens{
    "<|im_end|>", "<end_of_turn>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|end_of_text|>", "<|endoftext|>"};

/// The null value when the file is absent.
Result<Json> read_optional_json(const Path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return Json();
  OUTCROP_TRY(const std::string text, read_file(path, kMaxFileBytes));
  Result<Json> json = Json::parse(text);
  if (!json) return forward_error(json, path.filename().string());
  return json;
}

Result<std::string> read_template(const Path& folder, const Json& tokenizer_config) {
  std::error_code error;
  const Path path = folder / kChatTemplateFile;
  if (std::filesystem::exists(path, error)) return read_file(path, kMaxFileBytes);
  return template_of(tokenizer_config);
}

}  // namespace

std::string special_token(const Json& tokenizer_config, std::string_view key) {
  const Json& value = tokenizer_config[key];
  const Json& text = value.is_object() ? value["content"] : value;
  return std::string(text.as_string().value_or(""));
}

std::string template_of(const Json& tokenizer_config) {
  const Json& value = tokenizer_config["chat_template"];
  if (!value.is_array()) return std::string(value.as_string().value_or(""));
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i]["name"].as_string() == "default")
      return std::string(value[i]["template"].as_string().value_or(""));
  }
  return std::string(value[std::size_t{0}]["template"].as_string().value_or(""));
}

std::vector<TokenId> token_ids(const Json& value) {
  std::vector<TokenId> ids;
  const auto add = [&](const Json& element) {
    const auto id = element.as_int();
    if (id && *id >= 0 && *id <= INT32_MAX) ids.push_back(static_cast<TokenId>(*id));
  };
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) add(value[i]);
  } else {
    add(value);
  }
  return ids;
}

std::vector<TokenId> collect_stop_ids(const Tokenizer& tokenizer, const DecoderConfig& config,
                                      const Json& generation_config, const Json& tokenizer_config) {
  std::set<TokenId> ids(config.eos_tokens.begin(), config.eos_tokens.end());
  for (const TokenId id : token_ids(generation_config["eos_token_id"])) ids.insert(id);
  if (const auto id = tokenizer.id_of(special_token(tokenizer_config, "eos_token"))) ids.insert(*id);
  for (const std::string_view text : kEndTokens) {
    const auto id = tokenizer.id_of(text);
    if (id && tokenizer.is_special(*id)) ids.insert(*id);
  }
  std::erase_if(ids, [&](TokenId id) { return id < 0 || id >= config.vocab_size; });
  return {ids.begin(), ids.end()};
}

Result<std::unique_ptr<const TextSide>> open_text_side(const Path& folder, const DecoderConfig& config) {
  OUTCROP_TRY(Tokenizer tokenizer, Tokenizer::open(folder / kTokenizerFile));
  OUTCROP_TRY(const Json tokenizer_config, read_optional_json(folder / kTokenizerConfigFile));
  OUTCROP_TRY(const Json generation_config, read_optional_json(folder / kGenerationConfigFile));
  OUTCROP_TRY(const std::string source, read_template(folder, tokenizer_config));
  std::optional<ChatTemplate> chat_template;
  if (!source.empty()) {
    auto compiled = ChatTemplate::compile(
        source, {special_token(tokenizer_config, "bos_token"), special_token(tokenizer_config, "eos_token")});
    if (!compiled) return forward_error(compiled, "compiling the chat template");
    chat_template = *std::move(compiled);
  }
  std::vector<TokenId> stop_ids = collect_stop_ids(tokenizer, config, generation_config, tokenizer_config);
  return std::make_unique<const TextSide>(
      TextSide{std::move(tokenizer), std::move(chat_template), std::move(stop_ids)});
}

}  // namespace outcrop::model
