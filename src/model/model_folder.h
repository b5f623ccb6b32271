#pragma once
// The files of a normalised model folder and how the weights are mapped from it. Callers: Model::open and
// the library.

#include "base/files.h"
#include "base/result.h"
#include "formats/safetensors.h"
#include "model/config.h"
#include "model/layout.h"
#include "tensor/dtype.h"

#include <array>
#include <memory>

namespace outcrop::model {

inline constexpr const char* kManifestFile = "outcrop.json";
inline constexpr const char* kConfigFile = "config.json";
inline constexpr const char* kGenerationConfigFile = "generation_config.json";
inline constexpr const char* kTokenizerFile = "tokenizer.json";
inline constexpr const char* kTokenizerConfigFile = "tokenizer_config.json";
inline constexpr const char* kSpecialTokensFile = "special_tokens_map.json";
inline constexpr const char* kChatTemplateFile = "chat_template.jinja";
inline constexpr const char* kWeightsFile = "model.safetensors";
/// A GGUF file without tensors: the tokenizer metadata that an imported GGUF file had.
inline constexpr const char* kGgufTokenizerFile = "tokenizer.gguf";
inline constexpr const char* kAdapterFolder = "adapter";

/// What a Hugging Face folder has beside its weights, in the names of Transformers.
inline constexpr std::array<const char*, 6> kTextFiles{kConfigFile,          kTokenizerFile,
                                                       kTokenizerConfigFile, kSpecialTokensFile,
                                                       kChatTemplateFile,    kGenerationConfigFile};

/// config.json of the folder, read by the architecture it names.
Result<DecoderConfig> read_model_config(const Path& folder);

/// A mapped weight file whose data region is the flat buffer of the layout.
struct FlatFile {
  DType dtype;
  const void* data;
  std::shared_ptr<const formats::Safetensors> owner;
};

/// corrupt_data lists what differs from the layout (names, order, types, shapes, holes), up to 100 lines.
/// Touches the header only.
Result<FlatFile> map_weights(const Path& file, const ModelLayout& layout);

}  // namespace outcrop::model
