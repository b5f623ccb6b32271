#include "model/export_gguf.h"

#include "formats/gguf.h"
#include "model/architecture.h"
#include "model/export_vocabulary.h"
#include "model/export_weights.h"
#include "model/head_rows.h"
#include "model/import_gguf.h"
#include "model/rope_table.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

namespace outcrop::model {
namespace {

using formats::Gguf;
using formats::GgufType;
using formats::GgufWriter;

struct TypeRow {
  std::string_view name;
  GgufType type;
  std::uint32_t file_type;  ///< llama.cpp's general.file_type
};
constexpr std::array<TypeRow, 5> kTypes{{{"f32", GgufType::f32, 0},
                                         {"f16", GgufType::f16, 1},
                                         {"bf16", GgufType::bf16, 32},
                                         {"q8_0", GgufType::q8_0, 7},
                                         {"q4_0", GgufType::q4_0, 2}}};
constexpr std::uint32_t kQuantizationVersion = 2;
constexpr const char* kRopeFactors = "rope_freqs.weight";

Result<TypeRow> find_type(std::string_view name) {
  for (const TypeRow& row : kTypes) {
    if (row.name == name) return row;
  }
  return fail(Code::invalid_argument,
              fmt::format("GGUF type '{}' cannot be written; known: f32, f16, bf16, q8_0, q4_0", name));
}

GgufType type_of(const Parameter& parameter, GgufType wanted) {
  if (parameter.is_vector) return GgufType::f32;
  const bool is_table = parameter.name == "model.embed_tokens.weight" || parameter.name == "lm_head.weight";
  const GgufType type = is_table && wanted == GgufType::q4_0 ? GgufType::q8_0 : wanted;
  return parameter.cols % formats::block_of(type).elements == 0 ? type : GgufType::f16;
}

class Exporter {
 public:
  Exporter(const LoadedModel& loaded, const Architecture& architecture, const TypeRow& type)
      : model_(*loaded.model),
        config_(model_.config()),
        architecture_(architecture),
        type_(type),
        rows_(merged_rows(loaded)),
        name_(loaded.info.id) {}

  Status write(const Path& file, const Progress& progress) {
    OUTCROP_TRY(auto keys, metadata());
    OUTCROP_TRY(GgufWriter writer, GgufWriter::create(file, std::move(keys), declarations()));
    if (has_rope_factors()) {
      const std::vector<float> factors = llama3_factors(config_.ropes.front(), config_.head_width);
      OUTCROP_CHECK_OK(writer.write(std::as_bytes(std::span(factors))));
    }
    std::int64_t done = 0;
    for (const Parameter& parameter : model_.layout().parameters) {
      const std::vector<std::byte> bytes = packed(parameter);
      OUTCROP_CHECK_OK(writer.write(bytes));
      done += static_cast<std::int64_t>(bytes.size());
      if (progress && !progress(done, total_bytes())) {
        return fail(Code::cancelled, "stopped while writing the weights; nothing was kept");
      }
    }
    return writer.finish();
  }

 private:
  bool has_rope_factors() const { return config_.ropes.front().scaling == RopeConfig::Scaling::llama3; }

  std::int64_t total_bytes() const {
    std::int64_t bytes = 0;
    for (const Parameter& parameter : model_.layout().parameters) {
      const formats::GgufBlock block = formats::block_of(type_of(parameter, type_.type));
      bytes += parameter.elements() / block.elements * block.bytes;
    }
    return bytes;
  }

  Result<std::vector<GgufWriter::KeyValue>> metadata() const {
    std::vector<GgufWriter::KeyValue> keys = architecture_.to_gguf(config_);
    keys.push_back({"general.type", std::string("model")});
    keys.push_back({"general.name", name_});
    keys.push_back({"general.file_type", type_.file_type});
    keys.push_back({"general.quantization_version", kQuantizationVersion});
    OUTCROP_TRY(auto vocabulary, export_vocabulary(model_));
    std::move(vocabulary.begin(), vocabulary.end(), std::back_inserter(keys));
    return keys;
  }

  std::vector<GgufWriter::Declaration> declarations() const {
    std::vector<GgufWriter::Declaration> tensors;
    if (has_rope_factors()) tensors.push_back({kRopeFactors, GgufType::f32, {config_.head_width / 2}});
    for (const Parameter& parameter : model_.layout().parameters) {
      std::vector<std::int64_t> shape{parameter.rows, parameter.cols};
      if (parameter.is_vector) shape = {parameter.cols};
      tensors.push_back({architecture_.gguf_mapping(parameter.name, config_).gguf_name,
                         type_of(parameter, type_.type), std::move(shape)});
    }
    return tensors;
  }

  /// One parameter as the file stores it: rows in GGUF's order, the mapping's constant added, packed.
  std::vector<std::byte> packed(const Parameter& parameter) const {
    const GgufMapping mapping = architecture_.gguf_mapping(parameter.name, config_);
    const GgufType type = type_of(parameter, type_.type);
    const std::int64_t piece = rows_per_piece(parameter);
    std::vector<std::byte> bytes;
    std::vector<float> values;
    for (std::int64_t first = 0; first < parameter.rows; first += piece) {
      const std::int64_t count = std::min(piece, parameter.rows - first);
      values.resize(static_cast<std::size_t>(count * parameter.cols));
      read(parameter, mapping, first, count, values);
      for (float& value : values) value += mapping.add;
      const std::vector<std::byte> block = formats::quantize(type, values);
      bytes.insert(bytes.end(), block.begin(), block.end());
    }
    return bytes;
  }

  void read(const Parameter& parameter, const GgufMapping& mapping, std::int64_t first, std::int64_t count,
            std::span<float> out) const {
    if (mapping.permute_heads == 0) {
      rows_(parameter, first, count, out);
      return;
    }
    const auto cols = static_cast<std::size_t>(parameter.cols);
    for (std::int64_t row = 0; row < count; ++row) {
      rows_(parameter, huggingface_row(first + row, config_.head_width), 1,
            out.subspan(static_cast<std::size_t>(row) * cols, cols));
    }
  }

  const Model& model_;
  const DecoderConfig& config_;
  const Architecture& architecture_;
  TypeRow type_;
  decltype(ForeignModel::read_rows) rows_;
  std::string name_;
};

/// Token ids travel with the vocabulary.
DecoderConfig without_tokens(DecoderConfig config) {
  config.bos_token = -1;
  config.eos_tokens.clear();
  return config;
}

Result<ForeignModel> read_back(const Path& path, const DecoderConfig& wanted) {
  OUTCROP_TRY(const Architecture* architecture, find_architecture(wanted.architecture));
  OUTCROP_TRY(Gguf opened, Gguf::open(path));
  auto file = std::make_shared<const Gguf>(std::move(opened));
  OUTCROP_TRY(DecoderConfig config, architecture->from_gguf(*file));
  if (without_tokens(config) != without_tokens(wanted)) {
    return fail(Code::unsupported,
                "this configuration has settings that GGUF metadata cannot express (rotary bases, "
                "windows or scales that llama.cpp fixes)");
  }
  return open_gguf_weights(std::move(file), *architecture, std::move(config));
}

template <class T>
std::shared_ptr<const std::vector<T>> read_all(const ForeignModel& foreign) {
  auto all = std::make_shared<std::vector<T>>(static_cast<std::size_t>(foreign.layout.elements));
  std::vector<float> values;
  for (const Parameter& parameter : foreign.layout.parameters) {
    const std::int64_t piece = rows_per_piece(parameter);
    for (std::int64_t first = 0; first < parameter.rows; first += piece) {
      const std::int64_t count = std::min(piece, parameter.rows - first);
      values.resize(static_cast<std::size_t>(count * parameter.cols));
      foreign.read_rows(parameter, first, count, values);
      std::transform(values.begin(), values.end(), all->begin() + parameter.offset + first * parameter.cols,
                     [](float value) { return static_cast<T>(value); });
    }
  }
  return all;
}

template <class T>
std::shared_ptr<const Model> model_of(const ForeignModel& foreign, DType dtype, const Path& path) {
  auto values = read_all<T>(foreign);
  const void* data = values->data();
  return std::make_shared<const Model>(foreign.config, dtype, std::move(values), data, nullptr, path);
}

}  // namespace

Status check_gguf_type(std::string_view type) {
  OUTCROP_TRY(const TypeRow row, find_type(type));
  static_cast<void>(row);
  return {};
}

Status export_gguf(const LoadedModel& loaded, const Path& file, std::string_view type,
                   const Progress& progress) {
  OUTCROP_TRY(const TypeRow row, find_type(type));
  OUTCROP_TRY(const Architecture* architecture, find_architecture(loaded.model->config().architecture));
  OUTCROP_CHECK_OK(Exporter(loaded, *architecture, row).write(file, progress));
  auto back = read_back(file, loaded.model->config());
  if (!back) return forward_error(back, "reading the written GGUF file back");
  return {};
}

Result<std::shared_ptr<const Model>> open_exported_gguf(const Path& file, const DecoderConfig& config,
                                                        DType dtype) {
  OUTCROP_TRY(const ForeignModel foreign, read_back(file, config));
  if (dtype == DType::bf16) return model_of<bfloat16>(foreign, dtype, file);
  return model_of<float>(foreign, dtype, file);
}

}  // namespace outcrop::model
