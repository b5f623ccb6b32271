#include "model/import_huggingface.h"

#include "formats/safetensors.h"
#include "model/model_folder.h"
#include "model/problems.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace outcrop::model {
namespace {

using formats::Safetensors;
using formats::TensorEntry;

constexpr std::uint64_t kMaxTextBytes = std::uint64_t{256} << 20;
constexpr const char* kIndexFile = "model.safetensors.index.json";

/// A model with pictures wraps its language part; the rest of it is left behind.
struct Prefix {
  std::string_view theirs;
  std::string_view ours;
};
constexpr std::array<Prefix, 3> kLanguagePrefixes{{{"model.language_model.", "model."},
                                                   {"language_model.model.", "model."},
                                                   {"language_model.lm_head.", "lm_head."}}};
constexpr std::array<std::string_view, 4> kPicturePrefixes{
    "vision_tower.", "multi_modal_projector.", "model.vision_tower.", "model.multi_modal_projector."};

std::string parameter_name(std::string_view name) {
  for (const Prefix& prefix : kLanguagePrefixes) {
    if (name.starts_with(prefix.theirs)) {
      return std::string(prefix.ours) + std::string(name.substr(prefix.theirs.size()));
    }
  }
  return std::string(name);
}

/// Tensors that say nothing new: picture towers, tables that old files carried along, and the head of a
/// model whose head is its embedding.
bool is_ignored(std::string_view name, const DecoderConfig& config) {
  if (name.ends_with("rotary_emb.inv_freq")) return true;
  if (config.tied_embeddings && parameter_name(name) == "lm_head.weight") return true;
  return std::any_of(kPicturePrefixes.begin(), kPicturePrefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

std::optional<formats::GgufType> float_type(DType dtype) {
  if (dtype == DType::f32) return formats::GgufType::f32;
  if (dtype == DType::f16) return formats::GgufType::f16;
  if (dtype == DType::bf16) return formats::GgufType::bf16;
  return std::nullopt;
}

void check_tensor(const TensorEntry& entry, const Parameter& parameter, Problems& problems) {
  const std::vector<std::int64_t> wanted = parameter.is_vector
                                               ? std::vector<std::int64_t>{parameter.cols}
                                               : std::vector<std::int64_t>{parameter.rows, parameter.cols};
  if (entry.shape != wanted) {
    problems.add(fmt::format("tensor '{}' has shape [{}], the configuration asks for [{}]", entry.name,
                             fmt::join(entry.shape, ", "), fmt::join(wanted, ", ")));
  } else if (!float_type(entry.dtype)) {
    problems.add(fmt::format("tensor '{}' is {}; F32, F16 and BF16 can be imported", entry.name,
                             to_string(entry.dtype)));
  }
}

using Homes = std::map<std::string, const TensorEntry*>;

Result<Homes> find_homes(const Safetensors& file, const Architecture& architecture, const DecoderConfig& config,
                         const ModelLayout& layout) {
  Problems problems;
  Homes homes;
  for (const TensorEntry& entry : file.tensors()) {
    if (is_ignored(entry.name, config)) continue;
    std::string name = parameter_name(entry.name);
    const Parameter* parameter = layout.find(name);
    if (parameter == nullptr) {
      problems.add(fmt::format("tensor '{}' is not part of this {} model", entry.name, architecture.name));
      continue;
    }
    check_tensor(entry, *parameter, problems);
    if (!homes.emplace(std::move(name), &entry).second) {
      problems.add(fmt::format("tensor '{}' comes twice under different prefixes", entry.name));
    }
  }
  for (const Parameter& parameter : layout.parameters) {
    if (!homes.contains(parameter.name)) problems.add(fmt::format("tensor '{}' is missing", parameter.name));
  }
  if (!problems.empty()) return problems.as_error(Code::corrupt_data, "tensors");
  return homes;
}

class Reader {
 public:
  Reader(std::shared_ptr<const Safetensors> file, const Homes& homes) : file_(std::move(file)) {
    for (const auto& [name, entry] : homes) {
      tensors_.emplace(name, formats::GgufTensor{name, *float_type(entry->dtype), entry->shape, entry->bytes});
    }
  }

  void operator()(const Parameter& parameter, std::int64_t first, std::int64_t, std::span<float> out) const {
    formats::dequantize(tensors_.at(parameter.name), first * parameter.cols, out);
  }

 private:
  std::shared_ptr<const Safetensors> file_;
  /// Plain floats are unpacked by the same code as GGUF's.
  std::map<std::string, formats::GgufTensor> tensors_;
};

bool is_there(const Path& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

Result<std::string> read_if_there(const Path& path) {
  if (!is_there(path)) return std::string();
  return read_file(path, kMaxTextBytes);
}

Result<TextFiles> read_text_files(const Path& folder) {
  TextFiles text;
  if (!is_there(folder / kTokenizerFile)) {
    return fail(
        Code::unsupported,
        "tokenizer.json is missing; load the tokenizer with Transformers and save_pretrained() writes it");
  }
  OUTCROP_TRY(text.tokenizer_json, read_file(folder / kTokenizerFile, kMaxTextBytes));
  OUTCROP_TRY(text.tokenizer_config, read_if_there(folder / kTokenizerConfigFile));
  OUTCROP_TRY(text.special_tokens, read_if_there(folder / kSpecialTokensFile));
  OUTCROP_TRY(text.chat_template, read_if_there(folder / kChatTemplateFile));
  OUTCROP_TRY(text.generation_config, read_if_there(folder / kGenerationConfigFile));
  return text;
}

/// The files that hold the weights, in name order: their digest is the model's identity.
Result<std::vector<Path>> weight_files(const Path& folder) {
  if (is_there(folder / kWeightsFile)) return std::vector<Path>{folder / kWeightsFile};
  OUTCROP_TRY(const std::string text, read_file(folder / kIndexFile, kMaxTextBytes));
  OUTCROP_TRY(const Json index, Json::parse(text));
  std::set<std::string> names;
  const Json& map = index["weight_map"];
  for (std::size_t i = 0; i < map.size(); ++i) {
    names.insert(std::string(map.member(i).second.as_string().value_or("")));
  }
  std::vector<Path> files;
  for (const std::string& name : names) files.push_back(folder / name);
  return files;
}

Status check_is_model_folder(const Path& folder) {
  if (is_there(folder / kConfigFile)) return {};
  if (is_there(folder / "adapter_config.json")) {
    return fail(Code::unsupported, "is a PEFT adapter, not a whole model; import its base model");
  }
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() != ".gguf") continue;
    return fail(Code::invalid_argument, fmt::format("has no config.json; it holds {}: import that file",
                                                    it->path().filename().string()));
  }
  return fail(Code::invalid_argument,
              "has no config.json; a Hugging Face model folder or a GGUF file is needed");
}

Result<ForeignModel> open_checked(const Path& folder) {
  OUTCROP_CHECK_OK(check_is_model_folder(folder));
  OUTCROP_TRY(const std::string config_text, read_file(folder / kConfigFile, kMaxTextBytes));
  Result<Json> json = Json::parse(config_text);
  if (!json) return forward_error(json, kConfigFile);
  ForeignModel model;
  OUTCROP_TRY(model.architecture, find_architecture_of(*json));
  Result<DecoderConfig> config = model.architecture->from_config_json(*json);
  if (!config) return forward_error(config, kConfigFile);
  model.config = *std::move(config);
  model.layout = make_layout(model.config);
  model.format = "huggingface";
  OUTCROP_TRY(Safetensors opened, Safetensors::open_folder(folder));
  auto file = std::make_shared<const Safetensors>(std::move(opened));
  OUTCROP_TRY(const Homes homes, find_homes(*file, *model.architecture, model.config, model.layout));
  model.read_rows = Reader(std::move(file), homes);
  OUTCROP_TRY(model.text, read_text_files(folder));
  OUTCROP_TRY(model.weight_files, weight_files(folder));
  return model;
}

}  // namespace

Result<ForeignModel> open_huggingface_model(const Path& folder) {
  Result<ForeignModel> model = open_checked(folder);
  if (!model) return forward_error(model, folder.filename().string());
  return model;
}

}  // namespace outcrop::model
