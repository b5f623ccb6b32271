#pragma once
// The models of a home: import, list, show, export, remove. Use cases for the command line and later for the
// API; the rules are the library's (model/library.h).

#include "base/files.h"
#include "base/result.h"
#include "model/library.h"

#include <string_view>
#include <vector>

namespace outcrop::service {

Result<model::ModelInfo> import_model(const Path& home, const Path& source,
                                      const model::ImportOptions& options);
/// By id. A home that does not exist has no models, and is not made.
Result<std::vector<model::ModelInfo>> list_models(const Path& home);
Result<model::ModelInfo> show_model(const Path& home, std::string_view id);
Result<model::ExportReport> export_model(const Path& home, std::string_view id, const Path& out,
                                         const model::ExportOptions& options);
Status remove_model(const Path& home, std::string_view id);
/// Bytes of the model's folder on disk.
std::int64_t model_bytes(const Path& home, std::string_view id);

}  // namespace outcrop::service
