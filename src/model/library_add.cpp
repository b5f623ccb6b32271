#include "model/import_source.h"
#include "model/import_write.h"
#include "model/library.h"
#include "model/library_rules.h"
#include "model/manifest.h"
#include "model/model_folder.h"
#include "model/model_folders.h"

#include <optional>

#include <fmt/format.h>

namespace outcrop::model {
namespace {

/// "models/x/" and "models/x" name the same folder.
Path without_trailing_slash(const Path& path) {
  return path.has_filename() ? path : path.parent_path();
}

void set_model_facts(ModelInfo& info, const Model& model) {
  info.architecture = model.config().architecture;
  info.parameters = model.layout().elements;
  info.context_length = model.config().context_length;
  info.dtype = to_string(model.dtype());
  const TextSide& text = *model.text();
  info.tokenizer_fingerprint = text.tokenizer.fingerprint();
  info.template_fingerprint = text.chat_template ? text.chat_template->fingerprint() : 0;
}

/// The model that stands at this id now, or nothing. already_exists when it may not be replaced.
Result<std::optional<ModelInfo>> existing_model(const Path& folder, std::string_view id, bool replace) {
  Result<ModelInfo> old = read_manifest(folder);
  if (old) {
    if (!replace) return exists_already(id);
    return std::optional<ModelInfo>(*std::move(old));
  }
  if (old.error().code == Code::not_found) return std::optional<ModelInfo>();
  // A damaged manifest may be replaced by a whole model.
  if (!replace) return forward_error(old);
  return std::optional<ModelInfo>();
}

/// conflict when adapters depend on the weights that would go.
Status check_no_dependants(const Library& library, std::string_view id) {
  OUTCROP_TRY(const std::vector<ModelInfo> models, library.list());
  const std::vector<ModelInfo> dependants = built_on(models, id);
  if (dependants.empty()) return {};
  return fail(Code::conflict,
              fmt::format("model '{}' is the base of {} and cannot be replaced by other weights", id,
                          joined_ids(dependants)));
}

Status check_custom(const Library::CustomModel& custom) {
  OUTCROP_CHECK_OK(check_model_id(custom.name));
  const bool lora = custom.adapter != nullptr;
  if (lora == custom.weights.empty() && custom.method == (lora ? "lora" : "full")) return {};
  return fail(Code::internal, "a custom model is either an adapter (lora) or weights (full)");
}

/// The base's facts with the custom model's identity.
ModelInfo custom_info(ModelInfo base, const Library::CustomModel& custom) {
  base.id = custom.name;
  base.kind = ModelKind::custom;
  base.base = custom.base;
  base.method = custom.method;
  base.source.clear();
  base.source_format.clear();
  base.source_sha256 = custom.data_sha256;
  base.job = custom.job;
  base.created = utc_now();
  return base;
}

}  // namespace

Result<ModelInfo> Library::import(const Path& given, const ImportOptions& options) const {
  OUTCROP_CHECK_OK(check_model_id(options.id));
  if (options.dtype != DType::bf16 && options.dtype != DType::f32) {
    return fail(Code::invalid_argument,
                fmt::format("models are kept as BF16 or F32, not {}", to_string(options.dtype)));
  }
  const Path target = folder_of(options.id);
  OUTCROP_TRY(const auto old, existing_model(target, options.id, options.replace));
  const Path source = without_trailing_slash(given);
  OUTCROP_TRY(const ForeignModel foreign, open_import_source(source));
  OUTCROP_TRY(StagingFolder staging, StagingFolder::create(models_of(home_)));
  OUTCROP_CHECK_OK(write_model_folder(foreign, staging.path(), options.dtype, options.progress));
  auto model = Model::open(staging.path());
  if (!model) return forward_error(model, fmt::format("checking the imported {}", source.filename().string()));
  ModelInfo info;
  info.id = options.id;
  info.source = source.filename().string();
  info.source_format = foreign.format;
  OUTCROP_TRY(info.source_sha256, digest_of(foreign.weight_files));
  info.created = utc_now();
  set_model_facts(info, **model);
  if (old && (old->source_sha256 != info.source_sha256 || old->dtype != info.dtype)) {
    OUTCROP_CHECK_OK(check_no_dependants(*this, options.id));
  }
  OUTCROP_CHECK_OK(write_manifest(staging.path(), info));
  OUTCROP_CHECK_OK(staging.publish(target, options.replace));
  return info;
}

Result<ModelInfo> Library::add_custom(const CustomModel& custom) const {
  OUTCROP_CHECK_OK(check_custom(custom));
  const Path target = folder_of(custom.name);
  OUTCROP_TRY(const auto old, existing_model(target, custom.name, custom.replace));
  if (old && old->kind == ModelKind::foundation) {
    return fail(Code::conflict,
                fmt::format("'{}' is a foundation model and cannot be replaced by a custom one", custom.name));
  }
  if (old) OUTCROP_CHECK_OK(check_no_dependants(*this, custom.name));
  OUTCROP_TRY(ModelInfo base, info(custom.base));
  if (base.kind == ModelKind::custom && base.method == "lora") {
    return fail(Code::unsupported,
                fmt::format("'{}' is itself an adapter on '{}'; export it merged and import that to "
                            "build on it",
                            custom.base, base.base));
  }
  OUTCROP_TRY(StagingFolder staging, StagingFolder::create(models_of(home_)));
  if (custom.adapter != nullptr) {
    OUTCROP_CHECK_OK(save_adapter(staging.path() / kAdapterFolder, *custom.adapter, custom.base));
  } else {
    OUTCROP_CHECK_OK(write_full_model(folder_of(custom.base), staging.path(), custom.weights));
  }
  ModelInfo made = custom_info(std::move(base), custom);
  OUTCROP_CHECK_OK(write_manifest(staging.path(), made));
  OUTCROP_CHECK_OK(staging.publish(target, custom.replace));
  return made;
}

}  // namespace outcrop::model
