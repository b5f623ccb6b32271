#include "model/export_vocabulary.h"

#include "model/gguf_tokenizer.h"
#include "model/model_folder.h"
#include "model/text_side.h"
#include "tokenizer/gguf_vocabulary.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <system_error>

#include <fmt/format.h>

namespace outcrop::model {
namespace {

using KeyValue = formats::GgufWriter::KeyValue;

constexpr std::uint64_t kMaxTokenizerBytes = std::uint64_t{256} << 20;
/// llama.cpp's token types.
constexpr std::int32_t kNormal = 1;
constexpr std::int32_t kUnknown = 2;
constexpr std::int32_t kControl = 3;
constexpr std::int32_t kUserDefined = 4;
constexpr std::int32_t kUnused = 5;
constexpr std::int32_t kByte = 6;
/// Kinds of pre-tokenizer that a byte-level tokenizer.json is compared with.
constexpr std::array<const char*, 4> kByteLevelKinds{"smollm", "llama-bpe", "qwen2", "gpt-2"};
constexpr float kNoScore = -1e6F;

/// Without what changes offsets only, and with sequences of one step unwrapped.
Json simplified(const Json& step) {
  const char* list = step["type"].as_string() == "Sequence" ? "pretokenizers" : nullptr;
  if (list != nullptr && step[list].size() == 1) return simplified(step[list][std::size_t{0}]);
  Json result = Json::object();
  for (std::size_t i = 0; i < step.size(); ++i) {
    const auto [key, value] = step.member(i);
    if (key == "trim_offsets") continue;
    if (list == nullptr || key != list) {
      result.set(key, value);
      continue;
    }
    Json steps = Json::array();
    for (std::size_t s = 0; s < value.size(); ++s) steps.push_back(simplified(value[s]));
    result.set(key, std::move(steps));
  }
  return result;
}

/// The pre-tokenizer and normaliser that a kind stands for, by building the smallest tokenizer of that kind.
Result<Json> tokenizer_of_kind(const char* kind) {
  GgufVocabulary vocabulary;
  vocabulary.model = "gpt2";
  vocabulary.pre = kind;
  vocabulary.tokens = {"a"};
  vocabulary.types = {kNormal};
  OUTCROP_TRY(const std::string text, tokenizer_json_from_gguf(vocabulary));
  return Json::parse(text);
}

Result<std::string> find_kind(const Json& tokenizer) {
  const Json wanted = simplified(tokenizer["pre_tokenizer"]);
  for (const char* kind : kByteLevelKinds) {
    OUTCROP_TRY(const Json known, tokenizer_of_kind(kind));
    if (simplified(known["pre_tokenizer"]) == wanted && known["normalizer"] == tokenizer["normalizer"]) {
      return std::string(kind);
    }
  }
  return fail(
      Code::unsupported,
      "tokenizer.json cuts text in a way that GGUF has no name for; known are those of SmolLM, Llama 3, "
      "Qwen 2, GPT-2 and SentencePiece");
}

/// tokenizer.json as llama.cpp's parallel lists.
struct Lists {
  std::vector<std::string> tokens;
  std::vector<std::int32_t> types;
};

/// A token without a row in the embedding is left out: nobody can use it. Gemma's text models have one.
Status place(Lists& lists, std::string_view token, const Json& id, std::int32_t type) {
  const auto number = id.as_int();
  if (!number || *number < 0) {
    return fail(Code::corrupt_data, fmt::format("tokenizer.json: token '{}' has id {}", token, id.dump()));
  }
  if (*number >= static_cast<std::int64_t>(lists.tokens.size())) return {};
  lists.tokens[static_cast<std::size_t>(*number)] = token;
  lists.types[static_cast<std::size_t>(*number)] = type;
  return {};
}

bool is_byte_token(std::string_view token) {
  return token.size() == 6 && token.starts_with("<0x") && token.ends_with(">");
}

/// Every row of the embedding gets a token; those without one are named and marked unused.
Result<Lists> read_lists(const Json& tokenizer, std::int64_t rows) {
  Lists lists;
  lists.tokens.resize(static_cast<std::size_t>(rows));
  lists.types.assign(lists.tokens.size(), kUnused);
  const Json& model = tokenizer["model"];
  const bool bytes = model["byte_fallback"].as_bool().value_or(false);
  const Json& vocabulary = model["vocab"];
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    const auto [token, id] = vocabulary.member(i);
    OUTCROP_CHECK_OK(place(lists, token, id, bytes && is_byte_token(token) ? kByte : kNormal));
  }
  const Json& added = tokenizer["added_tokens"];
  const auto unknown = model["unk_token"].as_string();
  for (std::size_t i = 0; i < added.size(); ++i) {
    const auto token = added[i]["content"].as_string().value_or("");
    const bool special = added[i]["special"].as_bool().value_or(false);
    const std::int32_t type = token == unknown ? kUnknown : special ? kControl : kUserDefined;
    OUTCROP_CHECK_OK(place(lists, token, added[i]["id"], type));
  }
  for (std::size_t i = 0; i < lists.tokens.size(); ++i) {
    if (lists.types[i] == kUnused) lists.tokens[i] = fmt::format("[PAD{}]", i);
  }
  return lists;
}

/// Merges come as "a b" or as ["a", "b"].
std::pair<std::string, std::string> read_merge(const Json& merge) {
  if (merge.is_array()) {
    return {std::string(merge[std::size_t{0}].as_string().value_or("")),
            std::string(merge[std::size_t{1}].as_string().value_or(""))};
  }
  const std::string_view text = merge.as_string().value_or("");
  const std::size_t space = text.find(' ', 1);
  if (space == std::string_view::npos) return {std::string(text), ""};
  return {std::string(text.substr(0, space)), std::string(text.substr(space + 1))};
}

/// SentencePiece joins the pair with the best score; the earlier a token can be merged, the better.
std::vector<float> scores_of(const Json& merges, const Lists& lists) {
  std::map<std::string, float, std::less<>> score;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const auto [left, right] = read_merge(merges[rank]);
    score.emplace(left + right, -static_cast<float>(rank) - 1.0F);
  }
  std::vector<float> scores;
  scores.reserve(lists.tokens.size());
  for (const std::string& token : lists.tokens) {
    const auto found = score.find(token);
    scores.push_back(found == score.end() ? kNoScore : found->second);
  }
  return scores;
}

Result<std::vector<KeyValue>> byte_level_keys(const Json& tokenizer) {
  OUTCROP_TRY(std::string kind, find_kind(tokenizer));
  std::vector<std::string> merges;
  const Json& list = tokenizer["model"]["merges"];
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto [left, right] = read_merge(list[i]);
    merges.push_back(fmt::format("{} {}", left, right));
  }
  return std::vector<KeyValue>{{"tokenizer.ggml.model", std::string("gpt2")},
                               {"tokenizer.ggml.pre", std::move(kind)},
                               {"tokenizer.ggml.merges", std::move(merges)}};
}

Result<std::vector<KeyValue>> piece_keys(const Json& tokenizer, const Lists& lists) {
  const std::string normalizer = tokenizer["normalizer"].dump();
  const bool replaces_space = normalizer.find("\xE2\x96\x81") != std::string::npos;
  if (!replaces_space) {
    return fail(Code::unsupported,
                "tokenizer.json falls back to bytes but does not mark spaces as SentencePiece does");
  }
  const std::string pre_tokenizer = tokenizer["pre_tokenizer"].dump();
  const bool prefix = normalizer.find("\"Prepend\"") != std::string::npos ||
                      pre_tokenizer.find("\"prepend_scheme\":\"always\"") != std::string::npos ||
                      pre_tokenizer.find("\"prepend_scheme\":\"first\"") != std::string::npos;
  return std::vector<KeyValue>{{"tokenizer.ggml.model", std::string("llama")},
                               {"tokenizer.ggml.pre", std::string("default")},
                               {"tokenizer.ggml.scores", scores_of(tokenizer["model"]["merges"], lists)},
                               {"tokenizer.ggml.add_space_prefix", prefix}};
}

Result<Json> read_json(const Path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return Json();
  OUTCROP_TRY(const std::string text, read_file(path, kMaxTokenizerBytes));
  Result<Json> json = Json::parse(text);
  if (!json) return forward_error(json, path.filename().string());
  return json;
}

Status add_special_ids(std::vector<KeyValue>& keys, const Model& model) {
  OUTCROP_TRY(const Json config, read_json(model.folder() / kTokenizerConfigFile));
  const Tokenizer& tokenizer = model.text()->tokenizer;
  const auto add = [&](const char* key, const char* name) {
    const auto id = tokenizer.id_of(special_token(config, name));
    if (id && *id < model.config().vocab_size) keys.push_back({key, static_cast<std::uint32_t>(*id)});
  };
  const std::vector<TokenId> prefix = tokenizer.prefix_ids();
  if (prefix.size() == 1 && prefix.front() < model.config().vocab_size) {
    // What the tokenizer puts before a text counts for more than what the configuration calls it, if anything.
    keys.push_back({"tokenizer.ggml.bos_token_id", static_cast<std::uint32_t>(prefix.front())});
  } else {
    add("tokenizer.ggml.bos_token_id", "bos_token");
  }
  add("tokenizer.ggml.eos_token_id", "eos_token");
  add("tokenizer.ggml.unknown_token_id", "unk_token");
  add("tokenizer.ggml.padding_token_id", "pad_token");
  keys.push_back({"tokenizer.ggml.add_bos_token", !prefix.empty()});
  return {};
}

Result<std::vector<KeyValue>> derive(const Model& model) {
  OUTCROP_TRY(const Json tokenizer, read_json(model.folder() / kTokenizerFile));
  const Json& kind = tokenizer["model"]["type"];
  if (kind.as_string() != "BPE") {
    return fail(Code::unsupported,
                fmt::format("tokenizer.json has a {} model; GGUF export knows BPE", kind.dump()));
  }
  OUTCROP_TRY(Lists lists, read_lists(tokenizer, model.config().vocab_size));
  const bool pieces = tokenizer["model"]["byte_fallback"].as_bool().value_or(false);
  auto keys = pieces ? piece_keys(tokenizer, lists) : byte_level_keys(tokenizer);
  if (!keys) return keys;
  keys->push_back({"tokenizer.ggml.tokens", std::move(lists.tokens)});
  keys->push_back({"tokenizer.ggml.token_type", std::move(lists.types)});
  OUTCROP_CHECK_OK(add_special_ids(*keys, model));
  if (model.text()->chat_template) {
    keys->push_back({"tokenizer.chat_template", model.text()->chat_template->source()});
  }
  return keys;
}

}  // namespace

Result<std::vector<KeyValue>> export_vocabulary(const Model& model) {
  std::error_code error;
  const Path kept = model.folder() / kGgufTokenizerFile;
  if (!std::filesystem::exists(kept, error)) return derive(model);
  OUTCROP_TRY(const formats::Gguf file, formats::Gguf::open(kept));
  return gguf_tokenizer_keys(file);
}

}  // namespace outcrop::model
