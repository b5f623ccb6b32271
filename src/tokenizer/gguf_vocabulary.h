#pragma once
// A tokenizer.json made from a GGUF file's vocabulary, so that one tokenizer implementation serves all.

#include "base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outcrop {

/// The tokenizer.ggml.* keys of a GGUF file.
struct GgufVocabulary {
  std::string model;  ///< "gpt2" (byte-level BPE) or "llama" (SentencePiece-style BPE)
  std::string pre;    ///< pre-tokenizer kind: "smollm", "llama-bpe", "qwen2", "default", …
  std::vector<std::string> tokens;
  std::vector<std::int32_t> types;  ///< 1 normal 2 unknown 3 control 4 user-defined 5 unused 6 byte
  std::vector<float> scores;        ///< "llama" only
  std::vector<std::string> merges;  ///< "gpt2" only
  std::optional<std::int32_t> bos, eos, unknown, padding;
  bool add_bos = false;
  bool add_space_prefix = true;  ///< "llama" only
};

/// The text of an equivalent tokenizer.json. unsupported names an unknown model or `pre` and lists the known.
Result<std::string> tokenizer_json_from_gguf(const GgufVocabulary& vocabulary);

}  // namespace outcrop
