#pragma once
// The GGUF tokenizer metadata of a model folder, for export.

#include "base/result.h"
#include "formats/gguf.h"
#include "model/model.h"

#include <vector>

namespace outcrop::model {

/// What the imported GGUF file had, if the folder kept it; else derived from tokenizer.json. unsupported
/// when llama.cpp has no equal of that tokenizer.
Result<std::vector<formats::GgufWriter::KeyValue>> export_vocabulary(const Model& model);

}  // namespace outcrop::model
