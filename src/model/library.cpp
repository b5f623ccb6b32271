#include "model/library.h"

#include "base/log.h"
#include "base/text.h"
#include "model/library_rules.h"
#include "model/manifest.h"
#include "model/model_folder.h"
#include "model/model_folders.h"

#include <algorithm>
#include <system_error>

#include <fmt/format.h>

namespace outcrop::model {
Status check_model_id(std::string_view id) {
  const auto is_alnum = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const bool good = !id.empty() && id.size() <= 100 && is_alnum(id.front()) &&
                    id.find("..") == std::string_view::npos && std::all_of(id.begin(), id.end(), [&](char c) {
                      return is_alnum(c) || c == '.' || c == '_' || c == ':' || c == '-';
                    });
  if (good) return {};
  return fail(
      Code::invalid_argument,
      fmt::format("model id '{}' must be 1 to 100 letters, digits, '.', '_', ':' or '-', begin with a letter "
                  "or digit and have no '..'",
                  shorten(id, 120)));
}

Result<Library> Library::open(const Path& home) {
  OUTCROP_CHECK_OK(make_directories(models_of(home)));
  return Library(home);
}

Path Library::folder_of(std::string_view id) const {
  return models_of(home_) / folder_name(id);
}

Result<Library::Contents> Library::contents() const {
  Contents found;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(models_of(home_), error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with(".")) continue;
    Result<ModelInfo> info = read_manifest(entry->path());
    if (info) {
      found.models.push_back(*std::move(info));
    } else if (info.error().code != Code::not_found) {
      found.unreadable.push_back({id_of_folder(name), std::move(info).error().message});
    }
  }
  if (error) return fail_errno(models_of(home_), "list", error.value());
  const auto by_id = [](const auto& a, const auto& b) { return a.id < b.id; };
  std::sort(found.models.begin(), found.models.end(), by_id);
  std::sort(found.unreadable.begin(), found.unreadable.end(), by_id);
  return found;
}

Result<std::vector<ModelInfo>> Library::list() const {
  OUTCROP_TRY(Contents found, contents());
  for (const Unreadable& model : found.unreadable)
    log::warning("a model that cannot be read is left out", {{"model", model.id}, {"reason", model.reason}});
  return std::move(found.models);
}

Result<ModelInfo> Library::info(std::string_view id) const {
  OUTCROP_CHECK_OK(check_model_id(id));
  Result<ModelInfo> found = read_manifest(folder_of(id));
  if (found || found.error().code != Code::not_found) return found;
  OUTCROP_TRY(const std::vector<ModelInfo> models, list());
  if (models.empty()) {
    return fail(Code::not_found,
                fmt::format("model '{}' is not installed, nor is any other; `outcrop model import` "
                            "brings one in",
                            id));
  }
  std::vector<std::string_view> ids;
  for (const ModelInfo& model : models) ids.push_back(model.id);
  const std::string_view near = nearest_name(id, ids);
  if (!near.empty())
    return fail(Code::not_found, fmt::format("model '{}' is not installed; did you mean '{}'?", id, near));
  return fail(Code::not_found,
              fmt::format("model '{}' is not installed; installed: {}", id, joined_ids(models)));
}

Result<LoadedModel> Library::load(std::string_view id) const {
  OUTCROP_TRY(ModelInfo own, info(id));
  const bool adapted = own.kind == ModelKind::custom && own.method == "lora";
  LoadedModel loaded;
  auto model = Model::open(folder_of(adapted ? own.base : own.id));
  if (!model) return forward_error(model, fmt::format("loading model '{}'", adapted ? own.base : own.id));
  loaded.model = *std::move(model);
  if (adapted) {
    OUTCROP_TRY(loaded.adapter, load_adapter(folder_of(id) / kAdapterFolder, loaded.model->config()));
  }
  loaded.info = std::move(own);
  return loaded;
}

Status Library::remove(std::string_view id) const {
  OUTCROP_CHECK_OK(check_model_id(id));
  // One whose manifest is damaged may go too.
  if (auto own = info(id); !own && own.error().code == Code::not_found) return forward_error(own);
  OUTCROP_TRY(const Contents found, contents());
  const std::vector<ModelInfo> dependants = built_on(found.models, id);
  if (!dependants.empty()) {
    return fail(Code::conflict, fmt::format("model '{}' is the base of {}; remove {} first", id,
                                            joined_ids(dependants), dependants.size() == 1 ? "it" : "them"));
  }
  return remove_folder(folder_of(id));
}

}  // namespace outcrop::model
