#pragma once
// A loaded model: configuration, weights (mapped from the file), tokenizer and chat template. Immutable and
// shared by every session that uses it.

#include "base/files.h"
#include "base/result.h"
#include "kernels/bfloat16.h"
#include "model/config.h"
#include "model/layout.h"
#include "tensor/dtype.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/tokenizer.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace outcrop::formats {
class Safetensors;
}

namespace outcrop::model {

/// Tokenizer, template and the ids that end an answer: what turns a conversation into tokens.
struct TextSide {
  Tokenizer tokenizer;
  std::optional<ChatTemplate> chat_template;  ///< base models may have none
  std::vector<TokenId> stop_ids;              ///< end-of-text and end-of-turn ids
};

/// The flat weight buffer in the order of ModelLayout.
template <class T>
struct Weights {
  const T* data = nullptr;
  std::shared_ptr<const void> owner;  ///< keeps the map or the buffer alive
};

class Model {
 public:
  /// A normalised model folder: config.json, model.safetensors (in layout order, one dtype: BF16 or F32),
  /// tokenizer.json, and what else the library wrote. Maps the weights; reads nothing it does not need.
  static Result<std::shared_ptr<const Model>> open(const Path& folder);
  /// Weights without tokenizer: for tests and benchmarks. `values` has layout.elements floats.
  static std::shared_ptr<const Model> from_weights(DecoderConfig config, std::vector<float> values);

  const DecoderConfig& config() const noexcept { return config_; }
  const ModelLayout& layout() const noexcept { return layout_; }
  DType dtype() const noexcept { return dtype_; }
  /// The weights as T: mapped when the file holds T, else converted once into memory (thread-safe).
  template <class T>
  Weights<T> weights() const;
  /// Gives mapped weights that are in memory back to the page cache, for callers that keep a copy of most of
  /// them: the next touch reads again. Does nothing for weights that are not mapped. Thread-safe.
  void drop_resident_weights() const noexcept;
  /// Null for models made by from_weights.
  const TextSide* text() const noexcept { return text_.get(); }
  const Path& folder() const noexcept { return folder_; }

  Model(DecoderConfig config, DType dtype, std::shared_ptr<const void> owner, const void* data,
        std::unique_ptr<const TextSide> text, Path folder);
  ~Model();

 private:
  struct Converted;
  DecoderConfig config_;
  ModelLayout layout_;
  DType dtype_;
  std::shared_ptr<const void> owner_;
  std::shared_ptr<const formats::Safetensors> file_;  // null unless open() mapped the weights
  const void* data_;
  std::unique_ptr<const TextSide> text_;
  Path folder_;
  std::unique_ptr<Converted> converted_;
};

extern template Weights<float> Model::weights() const;
extern template Weights<bfloat16> Model::weights() const;

}  // namespace outcrop::model
