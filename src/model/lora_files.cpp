#include "formats/gguf.h"
#include "formats/peft.h"
#include "formats/safetensors.h"
#include "model/lora.h"
#include "model/problems.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace outcrop::model {
namespace {

using formats::PeftConfig;
using formats::Safetensors;
using formats::TensorEntry;

constexpr const char* kConfigFile = "adapter_config.json";
constexpr const char* kWeightsFile = "adapter_model.safetensors";
constexpr const char* kReadme = "README.md";
constexpr std::uint64_t kMaxConfigBytes = 1U << 20;
constexpr std::int64_t kMaxRank = 1 << 14;

/// A and B of one module as the file has them.
struct StoredPair {
  const TensorEntry* a = nullptr;
  const TensorEntry* b = nullptr;
};

std::optional<formats::GgufType> float_type(DType dtype) {
  if (dtype == DType::f32) return formats::GgufType::f32;
  if (dtype == DType::f16) return formats::GgufType::f16;
  if (dtype == DType::bf16) return formats::GgufType::bf16;
  return std::nullopt;
}

std::vector<float> floats_of(const TensorEntry& entry) {
  std::vector<float> values(static_cast<std::size_t>(entry.elements()));
  formats::dequantize({entry.name, *float_type(entry.dtype), entry.shape, entry.bytes}, 0, values);
  return values;
}

/// PEFT's rule for patterns, for names without wildcards: the key is the module's name or a suffix of it
/// that begins after a dot.
template <class T>
T pattern_value(const std::map<std::string, T>& pattern, const std::string& module, T otherwise) {
  for (const auto& [key, value] : pattern) {
    if (module == key || module.ends_with("." + key)) return value;
    if (key.starts_with("^") && module == key.substr(1)) return value;
  }
  return otherwise;
}

template <class T>
Status check_pattern(const std::map<std::string, T>& pattern, std::string_view name) {
  for (const auto& entry : pattern) {
    if (entry.first.find_first_of("*+?[](){}|\\$") != std::string::npos) {
      return fail(Code::unsupported, fmt::format("{} has the expression '{}'; plain module names are supported",
                                                 name, entry.first));
    }
  }
  return {};
}

/// One adapter being read: finds the pairs, checks them, and lays them out with one rank and one scaling.
class AdapterReader {
 public:
  AdapterReader(const PeftConfig& peft, const Safetensors& file, const DecoderConfig& config)
      : peft_(peft), file_(file), config_(config) {}

  Result<LoraAdapter> read() {
    find_pairs();
    for (const auto& [place, pair] : pairs_) check_pair(place, pair);
    check_complete();
    if (pairs_.empty()) problems_.add("holds no adapter matrices");
    if (!problems_.empty()) return problems_.as_error(Code::corrupt_data, kWeightsFile);
    return lay_out();
  }

 private:
  using Place = std::pair<std::int64_t, Module>;

  static std::string module_of(const Place& place) {
    return fmt::format("model.layers.{}.{}", place.first, module_path(place.second));
  }

  void find_pairs() {
    std::set<std::string_view> used;
    for (std::int64_t layer = 0; layer < config_.layer_count(); ++layer) {
      for (const Module module : kModules) {
        StoredPair pair{file_.find(formats::peft_key(layer, module_path(module), 'A')),
                        file_.find(formats::peft_key(layer, module_path(module), 'B'))};
        if (pair.a != nullptr) used.insert(pair.a->name);
        if (pair.b != nullptr) used.insert(pair.b->name);
        if (pair.a != nullptr && pair.b != nullptr) {
          pairs_.emplace(Place{layer, module}, pair);
        } else if (pair.a != nullptr || pair.b != nullptr) {
          problems_.add(fmt::format("{} has only one of its two matrices", module_of({layer, module})));
        }
      }
    }
    for (const TensorEntry& entry : file_.tensors()) {
      if (!used.contains(entry.name))
        problems_.add(fmt::format("tensor '{}' adapts nothing in this model", entry.name));
    }
  }

  std::int64_t rank_of(const Place& place) const {
    return pattern_value(peft_.rank_pattern, module_of(place), peft_.rank);
  }

  void check_pair(const Place& place, const StoredPair& pair) {
    const ModuleShape shape = module_shape(place.second, config_);
    const std::int64_t rank = rank_of(place);
    if (rank < 1 || rank > kMaxRank) {
      problems_.add(fmt::format("{}: rank {} is not from 1 to {}", module_of(place), rank, kMaxRank));
      return;
    }
    check_matrix(*pair.a, {rank, shape.in});
    check_matrix(*pair.b, {shape.out, rank});
  }

  void check_matrix(const TensorEntry& entry, const std::vector<std::int64_t>& wanted) {
    if (entry.shape != wanted) {
      problems_.add(fmt::format("tensor '{}' has shape [{}], the model and {} ask for [{}]", entry.name,
                                fmt::join(entry.shape, ", "), kConfigFile, fmt::join(wanted, ", ")));
    } else if (!float_type(entry.dtype)) {
      problems_.add(
          fmt::format("tensor '{}' is {}; F32, F16 and BF16 are known", entry.name, to_string(entry.dtype)));
    }
  }

  /// Every layer has the same modules unless the configuration picks layers.
  void check_complete() {
    for (const auto& [place, pair] : pairs_) modules_.insert(place.second);
    if (!peft_.layers_to_transform.empty()) return;
    for (std::int64_t layer = 0; layer < config_.layer_count(); ++layer) {
      for (const Module module : modules_) {
        if (!pairs_.contains({layer, module})) {
          problems_.add(fmt::format("{} has no matrices, other layers have", module_of({layer, module})));
        }
      }
    }
  }

  double scaling_of(const Place& place) const {
    PeftConfig own = peft_;
    own.rank = rank_of(place);
    own.alpha = pattern_value(peft_.alpha_pattern, module_of(place), peft_.alpha);
    return own.scaling();
  }

  /// Ranks below the largest are filled up with zeros and different scalings go into B, which changes
  /// nothing in the product.
  LoraAdapter lay_out() const {
    LoraConfig lora;
    lora.rank = 0;
    for (const auto& [place, pair] : pairs_) lora.rank = std::max(lora.rank, rank_of(place));
    lora.alpha = peft_.alpha;
    lora.dropout = peft_.dropout;
    lora.use_rslora = peft_.use_rslora;
    lora.targets.assign(modules_.begin(), modules_.end());
    LoraAdapter adapter{lora, make_lora_layout(lora, config_), {}};
    adapter.values.assign(static_cast<std::size_t>(adapter.layout.elements), 0.0F);
    for (const auto& [place, pair] : pairs_) {
      const LoraMatrices& at = *adapter.layout.find(place.first, place.second);
      const std::vector<float> a = floats_of(*pair.a);
      std::copy(a.begin(), a.end(), adapter.values.begin() + at.a);
      const double own = scaling_of(place);
      const auto common = static_cast<double>(lora.scaling());
      // Equal scalings must leave B bit-exact.
      const float ratio = static_cast<float>(own) == lora.scaling() ? 1.0F : static_cast<float>(own / common);
      const std::vector<float> b = floats_of(*pair.b);
      const std::int64_t rank = rank_of(place);
      for (std::int64_t i = 0; i < static_cast<std::int64_t>(b.size()); ++i) {
        adapter.values[static_cast<std::size_t>(at.b + i / rank * at.rank + i % rank)] =
            b[static_cast<std::size_t>(i)] * ratio;
      }
    }
    return adapter;
  }

  const PeftConfig& peft_;
  const Safetensors& file_;
  const DecoderConfig& config_;
  std::map<Place, StoredPair> pairs_;
  std::set<Module> modules_;
  Problems problems_;
};

std::string model_card(const PeftConfig& peft, std::string_view base_name) {
  return fmt::format(
      "---\nbase_model: {0}\nlibrary_name: peft\npipeline_tag: text-generation\ntags:\n- lora\n- "
      "outcrop\n---\n\n"
      "# LoRA adapter for {0}\n\n"
      "Made with Outcrop. Rank {1}, alpha {2}{3}, modules: {4}.\n\n"
      "```python\nfrom peft import PeftModel\nfrom transformers import AutoModelForCausalLM\n\n"
      "base = AutoModelForCausalLM.from_pretrained(BASE)  # the Hugging Face folder of {0}\n"
      "model = PeftModel.from_pretrained(base, ADAPTER)  # this folder\n```\n",
      base_name, peft.rank, peft.alpha, peft.use_rslora ? " (rank-stabilised)" : "",
      fmt::join(peft.target_modules, ", "));
}

Status write_matrices(const Path& path, const LoraAdapter& adapter) {
  std::vector<formats::SafetensorsWriter::Declaration> tensors;
  for (const LoraMatrices& at : adapter.layout.matrices) {
    const std::string_view module = module_path(at.module);
    tensors.push_back({formats::peft_key(at.layer, module, 'A'), DType::f32, {at.rank, at.in}});
    tensors.push_back({formats::peft_key(at.layer, module, 'B'), DType::f32, {at.out, at.rank}});
  }
  OUTCROP_TRY(auto writer, formats::SafetensorsWriter::create(path, std::move(tensors)));
  const auto values = std::span<const float>(adapter.values);
  for (const LoraMatrices& at : adapter.layout.matrices) {
    const auto matrix = [&](std::int64_t offset, std::int64_t size) {
      return std::as_bytes(values.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size)));
    };
    OUTCROP_CHECK_OK(writer.write(matrix(at.a, at.rank * at.in)));
    OUTCROP_CHECK_OK(writer.write(matrix(at.b, at.out * at.rank)));
  }
  return writer.finish();
}

Result<std::shared_ptr<const LoraAdapter>> load_checked(const Path& folder, const DecoderConfig& config) {
  OUTCROP_TRY(const std::string text, read_file(folder / kConfigFile, kMaxConfigBytes));
  OUTCROP_TRY(const PeftConfig peft, formats::parse_peft_config(text, kConfigFile));
  OUTCROP_CHECK_OK(check_pattern(peft.rank_pattern, "rank_pattern"));
  OUTCROP_CHECK_OK(check_pattern(peft.alpha_pattern, "alpha_pattern"));
  OUTCROP_TRY(const Safetensors file, Safetensors::open(folder / kWeightsFile));
  OUTCROP_TRY(LoraAdapter adapter, AdapterReader(peft, file, config).read());
  return std::make_shared<const LoraAdapter>(std::move(adapter));
}

}  // namespace

Result<std::shared_ptr<const LoraAdapter>> load_adapter(const Path& folder, const DecoderConfig& config) {
  auto adapter = load_checked(folder, config);
  if (!adapter) return forward_error(adapter, fmt::format("loading adapter {}", folder.string()));
  return adapter;
}

Status save_adapter(const Path& folder, const LoraAdapter& adapter, std::string_view base_name) {
  PeftConfig peft;
  peft.base_model = base_name;
  peft.rank = adapter.config.rank;
  peft.alpha = adapter.config.alpha;
  peft.dropout = adapter.config.dropout;
  peft.use_rslora = adapter.config.use_rslora;
  for (const Module module : kModules) {
    if (adapter.config.targets_module(module)) peft.target_modules.emplace_back(module_name(module));
  }
  OUTCROP_CHECK_OK(make_directories(folder));
  OUTCROP_CHECK_OK(write_matrices(folder / kWeightsFile, adapter));
  OUTCROP_CHECK_OK(write_file_atomic(folder / kReadme, model_card(peft, base_name)));
  return write_file_atomic(folder / kConfigFile, formats::render_peft_config(peft));
}

}  // namespace outcrop::model
