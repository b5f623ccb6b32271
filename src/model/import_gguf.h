#pragma once
// Reading a GGUF model for import.

#include "base/result.h"
#include "formats/gguf.h"
#include "model/foreign_model.h"

#include <memory>

namespace outcrop::model {

/// Checks architecture, names, shapes and types of every tensor and the vocabulary; up to 100 problems in
/// the error.
Result<ForeignModel> open_gguf_model(const Path& file);

/// The weights of a GGUF file alone, under the given configuration: what an export reads back.
Result<ForeignModel> open_gguf_weights(std::shared_ptr<const formats::Gguf> file,
                                       const Architecture& architecture, DecoderConfig config);

}  // namespace outcrop::model
