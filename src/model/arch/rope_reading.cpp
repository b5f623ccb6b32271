#include "model/arch/reading.h"
#include "model/rope_table.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace outcrop::model::arch {
namespace {

/// Relative; the files hold factors computed in float.
constexpr float kFactorTolerance = 1e-3F;

bool close(const std::vector<float>& a, const std::vector<float>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) {
    return std::isfinite(x) && std::abs(x - y) <= kFactorTolerance * std::abs(y);
  });
}

Result<std::vector<float>> read_factors(const formats::GgufTensor& tensor, std::int64_t head_width) {
  if (tensor.type != formats::GgufType::f32 || tensor.elements() != head_width / 2) {
    return fail(Code::corrupt_data, fmt::format("{} holds {} {} values, {} F32 are needed", tensor.name,
                                                tensor.elements(), to_string(tensor.type), head_width / 2));
  }
  std::vector<float> factors(static_cast<std::size_t>(head_width / 2));
  formats::dequantize(tensor, 0, factors);
  return factors;
}

}  // namespace

Result<RopeConfig> read_rope(const Json& holder, double theta, std::int64_t context) {
  ConfigReader reader(holder);
  RopeConfig rope;
  rope.theta = reader.number("rope_theta", theta);
  const std::string type = reader.text("rope_type", reader.text("type", "default"));
  reader.require_value("partial_rotary_factor", Json(1.0));
  if (type == "linear" || type == "llama3") {
    rope.scaling = type == "linear" ? RopeConfig::Scaling::linear : RopeConfig::Scaling::llama3;
    rope.factor = reader.number("factor", 0.0);
  } else if (type != "default") {
    reader.error(Code::unsupported,
                 fmt::format("rotary scaling '{}' is not supported; known: default, linear, llama3", type));
  }
  if (rope.scaling == RopeConfig::Scaling::llama3) {
    rope.low_frequency_factor = reader.number("low_freq_factor", 1.0);
    rope.high_frequency_factor = reader.number("high_freq_factor", 4.0);
    rope.original_context = reader.integer("original_max_position_embeddings", context);
  }
  OUTCROP_CHECK_OK(reader.status());
  return rope;
}

Json rope_scaling_json(const RopeConfig& rope) {
  if (rope.scaling == RopeConfig::Scaling::none) return {};
  Json json = Json::object();
  if (rope.scaling == RopeConfig::Scaling::linear) {
    json.set("rope_type", "linear");
    json.set("factor", rope.factor);
    return json;
  }
  json.set("rope_type", "llama3");
  json.set("factor", rope.factor);
  json.set("low_freq_factor", rope.low_frequency_factor);
  json.set("high_freq_factor", rope.high_frequency_factor);
  json.set("original_max_position_embeddings", rope.original_context);
  return json;
}

void read_gguf_rope_scaling(GgufReader& reader, RopeConfig& rope) {
  const std::string type = reader.text("rope.scaling.type", "none");
  const double factor = reader.number("rope.scaling.factor", reader.number("rope.scale_linear", 1.0));
  if (type == "linear" || (type == "none" && factor != 1.0)) {
    rope.scaling = RopeConfig::Scaling::linear;
    rope.factor = factor;
  } else if (type != "none") {
    reader.error(
        Code::unsupported,
        fmt::format("rotary scaling '{}' is not supported; known: none, linear, llama3 factors", type));
  }
}

Status read_gguf_rope_factors(const formats::Gguf& file, std::int64_t head_width, RopeConfig& rope) {
  const formats::GgufTensor* tensor = file.find("rope_freqs.weight");
  if (tensor == nullptr || head_width < 2 || head_width % 2 != 0) return {};
  OUTCROP_TRY(const std::vector<float> factors, read_factors(*tensor, head_width));
  const float largest = *std::max_element(factors.begin(), factors.end());
  if (close(factors, std::vector<float>(factors.size(), 1.0F))) return {};
  // The file keeps the factors only: find the published parameters that give them.
  for (const std::int64_t context : {8192, 4096, 2048, 16384, 32768}) {
    RopeConfig candidate = rope;
    candidate.scaling = RopeConfig::Scaling::llama3;
    candidate.factor = std::round(static_cast<double>(largest) * 100.0) / 100.0;
    candidate.low_frequency_factor = 1.0;
    candidate.high_frequency_factor = 4.0;
    candidate.original_context = context;
    if (candidate.factor >= 1.0 && close(factors, llama3_factors(candidate, head_width))) {
      rope = candidate;
      return {};
    }
  }
  return fail(
      Code::unsupported,
      fmt::format("rope_freqs.weight (largest factor {}) does not follow llama3 scaling with low 1, high 4 "
                  "and an original context of 2048 to 32768",
                  largest));
}

}  // namespace outcrop::model::arch
