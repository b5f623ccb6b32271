#pragma once
// A GGUF file that llama.cpp loads.

#include "base/result.h"
#include "model/library.h"

#include <memory>
#include <string_view>

namespace outcrop::model {

/// type: f32, f16, bf16, q8_0 or q4_0, for the matrices; norms stay F32, embedding and head are q8_0 at
/// least, and rows that no block divides are F16. Reads the written file back: unsupported when GGUF cannot
/// say something that the configuration says.
Status export_gguf(const LoadedModel& loaded, const Path& file, std::string_view type,
                   const Progress& progress);

/// The weights of such a file as a model without tokenizer, in `dtype`: for comparing outputs.
Result<std::shared_ptr<const Model>> open_exported_gguf(const Path& file, const DecoderConfig& config,
                                                        DType dtype);

/// invalid_argument lists the known types.
Status check_gguf_type(std::string_view type);

}  // namespace outcrop::model
