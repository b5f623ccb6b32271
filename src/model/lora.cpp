#include "model/lora.h"

#include "base/check.h"
#include "base/random.h"

#include <algorithm>
#include <cmath>

namespace outcrop::model {

std::string_view module_name(Module module) noexcept {
  switch (module) {
    case Module::q:
      return "q_proj";
    case Module::k:
      return "k_proj";
    case Module::v:
      return "v_proj";
    case Module::o:
      return "o_proj";
    case Module::gate:
      return "gate_proj";
    case Module::up:
      return "up_proj";
    case Module::down:
      return "down_proj";
  }
  return "";
}

std::string_view module_path(Module module) noexcept {
  switch (module) {
    case Module::q:
      return "self_attn.q_proj";
    case Module::k:
      return "self_attn.k_proj";
    case Module::v:
      return "self_attn.v_proj";
    case Module::o:
      return "self_attn.o_proj";
    case Module::gate:
      return "mlp.gate_proj";
    case Module::up:
      return "mlp.up_proj";
    case Module::down:
      return "mlp.down_proj";
  }
  return "";
}

ModuleShape module_shape(Module module, const DecoderConfig& config) noexcept {
  switch (module) {
    case Module::q:
      return {config.width, config.query_width()};
    case Module::k:
    case Module::v:
      return {config.width, config.kv_width()};
    case Module::o:
      return {config.query_width(), config.width};
    case Module::gate:
    case Module::up:
      return {config.width, config.ffn_width};
    case Module::down:
      return {config.ffn_width, config.width};
  }
  return {0, 0};
}

float LoraConfig::scaling() const noexcept {
  const double r = static_cast<double>(rank);
  return static_cast<float>(alpha / (use_rslora ? std::sqrt(r) : r));
}

bool LoraConfig::targets_module(Module module) const noexcept {
  return std::find(targets.begin(), targets.end(), module) != targets.end();
}

const LoraMatrices* LoraLayout::find(std::int64_t layer, Module module) const noexcept {
  for (const LoraMatrices& pair : matrices) {
    if (pair.layer == layer && pair.module == module) return &pair;
  }
  return nullptr;
}

LoraLayout make_lora_layout(const LoraConfig& lora, const DecoderConfig& config) {
  CHECK(lora.rank > 0, "an adapter needs a positive rank");
  LoraLayout layout;
  for (std::int64_t layer = 0; layer < config.layer_count(); ++layer) {
    for (const Module module : kModules) {
      if (!lora.targets_module(module)) continue;
      const ModuleShape shape = module_shape(module, config);
      LoraMatrices pair{layer, module, lora.rank, shape.in, shape.out, layout.elements, 0};
      pair.b = pair.a + pair.rank * pair.in;
      layout.elements = pair.b + pair.out * pair.rank;
      layout.matrices.push_back(pair);
    }
  }
  return layout;
}

LoraAdapter LoraAdapter::initial(const LoraConfig& lora, const DecoderConfig& config, std::uint64_t seed) {
  LoraAdapter adapter{lora, make_lora_layout(lora, config), {}};
  adapter.values.assign(static_cast<std::size_t>(adapter.layout.elements), 0.0F);
  for (std::size_t index = 0; index < adapter.layout.matrices.size(); ++index) {
    const LoraMatrices& pair = adapter.layout.matrices[index];
    Random random(seed, /*stream=*/index);
    const float bound = 1.0F / std::sqrt(static_cast<float>(pair.in));
    const auto begin = adapter.values.begin() + pair.a;
    std::generate(begin, begin + pair.rank * pair.in, [&] { return (2.0F * random.uniform() - 1.0F) * bound; });
  }
  return adapter;
}

}  // namespace outcrop::model
