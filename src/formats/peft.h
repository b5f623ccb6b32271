#pragma once
// PEFT LoRA adapters: adapter_config.json and adapter_model.safetensors, as Hugging Face PEFT reads and
// writes them (reference: PEFT 0.1x, tuners/lora).

#include "base/files.h"
#include "base/result.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::formats {

/// The part of adapter_config.json that we honour. Anything else that would change the numbers
/// (DoRA, bias, modules_to_save, layer replication, fan_in_fan_out, PiSSA, …) is refused by name on reading.
struct PeftConfig {
  std::string base_model;  ///< base_model_name_or_path
  std::int64_t rank = 8;
  double alpha = 8;
  double dropout = 0;
  bool use_rslora = false;
  std::vector<std::string> target_modules;  ///< "q_proj", …
  std::map<std::string, std::int64_t> rank_pattern;
  std::map<std::string, double> alpha_pattern;
  std::vector<std::int64_t> layers_to_transform;  ///< empty: all

  /// alpha / r, or alpha / sqrt(r) with rsLoRA.
  double scaling() const noexcept;
  friend bool operator==(const PeftConfig&, const PeftConfig&) = default;
};

/// PEFT's defaults for members that are absent or null. unsupported: a setting that would change the numbers
/// (see above). corrupt_data: not JSON, or a member that breaks its rule; the error names `where`, the member,
/// the rule and the value.
Result<PeftConfig> parse_peft_config(std::string_view json_text, std::string_view where);
std::string render_peft_config(const PeftConfig& config);

/// "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight"
std::string peft_key(std::int64_t layer, std::string_view module, char matrix);

}  // namespace outcrop::formats
