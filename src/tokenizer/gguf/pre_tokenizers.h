#pragma once
// The `pre` kinds of GGUF byte-level vocabularies: how text is cut into words before the merges apply.

#include <optional>
#include <string>
#include <string_view>

namespace outcrop::gguf {

struct PreTokenizer {
  std::string json;    ///< the pre_tokenizer of tokenizer.json
  bool nfc;            ///< the model's own tokenizer normalises to NFC first
  bool ignore_merges;  ///< a whole word that is a token needs no merges
};

/// Nothing for an unknown kind. An empty kind is "default", as llama.cpp reads files without the key.
std::optional<PreTokenizer> pre_tokenizer(std::string_view kind);

/// "default, gpt-2, …": for the error message.
std::string known_pre_tokenizers();

}  // namespace outcrop::gguf
