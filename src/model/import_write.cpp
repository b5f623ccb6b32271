#include "model/import_write.h"

#include "base/thread_pool.h"
#include "crypto/sha256.h"
#include "formats/safetensors.h"
#include "model/model_folder.h"
#include "model/model_folders.h"

#include <atomic>
#include <bit>

#include <fmt/format.h>

namespace outcrop::model {
namespace {

constexpr std::int64_t kElementsPerTask = std::int64_t{1} << 16;

bool is_finite(float value) noexcept {
  constexpr std::uint32_t kExponent = 0x7F800000U;
  return (std::bit_cast<std::uint32_t>(value) & kExponent) != kExponent;
}

bool all_finite(std::span<const float> values) {
  std::atomic<bool> finite{true};
  parallel_for(static_cast<std::int64_t>(values.size()), kElementsPerTask,
               [&](std::int64_t begin, std::int64_t end) {
                 bool good = true;
                 for (std::int64_t i = begin; i < end; ++i)
                   good &= is_finite(values[static_cast<std::size_t>(i)]);
                 // Relaxed: only the final value counts, read after the pool has joined.
                 if (!good) finite.store(false, std::memory_order_relaxed);
               });
  return finite.load(std::memory_order_relaxed);
}

void round_to_bfloat16(std::span<const float> from, std::vector<bfloat16>& to) {
  to.resize(from.size());
  parallel_for(static_cast<std::int64_t>(from.size()), kElementsPerTask,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   to[static_cast<std::size_t>(i)] = bfloat16(from[static_cast<std::size_t>(i)]);
                 }
               });
}

std::vector<formats::SafetensorsWriter::Declaration> declarations(const ModelLayout& layout, DType dtype) {
  std::vector<formats::SafetensorsWriter::Declaration> tensors;
  for (const Parameter& parameter : layout.parameters) {
    std::vector<std::int64_t> shape{parameter.rows, parameter.cols};
    if (parameter.is_vector) shape = {parameter.cols};
    tensors.push_back({parameter.name, dtype, std::move(shape)});
  }
  return tensors;
}

Status write_text(const Path& path, std::string_view text) {
  if (text.empty()) return {};
  return write_file_atomic(path, text);
}

/// GGUF files need their vocabulary's own metadata to become GGUF again; a GGUF file without tensors holds it.
Status write_gguf_tokenizer(const Path& path, const ForeignModel& model) {
  if (model.gguf_tokenizer.empty()) return {};
  OUTCROP_TRY(auto writer, formats::GgufWriter::create(path, model.gguf_tokenizer, {}));
  return writer.finish();
}

}  // namespace

Status write_weights(const Path& file, const ModelLayout& layout, DType dtype,
                     const decltype(ForeignModel::read_rows)& read_rows, const Progress& progress) {
  const auto element_bytes = static_cast<std::int64_t>(size_of(dtype));
  OUTCROP_TRY(auto writer, formats::SafetensorsWriter::create(file, declarations(layout, dtype)));
  std::vector<float> values;
  std::vector<bfloat16> rounded;
  for (const Parameter& parameter : layout.parameters) {
    const std::int64_t piece = rows_per_piece(parameter);
    for (std::int64_t row = 0; row < parameter.rows; row += piece) {
      const std::int64_t count = std::min(piece, parameter.rows - row);
      values.resize(static_cast<std::size_t>(count * parameter.cols));
      read_rows(parameter, row, count, values);
      if (!all_finite(values)) {
        return fail(Code::corrupt_data,
                    fmt::format("tensor '{}' holds values that are not finite, in rows {} to {}",
                                parameter.name, row, row + count - 1));
      }
      if (dtype == DType::bf16) {
        round_to_bfloat16(values, rounded);
        OUTCROP_CHECK_OK(writer.write(std::as_bytes(std::span<const bfloat16>(rounded))));
      } else {
        OUTCROP_CHECK_OK(writer.write(std::as_bytes(std::span<const float>(values))));
      }
      const std::int64_t done = (parameter.offset + (row + count) * parameter.cols) * element_bytes;
      if (progress && !progress(done, layout.elements * element_bytes)) {
        return fail(Code::cancelled, "stopped while writing the weights; nothing was kept");
      }
    }
  }
  return writer.finish();
}

Status write_model_folder(const ForeignModel& model, const Path& folder, DType dtype,
                          const Progress& progress) {
  const std::string_view dtype_name = dtype == DType::bf16 ? "bfloat16" : "float32";
  const Json config = model.architecture->to_config_json(model.config, dtype_name);
  OUTCROP_CHECK_OK(write_text(folder / kConfigFile, config.dump(2) + "\n"));
  OUTCROP_CHECK_OK(write_text(folder / kTokenizerFile, model.text.tokenizer_json));
  OUTCROP_CHECK_OK(write_text(folder / kTokenizerConfigFile, model.text.tokenizer_config));
  OUTCROP_CHECK_OK(write_text(folder / kSpecialTokensFile, model.text.special_tokens));
  OUTCROP_CHECK_OK(write_text(folder / kChatTemplateFile, model.text.chat_template));
  OUTCROP_CHECK_OK(write_text(folder / kGenerationConfigFile, model.text.generation_config));
  OUTCROP_CHECK_OK(write_gguf_tokenizer(folder / kGgufTokenizerFile, model));
  return write_weights(folder / kWeightsFile, model.layout, dtype, model.read_rows, progress);
}

Status write_full_model(const Path& base, const Path& folder, std::span<const float> weights) {
  OUTCROP_TRY(const DecoderConfig config, read_model_config(base));
  const ModelLayout layout = make_layout(config);
  if (static_cast<std::int64_t>(weights.size()) != layout.elements) {
    return fail(Code::internal, fmt::format("{} weights for a model of {}", weights.size(), layout.elements));
  }
  OUTCROP_TRY(const FlatFile flat, map_weights(base / kWeightsFile, layout));
  for (const char* name : kTextFiles) OUTCROP_CHECK_OK(copy_if_there(base / name, folder / name));
  OUTCROP_CHECK_OK(copy_if_there(base / kGgufTokenizerFile, folder / kGgufTokenizerFile));
  const auto read_rows = [&](const Parameter& parameter, std::int64_t first, std::int64_t,
                             std::span<float> out) {
    const auto from = weights.begin() + parameter.offset + first * parameter.cols;
    std::copy_n(from, out.size(), out.begin());
  };
  return write_weights(folder / kWeightsFile, layout, flat.dtype, read_rows, nullptr);
}

Result<std::string> digest_of(const std::vector<Path>& files) {
  constexpr std::size_t kPieceBytes = std::size_t{8} << 20;
  crypto::Sha256 digest;
  for (const Path& path : files) {
    OUTCROP_TRY(const MappedFile file, MappedFile::open(path));
    for (std::span<const std::byte> rest = file.bytes(); !rest.empty();) {
      const auto piece = rest.first(std::min(kPieceBytes, rest.size()));
      digest.update(piece);
      rest = rest.subspan(piece.size());
    }
  }
  return digest.finish_hex();
}

}  // namespace outcrop::model
