#pragma once
// Reading a Hugging Face model folder for import.

#include "base/result.h"
#include "model/foreign_model.h"

namespace outcrop::model {

/// config.json, safetensors (one file or shards), tokenizer.json and what lies beside them. Checks
/// architecture, names, shapes and types of every tensor; up to 100 problems in the error.
Result<ForeignModel> open_huggingface_model(const Path& folder);

}  // namespace outcrop::model
