#pragma once
// A Hugging Face folder that Transformers loads unchanged.

#include "base/result.h"
#include "model/library.h"

namespace outcrop::model {

/// Into an existing folder; the adapter, if there is one, merged into the weights.
Status export_huggingface(const LoadedModel& loaded, const Path& folder, const Progress& progress);

/// The merged weights of such a folder, without tokenizer: for comparing outputs.
Result<std::shared_ptr<const Model>> open_exported_weights(const Path& folder, const DecoderConfig& config);

}  // namespace outcrop::model
