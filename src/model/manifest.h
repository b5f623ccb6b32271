#pragma once
// outcrop.json of a model folder: ModelInfo as JSON. Caller: the library.

#include "base/result.h"
#include "model/library.h"

namespace outcrop::model {

/// not_found when the folder has no manifest; corrupt_data names the member that is wrong.
Result<ModelInfo> read_manifest(const Path& folder);
Status write_manifest(const Path& folder, const ModelInfo& info);

/// "2026-01-31T12:00:00Z", now.
std::string utc_now();

}  // namespace outcrop::model
