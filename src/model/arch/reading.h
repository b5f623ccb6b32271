#pragma once
// What the architecture files share: checked reads of config.json and of GGUF metadata, and the limits
// that every configuration has to keep.

#include "base/result.h"
#include "formats/gguf.h"
#include "json/json.h"
#include "model/config.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::model::arch {

/// Reads config.json members and remembers the first error, so that a reader stays a list of lines.
class ConfigReader {
 public:
  explicit ConfigReader(const Json& config) : config_(config) {}

  std::int64_t integer(std::string_view key);  ///< required, positive
  std::int64_t integer(std::string_view key, std::int64_t absent);
  double number(std::string_view key, double absent);
  bool boolean(std::string_view key, bool absent);
  std::string text(std::string_view key, std::string_view absent);
  /// unsupported unless the member is absent, null or `only`.
  void require_value(std::string_view key, const Json& only);
  /// unsupported when the member is there and not null.
  void refuse(std::string_view key);
  void error(Code code, std::string message);
  Status status() const;

 private:
  const Json& present(std::string_view key, bool right_kind, std::string_view rule);
  const Json& config_;
  std::optional<Error> error_;
};

/// Rotary settings from `holder` with theta under "rope_theta" (else `theta`) and the type under "rope_type"
/// or "type". unsupported names a type that is not default, linear or llama3.
Result<RopeConfig> read_rope(const Json& holder, double theta, std::int64_t context);
/// "rope_scaling" as Transformers writes it; null for none.
Json rope_scaling_json(const RopeConfig& rope);

/// The same for GGUF metadata, keys without the architecture's prefix.
class GgufReader {
 public:
  GgufReader(const formats::Gguf& file, std::string_view architecture) : file_(file), prefix_(architecture) {}

  std::int64_t integer(std::string_view key);
  std::int64_t integer(std::string_view key, std::int64_t absent);
  double number(std::string_view key);
  double number(std::string_view key, double absent);
  std::string text(std::string_view key, std::string_view absent) const;
  /// unsupported when the number is there and not zero.
  void refuse(std::string_view key);
  void error(Code code, std::string message);
  Status status() const;

 private:
  std::string name(std::string_view key) const;
  const formats::Gguf& file_;
  std::string prefix_;
  std::optional<Error> error_;
};

/// Fills what both architectures read alike: sizes, norm epsilon, token ids, whether the head is tied.
void read_gguf_sizes(const formats::Gguf& file, GgufReader& reader, DecoderConfig& config);
/// Linear scaling from rope.scaling.*; unsupported for the other kinds.
void read_gguf_rope_scaling(GgufReader& reader, RopeConfig& rope);
/// The same with rope_freqs.weight recognised as llama3 scaling.
Status read_gguf_rope_factors(const formats::Gguf& file, std::int64_t head_width, RopeConfig& rope);

/// Sizes, norm epsilon and token ids that both write alike.
std::vector<formats::GgufWriter::KeyValue> common_gguf_keys(const DecoderConfig& config);

/// invalid_argument for a number of layers that no model has; for before that many are allocated.
Status check_layer_count(std::int64_t layers);

/// invalid_argument names the member that no computation could follow.
Status check_config(const DecoderConfig& config);

/// Members of config.json that all architectures write.
void set_common_json(Json& json, const DecoderConfig& config, std::string_view dtype);
void read_token_ids(const Json& json, DecoderConfig& config);

/// The shortest decimal that gives this float: 1e-05 and not 9.99999974e-06.
double tidy(float value);

/// "12" and "self_attn.q_proj.weight" of "model.layers.12.self_attn.q_proj.weight"; nothing for the rest.
struct LayerName {
  std::string_view index;
  std::string_view rest;
};
std::optional<LayerName> split_layer_name(std::string_view parameter);

}  // namespace outcrop::model::arch
