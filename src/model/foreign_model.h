#pragma once
// A model in somebody else's format, checked and ready to be written in ours. Made by import_gguf and
// import_huggingface, consumed by import_write.

#include "base/files.h"
#include "json/json.h"
#include "model/architecture.h"
#include "model/layout.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace outcrop::model {

/// The small files of a model folder, as text. Empty: the folder has none.
struct TextFiles {
  std::string tokenizer_json;
  std::string tokenizer_config;
  std::string special_tokens;
  std::string chat_template;
  std::string generation_config;
};

struct ForeignModel {
  const Architecture* architecture = nullptr;
  DecoderConfig config;
  ModelLayout layout;
  TextFiles text;
  std::string format;  ///< "gguf" or "huggingface"
  std::vector<Path> weight_files;
  /// tokenizer.* metadata of a GGUF file, kept for a later export.
  std::vector<formats::GgufWriter::KeyValue> gguf_tokenizer;
  /// Rows [first, first + count) of a parameter as floats, in our row order and convention. Thread-safe;
  /// out has count * cols elements. The object that it reads from lives inside.
  std::function<void(const Parameter& parameter, std::int64_t first, std::int64_t count, std::span<float> out)>
      read_rows;
};

/// Rows of one piece when a matrix is read or written in pieces: about four million elements.
inline std::int64_t rows_per_piece(const Parameter& parameter) noexcept {
  constexpr std::int64_t kElements = std::int64_t{1} << 22;
  return std::clamp<std::int64_t>(kElements / std::max<std::int64_t>(parameter.cols, 1), 1, parameter.rows);
}

}  // namespace outcrop::model
