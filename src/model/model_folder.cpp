#include "model/model_folder.h"

#include "formats/safetensors.h"
#include "json/json.h"
#include "model/architecture.h"
#include "model/problems.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace outcrop::model {
namespace {

constexpr std::uint64_t kMaxConfigBytes = 16U << 20;

std::vector<std::int64_t> shape_of(const Parameter& parameter) {
  if (parameter.is_vector) return {parameter.cols};
  return {parameter.rows, parameter.cols};
}

void check_entry(const formats::TensorEntry& entry, const Parameter& parameter, DType dtype,
                 const std::byte* base, Problems& problems) {
  if (entry.name != parameter.name) {
    problems.add(fmt::format("has tensor '{}' where '{}' belongs", entry.name, parameter.name));
    return;
  }
  if (entry.dtype != dtype) {
    problems.add(fmt::format("tensor '{}' is {}, the first one {}", entry.name, to_string(entry.dtype),
                             to_string(dtype)));
    return;
  }
  if (entry.shape != shape_of(parameter)) {
    problems.add(fmt::format("tensor '{}' has shape [{}], the configuration asks for [{}]", entry.name,
                             fmt::join(entry.shape, ", "), fmt::join(shape_of(parameter), ", ")));
    return;
  }
  const std::ptrdiff_t offset = parameter.offset * static_cast<std::int64_t>(size_of(dtype));
  if (entry.bytes.data() != base + offset) {
    problems.add(fmt::format("tensor '{}' does not lie at byte {} of the data", entry.name, offset));
  }
}

}  // namespace

Result<DecoderConfig> read_model_config(const Path& folder) {
  const Path path = folder / kConfigFile;
  OUTCROP_TRY(const std::string text, read_file(path, kMaxConfigBytes));
  Result<Json> json = Json::parse(text);
  if (!json) return forward_error(json, path.filename().string());
  OUTCROP_TRY(const Architecture* architecture, find_architecture_of(*json));
  Result<DecoderConfig> config = architecture->from_config_json(*json);
  if (!config) return forward_error(config, path.filename().string());
  return config;
}

Result<FlatFile> map_weights(const Path& file, const ModelLayout& layout) {
  OUTCROP_TRY(formats::Safetensors opened, formats::Safetensors::open(file));
  auto mapped = std::make_shared<const formats::Safetensors>(std::move(opened));
  const auto& entries = mapped->tensors();
  Problems problems;
  if (entries.size() != layout.parameters.size()) {
    problems.add(fmt::format("holds {} tensors, the configuration asks for {}", entries.size(),
                             layout.parameters.size()));
    return problems.as_error(Code::corrupt_data, file.filename().string());
  }
  const DType dtype = entries.front().dtype;
  const std::byte* base = entries.front().bytes.data();
  if (dtype != DType::f32 && dtype != DType::bf16) {
    problems.add(fmt::format("holds {} weights, BF16 or F32 are known", to_string(dtype)));
  }
  if (reinterpret_cast<std::uintptr_t>(base) % size_of(dtype) != 0) {
    problems.add(fmt::format("the data does not begin at a multiple of {} bytes", size_of(dtype)));
  }
  for (std::size_t i = 0; i < entries.size(); ++i) {
    check_entry(entries[i], layout.parameters[i], dtype, base, problems);
  }
  if (!problems.empty()) return problems.as_error(Code::corrupt_data, file.filename().string());
  return FlatFile{dtype, base, std::move(mapped)};
}

}  // namespace outcrop::model
