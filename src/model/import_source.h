#pragma once
// What a user gave to import: looked at by content, because names lie, and opened as the format it is.

#include "base/files.h"
#include "base/result.h"
#include "model/foreign_model.h"

namespace outcrop::model {

/// A GGUF file or a Hugging Face folder. not_found when nothing is there; unsupported for pickle files, which
/// can run code when they are read, and for files that are something else; invalid_argument for one file of a
/// folder.
Result<ForeignModel> open_import_source(const Path& source);

}  // namespace outcrop::model
