#pragma once
// LoRA (Hu et al. 2021): y = W x + s B A x with A [r, in], B [out, r], s = alpha / r (or alpha / sqrt(r),
// rsLoRA, Kalajdzievski 2023). Adapters are float; all their matrices lie in one flat buffer.

#include "base/files.h"
#include "base/result.h"
#include "model/config.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::model {

enum class Module : std::uint8_t { q, k, v, o, gate, up, down };
inline constexpr std::array<Module, 7> kModules{Module::q,    Module::k,  Module::v,   Module::o,
                                                Module::gate, Module::up, Module::down};
/// "q_proj", …
std::string_view module_name(Module module) noexcept;
/// "self_attn.q_proj", "mlp.gate_proj", … as in parameter names.
std::string_view module_path(Module module) noexcept;

struct ModuleShape {
  std::int64_t in;
  std::int64_t out;
};
ModuleShape module_shape(Module module, const DecoderConfig& config) noexcept;

struct LoraConfig {
  std::int64_t rank = 16;
  double alpha = 32.0;
  double dropout = 0.0;  ///< on the adapter's input, training only; [0, 1)
  bool use_rslora = false;
  std::vector<Module> targets{kModules.begin(), kModules.end()};  ///< all-linear unless set

  float scaling() const noexcept;
  bool targets_module(Module module) const noexcept;
};

/// One adapted matrix pair in the flat buffer.
struct LoraMatrices {
  std::int64_t layer;
  Module module;
  std::int64_t rank;
  std::int64_t in;
  std::int64_t out;
  std::int64_t a;  ///< offset of A [r, in]
  std::int64_t b;  ///< offset of B [out, r]
};

struct LoraLayout {
  std::vector<LoraMatrices> matrices;  ///< by layer, then module
  std::int64_t elements = 0;
  /// Null when that module has no adapter.
  const LoraMatrices* find(std::int64_t layer, Module module) const noexcept;
};
LoraLayout make_lora_layout(const LoraConfig& lora, const DecoderConfig& config);

/// An adapter in memory. Immutable once shared.
struct LoraAdapter {
  LoraConfig config;
  LoraLayout layout;
  std::vector<float> values;  ///< layout.elements

  /// A kaiming-uniform(a = sqrt 5), i.e. U(±1/sqrt(in)); B zero, as PEFT does. Seeded.
  static LoraAdapter initial(const LoraConfig& lora, const DecoderConfig& config, std::uint64_t seed);
};

/// A PEFT folder (adapter_config.json, adapter_model.safetensors), checked against the model's shapes.
Result<std::shared_ptr<const LoraAdapter>> load_adapter(const Path& folder, const DecoderConfig& config);
/// base_name goes into base_model_name_or_path.
Status save_adapter(const Path& folder, const LoraAdapter& adapter, std::string_view base_name);

}  // namespace outcrop::model
