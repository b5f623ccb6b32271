#include "model/library_rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace outcrop::model {

Path models_of(const Path& home) {
  return home / "models";
}

std::vector<ModelInfo> built_on(const std::vector<ModelInfo>& models, std::string_view id) {
  std::vector<ModelInfo> dependants;
  for (const ModelInfo& info : models) {
    if (info.kind == ModelKind::custom && info.base == id && info.method == "lora") dependants.push_back(info);
  }
  return dependants;
}

std::string joined_ids(const std::vector<ModelInfo>& models) {
  std::vector<std::string_view> ids;
  ids.reserve(models.size());
  for (const ModelInfo& info : models) ids.push_back(info.id);
  return fmt::format("{}", fmt::join(ids, ", "));
}

tl::unexpected<Error> exists_already(std::string_view id) {
  return fail(Code::already_exists,
              fmt::format("model '{}' exists already: choose another id, or add --replace", id));
}

}  // namespace outcrop::model
