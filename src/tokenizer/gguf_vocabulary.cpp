#include "tokenizer/gguf_vocabulary.h"

#include "base/text.h"
#include "tokenizer/gguf/piece_merges.h"
#include "tokenizer/gguf/pre_tokenizers.h"

#include <cmath>
#include <string_view>
#include <unordered_set>

#include <fmt/format.h>

namespace outcrop {

namespace {

enum class TokenType : std::int32_t {
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,
  byte = 6
};

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581, SentencePiece's space

TokenType type_of(const GgufVocabulary& vocabulary, std::size_t id) noexcept {
  return vocabulary.types.empty() ? TokenType::normal : static_cast<TokenType>(vocabulary.types[id]);
}

Status check_id(const GgufVocabulary& vocabulary, std::optional<std::int32_t> id, std::string_view name) {
  const auto count = vocabulary.tokens.size();
  if (id && (*id < 0 || static_cast<std::size_t>(*id) >= count)) {
    return fail(Code::corrupt_data,
                fmt::format("GGUF vocabulary: {} token id {} is not below {}", name, *id, count));
  }
  return {};
}

Status check_sizes(const GgufVocabulary& v) {
  const auto count = v.tokens.size();
  if (count == 0) return fail(Code::corrupt_data, "GGUF vocabulary: no tokens");
  if (!v.types.empty() && v.types.size() != count) {
    return fail(Code::corrupt_data,
                fmt::format("GGUF vocabulary: {} tokens, {} token types", count, v.types.size()));
  }
  if (v.model == "llama" && v.scores.size() != count) {
    return fail(Code::corrupt_data,
                fmt::format("GGUF vocabulary: {} tokens, {} scores", count, v.scores.size()));
  }
  OUTCROP_CHECK_OK(check_id(v, v.bos, "bos"));
  OUTCROP_CHECK_OK(check_id(v, v.eos, "eos"));
  OUTCROP_CHECK_OK(check_id(v, v.unknown, "unknown"));
  return check_id(v, v.padding, "padding");
}

Status check_tokens(const std::vector<std::string>& tokens) {
  std::unordered_set<std::string_view> seen;
  seen.reserve(tokens.size());
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    const std::string& token = tokens[id];
    if (valid_utf8_prefix(token) != token.size()) {
      return fail(Code::corrupt_data, fmt::format("GGUF vocabulary: token {} is not UTF-8", id));
    }
    if (!seen.insert(token).second) {
      return fail(Code::corrupt_data,
                  fmt::format("GGUF vocabulary: token {} repeats {}", id, json_quote(token)));
    }
  }
  return {};
}

std::string with_spaces(std::string_view token) {
  std::string raw;
  for (auto mark = token.find(kSpaceMark); mark != std::string_view::npos; mark = token.find(kSpaceMark)) {
    raw.append(token.substr(0, mark)).push_back(' ');
    token.remove_prefix(mark + kSpaceMark.size());
  }
  return raw.append(token);
}

/// User-defined tokens are cut out of the raw text, where a space is a space. Files differ in how they
/// spell it; the tokens that would collide keep their spelling.
std::vector<std::string> raw_user_defined(const GgufVocabulary& v) {
  std::vector<std::string> tokens = v.tokens;
  const std::unordered_set<std::string_view> spellings(v.tokens.begin(), v.tokens.end());
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (type_of(v, id) != TokenType::user_defined) continue;
    std::string raw = with_spaces(tokens[id]);
    if (raw != tokens[id] && !spellings.contains(raw)) tokens[id] = std::move(raw);
  }
  return tokens;
}

std::string added_tokens_json(const GgufVocabulary& v, const std::vector<std::string>& tokens) {
  std::string json = "[";
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    const TokenType type = type_of(v, id);
    const bool special = type == TokenType::control || type == TokenType::unknown;
    if ((!special && type != TokenType::user_defined) || tokens[id].empty()) continue;
    if (json.size() > 1) json += ',';
    json += fmt::format(R"({{"id":{},"content":{},"single_word":false,"lstrip":false,"rstrip":false,)"
                        R"("normalized":false,"special":{}}})",
                        id, json_quote(tokens[id]), special);
  }
  return json + "]";
}

std::string vocab_json(const std::vector<std::string>& tokens) {
  std::string json = "{";
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (id > 0) json += ',';
    json += json_quote(tokens[id]);
    json += ':';
    json += std::to_string(id);
  }
  return json + "}";
}

std::string post_processor_json(const GgufVocabulary& v, const std::vector<std::string>& tokens) {
  if (!v.add_bos || !v.bos) return "null";
  const std::string token = json_quote(tokens[static_cast<std::size_t>(*v.bos)]);
  return fmt::format(
      R"({{"type":"TemplateProcessing","single":[{{"SpecialToken":{{"id":{0},"type_id":0}}}},)"
      R"({{"Sequence":{{"id":"A","type_id":0}}}}],"pair":[{{"Sequence":{{"id":"A","type_id":0}}}},)"
      R"({{"Sequence":{{"id":"B","type_id":1}}}}],"special_tokens":{{{0}:{{"id":{0},"ids":[{1}],)"
      R"("tokens":[{0}]}}}}}})",
      token, *v.bos);
}

/// The parts of a tokenizer.json, each as JSON text.
struct Parts {
  std::string added_tokens, normalizer, pre_tokenizer, post_processor, decoder, model;
};

std::string join(const Parts& parts) {
  std::string json = R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":)";
  json.reserve(parts.model.size() + parts.added_tokens.size() + 4096);
  json.append(parts.added_tokens).append(R"(,"normalizer":)").append(parts.normalizer);
  json.append(R"(,"pre_tokenizer":)").append(parts.pre_tokenizer);
  json.append(R"(,"post_processor":)").append(parts.post_processor);
  json.append(R"(,"decoder":)").append(parts.decoder).append(R"(,"model":)").append(parts.model);
  return json + "}";
}

Result<std::string> byte_level(const GgufVocabulary& v) {
  const auto pre = gguf::pre_tokenizer(v.pre);
  if (!pre) {
    return fail(Code::unsupported, fmt::format("GGUF vocabulary: pre-tokenizer '{}' is not known; known: {}",
                                               v.pre, gguf::known_pre_tokenizers()));
  }
  std::string model =
      fmt::format(R"({{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,)"
                  R"("end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,)"
                  R"("ignore_merges":{},"vocab":)",
                  pre->ignore_merges);
  model += vocab_json(v.tokens);
  model += R"(,"merges":[)";
  for (std::size_t i = 0; i < v.merges.size(); ++i) {
    if (i > 0) model += ',';
    model += json_quote(v.merges[i]);
  }
  model += "]}";
  return join(
      {.added_tokens = added_tokens_json(v, v.tokens),
       .normalizer = pre->nfc ? R"({"type":"NFC"})" : "null",
       .pre_tokenizer = pre->json,
       .post_processor = post_processor_json(v, v.tokens),
       .decoder = R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true})",
       .model = std::move(model)});
}

std::string pieces_model_json(const GgufVocabulary& v, const std::vector<std::string>& tokens) {
  std::vector<bool> takes_part(tokens.size());
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    takes_part[id] = type_of(v, id) == TokenType::normal && !std::isnan(v.scores[id]);
  }
  const std::string unknown = v.unknown ? json_quote(tokens[static_cast<std::size_t>(*v.unknown)]) : "null";
  std::string model =
      fmt::format(R"({{"type":"BPE","dropout":null,"unk_token":{},"continuing_subword_prefix":null,)"
                  R"("end_of_word_suffix":null,"fuse_unk":true,"byte_fallback":true,)"
                  R"("ignore_merges":false,"vocab":)",
                  unknown);
  model += vocab_json(tokens);
  model += R"(,"merges":[)";
  bool first = true;
  for (const auto& merge : gguf::piece_merges(tokens, v.scores, takes_part)) {
    if (!first) model += ',';
    first = false;
    model.append("[").append(json_quote(tokens[merge.left])).append(",");
    model.append(json_quote(tokens[merge.right])).append("]");
  }
  return model + "]}";
}

std::string pieces(const GgufVocabulary& v) {
  const std::vector<std::string> tokens = raw_user_defined(v);
  const std::string mark = json_quote(kSpaceMark);
  const std::string replace = R"({"type":"Replace","pattern":{"String":" "},"content":)" + mark + "}";
  const std::string prepend = R"({"type":"Prepend","prepend":)" + mark + "}";
  const std::string strip = v.add_space_prefix ? R"(,{"type":"Strip","content":" ","start":1,"stop":0})" : "";
  return join({.added_tokens = added_tokens_json(v, tokens),
               .normalizer = v.add_space_prefix
                                 ? R"({"type":"Sequence","normalizers":[)" + prepend + "," + replace + "]}"
                                 : replace,
               .pre_tokenizer = "null",
               .post_processor = post_processor_json(v, tokens),
               .decoder = R"({"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":)" + mark +
                          R"(},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"})" + strip + "]}",
               .model = pieces_model_json(v, tokens)});
}

}  // namespace

Result<std::string> tokenizer_json_from_gguf(const GgufVocabulary& vocabulary) {
  if (vocabulary.model != "gpt2" && vocabulary.model != "llama") {
    return fail(Code::unsupported,
                fmt::format("GGUF vocabulary: tokenizer model '{}' is not known; known: gpt2, llama",
                            vocabulary.model));
  }
  OUTCROP_CHECK_OK(check_sizes(vocabulary));
  OUTCROP_CHECK_OK(check_tokens(vocabulary.tokens));
  if (vocabulary.model == "gpt2") return byte_level(vocabulary);
  return pieces(vocabulary);
}

}  // namespace outcrop
