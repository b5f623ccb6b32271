#pragma once
// Rules that several of the library's operations share.

#include "base/result.h"
#include "model/library.h"

#include <string>
#include <string_view>
#include <vector>

namespace outcrop::model {

Path models_of(const Path& home);

/// The adapters on this model: what would break without it. A fully trained model holds its own weights.
std::vector<ModelInfo> built_on(const std::vector<ModelInfo>& models, std::string_view id);

/// "a, b, c"
std::string joined_ids(const std::vector<ModelInfo>& models);

tl::unexpected<Error> exists_already(std::string_view id);

}  // namespace outcrop::model
