#pragma once
// The registry of architectures: one row and one file (model/arch/NAME.cpp) each. See
// docs/howto/add-an-architecture.md.

#include "base/result.h"
#include "formats/gguf.h"
#include "json/json.h"
#include "model/config.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::model {

/// How one parameter travels between Hugging Face and GGUF files.
struct GgufMapping {
  std::string gguf_name;           ///< "blk.0.attn_q.weight"
  std::int64_t permute_heads = 0;  ///< > 0: rows are stored for interleaved RoPE, head by head (llama)
  float add = 0.0F;                ///< the GGUF file stores weight + add (gemma norms: 1)
};

struct Architecture {
  std::string_view name;                          ///< our name and GGUF's general.architecture
  std::span<const std::string_view> model_types;  ///< config.json "model_type" values
  std::span<const std::string_view> class_names;  ///< config.json "architectures" values
  Result<DecoderConfig> (*from_config_json)(const Json& config);
  Result<DecoderConfig> (*from_gguf)(const formats::Gguf& file);
  /// config.json for Transformers, dtype bfloat16 unless given.
  Json (*to_config_json)(const DecoderConfig& config, std::string_view dtype);
  /// The architecture's GGUF metadata keys (general.architecture, NAME.*), without the tokenizer.
  std::vector<formats::GgufWriter::KeyValue> (*to_gguf)(const DecoderConfig& config);
  /// The GGUF home of a Hugging Face parameter name.
  GgufMapping (*gguf_mapping)(std::string_view parameter, const DecoderConfig& config);
};

std::span<const Architecture> architectures() noexcept;
/// unsupported: names the architecture and lists the known ones.
Result<const Architecture*> find_architecture(std::string_view name);
Result<const Architecture*> find_architecture_of(const Json& config_json);

}  // namespace outcrop::model
