#pragma once
// Writing a foreign model as a normalised model folder, one piece of a matrix at a time.

#include "base/result.h"
#include "model/foreign_model.h"
#include "model/library.h"

namespace outcrop::model {

/// Everything but the manifest, into an existing folder. corrupt_data names a tensor with values that are
/// not finite; cancelled when progress says so.
Status write_model_folder(const ForeignModel& model, const Path& folder, DType dtype, const Progress& progress);

/// A weight file in layout order. `read_rows` as in ForeignModel.
Status write_weights(const Path& file, const ModelLayout& layout, DType dtype,
                     const decltype(ForeignModel::read_rows)& read_rows, const Progress& progress);

/// A copy of `base`'s folder with other weights (layout order), in the base's dtype. internal when their
/// number is wrong.
Status write_full_model(const Path& base, const Path& folder, std::span<const float> weights);

/// SHA-256 of the files' bytes, one after the other.
Result<std::string> digest_of(const std::vector<Path>& files);

}  // namespace outcrop::model
