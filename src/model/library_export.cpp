#include "model/export_gguf.h"
#include "model/export_huggingface.h"
#include "model/export_probe.h"
#include "model/library.h"
#include "model/model_folder.h"
#include "model/model_folders.h"

#include <algorithm>
#include <system_error>

#include <fmt/format.h>

namespace outcrop::model {
namespace {

/// Absolute, without a trailing slash. already_exists when something is in the way.
Result<Path> check_target(const Path& out) {
  std::error_code error;
  Path target = std::filesystem::absolute(out, error).lexically_normal();
  if (error) return fail(Code::invalid_argument, fmt::format("{}: {}", out.string(), error.message()));
  if (!target.has_filename()) target = target.parent_path();
  const auto status = std::filesystem::status(target, error);
  if (!std::filesystem::exists(status)) return target;
  if (!std::filesystem::is_directory(status)) {
    return fail(Code::already_exists, fmt::format("{} exists and is not a folder", out.string()));
  }
  const bool empty = std::filesystem::is_empty(target, error);
  if (error) return fail(Code::io, fmt::format("{}: {}", out.string(), error.message()));
  if (!empty)
    return fail(Code::already_exists, fmt::format("{} is not empty; name a new folder", out.string()));
  return target;
}

/// A file name that every system accepts.
std::string gguf_name(std::string_view id, std::string_view type) {
  std::string name = fmt::format("{}.{}.gguf", id, type);
  std::replace(name.begin(), name.end(), ':', '-');
  return name;
}

Status write_peft(const LoadedModel& loaded, const Path& folder) {
  if (loaded.adapter == nullptr) {
    return fail(Code::unsupported,
                fmt::format("model '{}' has no adapter; export it with --format hf or gguf", loaded.info.id));
  }
  return save_adapter(folder, *loaded.adapter, loaded.info.base);
}

/// The exported weights as a model, to measure what merging did.
Result<std::shared_ptr<const Model>> open_merged(const LoadedModel& loaded, const Path& folder,
                                                 const ExportOptions& options) {
  const DecoderConfig& config = loaded.model->config();
  if (options.format == ExportFormat::huggingface) return open_exported_weights(folder, config);
  return open_exported_gguf(folder / gguf_name(loaded.info.id, options.gguf_type), config,
                            loaded.model->dtype());
}

Status write_format(const LoadedModel& loaded, const Path& folder, const ExportOptions& options) {
  switch (options.format) {
    case ExportFormat::huggingface:
      return export_huggingface(loaded, folder, options.progress);
    case ExportFormat::gguf:
      return export_gguf(loaded, folder / gguf_name(loaded.info.id, options.gguf_type), options.gguf_type,
                         options.progress);
    case ExportFormat::peft:
      return write_peft(loaded, folder);
  }
  return fail(Code::internal, "unknown export format");
}

std::vector<Path> files_in(const Path& folder) {
  std::vector<Path> files;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(folder, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    files.push_back(entry->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Result<ExportReport> Library::export_model(std::string_view id, const Path& out,
                                           const ExportOptions& options) const {
  OUTCROP_TRY(const Path target, check_target(out));
  if (options.format == ExportFormat::gguf) OUTCROP_CHECK_OK(check_gguf_type(options.gguf_type));
  OUTCROP_TRY(const LoadedModel loaded, load(id));
  OUTCROP_TRY(StagingFolder staging, StagingFolder::create(target.parent_path()));
  OUTCROP_CHECK_OK(write_format(loaded, staging.path(), options));
  ExportReport report;
  if (loaded.adapter != nullptr && options.format != ExportFormat::peft) {
    OUTCROP_TRY(const auto merged, open_merged(loaded, staging.path(), options));
    OUTCROP_TRY(const ProbeResult probe, compare_outputs(loaded, merged));
    report.merged = true;
    report.max_logit_delta = probe.max_logit_delta;
    report.mean_kl = probe.mean_kl;
  }
  // An empty folder gives way; one that filled up meanwhile does not.
  std::error_code error;
  std::filesystem::remove(target, error);
  OUTCROP_CHECK_OK(staging.publish(target, /*replace=*/false));
  report.files = files_in(target);
  return report;
}

}  // namespace outcrop::model
