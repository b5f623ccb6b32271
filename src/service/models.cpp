#include "service/models.h"

#include <system_error>

namespace outcrop::service {

Result<model::ModelInfo> import_model(const Path& home, const Path& source,
                                      const model::ImportOptions& options) {
  OUTCROP_TRY(const model::Library library, model::Library::open(home));
  return library.import(source, options);
}

Result<std::vector<model::ModelInfo>> list_models(const Path& home) {
  std::error_code error;
  if (!std::filesystem::exists(home, error)) return std::vector<model::ModelInfo>{};
  OUTCROP_TRY(const model::Library library, model::Library::open(home));
  return library.list();
}

Result<model::ModelInfo> show_model(const Path& home, std::string_view id) {
  OUTCROP_TRY(const model::Library library, model::Library::open(home));
  return library.info(id);
}

Result<model::ExportReport> export_model(const Path& home, std::string_view id, const Path& out,
                                         const model::ExportOptions& options) {
  OUTCROP_TRY(const model::Library library, model::Library::open(home));
  return library.export_model(id, out, options);
}

Status remove_model(const Path& home, std::string_view id) {
  OUTCROP_TRY(const model::Library library, model::Library::open(home));
  return library.remove(id);
}

std::int64_t model_bytes(const Path& home, std::string_view id) {
  const auto library = model::Library::open(home);
  if (!library) return 0;
  std::int64_t bytes = 0;
  std::error_code error;
  for (auto entry = std::filesystem::recursive_directory_iterator(library->folder_of(id), error);
       !error && entry != std::filesystem::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code unreadable;
    if (entry->is_regular_file(unreadable)) bytes += static_cast<std::int64_t>(entry->file_size(unreadable));
  }
  return bytes;
}

}  // namespace outcrop::service
