#include "tokenizer/gguf/pre_tokenizers.h"

#include "base/text.h"

#include <algorithm>
#include <array>
#include <span>

namespace outcrop::gguf {

namespace {

/// What a kind cuts at before bytes become characters. Expressions apply one after the other, each inside
/// the pieces of the one before.
enum class Cut : std::uint8_t {
  gpt2,            ///< GPT-2's expression alone
  digits_gpt2,     ///< single digits, then GPT-2's
  llama3,          ///< contractions, words, digits in groups of up to three
  qwen2,           ///< as llama3, with single digits
  gpt4o,           ///< words end where lower case turns upper
  llama_cpp_plain  ///< llama.cpp's chain for files that name no kind
};

struct Kind {
  std::string_view name;
  Cut cut;
  bool nfc;
  bool ignore_merges;
};

// A kind stands here only when its cutting and normalisation are known to match the models that carry it.
constexpr std::array kKinds = {
    Kind{"default", Cut::llama_cpp_plain, false, false},
    Kind{"gpt-2", Cut::gpt2, false, false},
    Kind{"phi-2", Cut::gpt2, false, false},
    Kind{"jais", Cut::gpt2, false, false},
    Kind{"mpt", Cut::gpt2, true, false},
    Kind{"olmo", Cut::gpt2, true, false},
    Kind{"smollm", Cut::digits_gpt2, false, false},
    Kind{"starcoder", Cut::digits_gpt2, false, false},
    Kind{"refact", Cut::digits_gpt2, false, false},
    Kind{"llama-bpe", Cut::llama3, false, true},
    Kind{"llama3", Cut::llama3, false, true},
    Kind{"llama-v3", Cut::llama3, false, true},
    Kind{"falcon3", Cut::llama3, false, true},
    Kind{"dbrx", Cut::llama3, false, false},
    Kind{"smaug-bpe", Cut::llama3, false, false},
    Kind{"qwen2", Cut::qwen2, true, false},
    Kind{"gpt-4o", Cut::gpt4o, false, false},
};

constexpr std::string_view kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kGpt4o =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

std::string split(std::string_view expression) {
  return R"({"type":"Split","pattern":{"Regex":)" + json_quote(expression) +
         R"(},"behavior":"Isolated","invert":false},)";
}

std::string byte_level(bool use_regex) {
  return std::string(R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":)") +
         (use_regex ? "true}" : "false}");
}

std::string steps(Cut cut) {
  switch (cut) {
    case Cut::gpt2:
      return byte_level(/*use_regex=*/true);
    case Cut::digits_gpt2:
      return R"({"type":"Digits","individual_digits":true},)" + byte_level(/*use_regex=*/true);
    case Cut::llama3:
      return split(kLlama3) + byte_level(/*use_regex=*/false);
    case Cut::qwen2:
      return split(kQwen2) + byte_level(/*use_regex=*/false);
    case Cut::gpt4o:
      return split(kGpt4o) + byte_level(/*use_regex=*/false);
    case Cut::llama_cpp_plain:
      return split(R"([\p{P}\$\+<=>\^~\|]+)") + split(kGpt2) + split(R"(\p{N}+)") + split("[0-9][0-9][0-9]") +
             byte_level(/*use_regex=*/false);
  }
  return {};
}

}  // namespace

std::optional<PreTokenizer> pre_tokenizer(std::string_view kind) {
  if (kind.empty()) kind = "default";
  const auto* const found =
      std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& k) { return k.name == kind; });
  if (found == kKinds.end()) return std::nullopt;
  return PreTokenizer{.json = R"({"type":"Sequence","pretokenizers":[)" + steps(found->cut) + "]}",
                      .nfc = found->nfc,
                      .ignore_merges = found->ignore_merges};
}

std::string known_pre_tokenizers() {
  std::string names;
  for (const Kind& kind : kKinds) {
    if (!names.empty()) names += ", ";
    names += kind.name;
  }
  return names;
}

}  // namespace outcrop::gguf
