#pragma once
// The tokenizer.* part of a GGUF file: into the files of a model folder on import, and back on export.

#include "base/result.h"
#include "formats/gguf.h"
#include "model/foreign_model.h"

#include <vector>

namespace outcrop::model {

/// tokenizer.json, tokenizer_config.json, chat template and generation_config.json that say what the file's
/// metadata says. Token ids are the file's own.
Result<TextFiles> gguf_text_files(const formats::Gguf& file, const DecoderConfig& config);

/// The tokenizer.* metadata, and the licence, with the types that llama.cpp writes.
std::vector<formats::GgufWriter::KeyValue> gguf_tokenizer_keys(const formats::Gguf& file);

}  // namespace outcrop::model
