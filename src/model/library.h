#pragma once
// The models of one home: import, list, export, remove. A model is a folder under HOME/models:
//
//   outcrop.json        the manifest: ModelInfo as JSON
//   config.json, tokenizer.json, tokenizer_config.json, chat_template.jinja, generation_config.json
//   model.safetensors   weights in layout order, BF16 (or F32); absent for adapter-only custom models
//   tokenizer.gguf      a GGUF file without tensors: the tokenizer metadata of an imported GGUF file
//   adapter/            PEFT folder of a LoRA-customised model, whose base is named in the manifest
//
// The folder's name is derived from the checked id, never from raw input. A model appears whole (built in a
// temporary folder, synced, renamed) or not at all.

#include "base/files.h"
#include "base/result.h"
#include "model/lora.h"
#include "model/model.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::model {

enum class ModelKind : std::uint8_t { foundation, custom };

struct ModelInfo {
  std::string id;  ///< "huggingface.smollm2-135m-instruct-v1:0" or a custom model's name
  ModelKind kind = ModelKind::foundation;
  std::string architecture;
  std::string base;           ///< custom only: the id it was made from
  std::string method;         ///< custom only: "lora" or "full"
  std::string source;         ///< file name that was imported (not its path)
  std::string source_format;  ///< "gguf", "huggingface"
  std::string source_sha256;  ///< custom models: of the training data
  std::string created;        ///< ISO 8601 UTC
  std::int64_t parameters = 0;
  std::int64_t context_length = 0;
  std::string dtype;  ///< "BF16", "F32"
  std::uint64_t template_fingerprint = 0;
  std::uint64_t tokenizer_fingerprint = 0;
  std::string job;  ///< custom only: the run folder's name
};

/// Progress of long work: done and total in bytes; return false to cancel.
using Progress = std::function<bool(std::int64_t done, std::int64_t total)>;

struct ImportOptions {
  std::string id;
  DType dtype = DType::bf16;  ///< bf16 or f32
  bool replace = false;
  Progress progress;
};

enum class ExportFormat : std::uint8_t { huggingface, gguf, peft };
struct ExportOptions {
  ExportFormat format = ExportFormat::huggingface;
  std::string gguf_type = "bf16";  ///< f32 f16 bf16 q8_0 q4_0
  Progress progress;
};
/// What merging an adapter did to the outputs, on probe prompts; zeros when nothing was merged.
struct ExportReport {
  std::vector<Path> files;
  double max_logit_delta = 0.0;
  double mean_kl = 0.0;  ///< nats per token
  bool merged = false;
};

/// A model ready to run: weights of the base, and the adapter if it is a LoRA-customised one.
struct LoadedModel {
  ModelInfo info;
  std::shared_ptr<const Model> model;
  std::shared_ptr<const LoraAdapter> adapter;  ///< null without one
};

/// Thread-safe: every call reads the folder anew.
class Library {
 public:
  /// Makes HOME/models when missing.
  static Result<Library> open(const Path& home);

  /// A GGUF file or a Hugging Face folder. Checks architecture, names and shapes of every tensor before it
  /// writes, converts to dtype, and proves the result by loading it. all problems up to 100 in the error.
  Result<ModelInfo> import(const Path& source, const ImportOptions& options) const;
  /// A folder of models/ whose manifest cannot be read.
  struct Unreadable {
    std::string id;
    std::string reason;
  };
  /// What models/ holds, by id.
  struct Contents {
    std::vector<ModelInfo> models;
    std::vector<Unreadable> unreadable;
  };
  Result<Contents> contents() const;
  Result<std::vector<ModelInfo>> list() const;  ///< the models; the log names those that cannot be read
  /// not_found names the nearest known id.
  Result<ModelInfo> info(std::string_view id) const;
  Result<LoadedModel> load(std::string_view id) const;
  /// conflict when adapters are built on it; a fully trained model holds its own weights.
  Status remove(std::string_view id) const;
  /// Into a new or empty folder. LoRA models are merged in float for hf and gguf; peft gives the adapter as is.
  Result<ExportReport> export_model(std::string_view id, const Path& out, const ExportOptions& options) const;

  /// Registers the result of a run. `adapter` for LoRA; `weights` (layout order, float) for full.
  struct CustomModel {
    std::string name;
    std::string base;
    std::string method;
    std::string job;
    std::string data_sha256;
    const LoraAdapter* adapter = nullptr;
    std::span<const float> weights;
    bool replace = false;
  };
  Result<ModelInfo> add_custom(const CustomModel& custom) const;

  Path folder_of(std::string_view id) const;

 private:
  explicit Library(Path home) : home_(std::move(home)) {}
  Path home_;
};

/// The rule for ids and names: 1-100 characters of [a-zA-Z0-9._:-], beginning with a letter or digit, no "..".
Status check_model_id(std::string_view id);

}  // namespace outcrop::model
