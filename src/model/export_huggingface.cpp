#include "model/export_huggingface.h"

#include "model/export_weights.h"
#include "model/import_write.h"
#include "model/model_folder.h"
#include "model/model_folders.h"

namespace outcrop::model {

Status export_huggingface(const LoadedModel& loaded, const Path& folder, const Progress& progress) {
  const Model& model = *loaded.model;
  for (const char* name : kTextFiles) OUTCROP_CHECK_OK(copy_if_there(model.folder() / name, folder / name));
  return write_weights(folder / kWeightsFile, model.layout(), model.dtype(), merged_rows(loaded), progress);
}

Result<std::shared_ptr<const Model>> open_exported_weights(const Path& folder, const DecoderConfig& config) {
  OUTCROP_TRY(FlatFile weights, map_weights(folder / kWeightsFile, make_layout(config)));
  return std::make_shared<const Model>(config, weights.dtype, std::move(weights.owner), weights.data, nullptr,
                                       folder);
}

}  // namespace outcrop::model
