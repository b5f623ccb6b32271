#include "model/manifest.h"

#include "json/json.h"
#include "model/model_folder.h"

#include <charconv>
#include <ctime>

#include <fmt/format.h>

namespace outcrop::model {
namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::uint64_t kMaxBytes = 1U << 20;

std::string hex(std::uint64_t value) {
  return fmt::format("{:016x}", value);
}

std::uint64_t from_hex(const Json& value) {
  const std::string_view text = value.as_string().value_or("");
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number, 16);
  return number;
}

std::string text_of(const Json& json, std::string_view key) {
  return std::string(json[key].as_string().value_or(""));
}

Result<ModelInfo> from_json(const Json& json) {
  OUTCROP_TRY(const std::int64_t version, json.require_int("manifest_version", kManifestFile));
  if (version != kVersion) {
    return fail(Code::unsupported,
                fmt::format("manifest version {} is not known, this program reads {}", version, kVersion));
  }
  ModelInfo info;
  OUTCROP_TRY(info.id, json.require_string("id", kManifestFile));
  OUTCROP_TRY(const std::string kind, json.require_string("kind", kManifestFile));
  if (kind != "foundation" && kind != "custom") {
    return fail(Code::corrupt_data, fmt::format("kind '{}' is neither foundation nor custom", kind));
  }
  info.kind = kind == "custom" ? ModelKind::custom : ModelKind::foundation;
  OUTCROP_TRY(info.architecture, json.require_string("architecture", kManifestFile));
  info.base = text_of(json, "base");
  info.method = text_of(json, "method");
  info.source = text_of(json, "source");
  info.source_format = text_of(json, "source_format");
  info.source_sha256 = text_of(json, "source_sha256");
  info.created = text_of(json, "created");
  info.parameters = json["parameters"].as_int().value_or(0);
  info.context_length = json["context_length"].as_int().value_or(0);
  info.dtype = text_of(json, "dtype");
  info.template_fingerprint = from_hex(json["template_fingerprint"]);
  info.tokenizer_fingerprint = from_hex(json["tokenizer_fingerprint"]);
  info.job = text_of(json, "job");
  return info;
}

}  // namespace

Result<ModelInfo> read_manifest(const Path& folder) {
  OUTCROP_TRY(const std::string text, read_file(folder / kManifestFile, kMaxBytes));
  Result<Json> json = Json::parse(text);
  if (!json) return forward_error(json, (folder / kManifestFile).string());
  Result<ModelInfo> info = from_json(*json);
  if (!info) return forward_error(info, (folder / kManifestFile).string());
  return info;
}

Status write_manifest(const Path& folder, const ModelInfo& info) {
  const bool custom = info.kind == ModelKind::custom;
  Json json = Json::object({{"manifest_version", kVersion},
                            {"id", info.id},
                            {"kind", custom ? "custom" : "foundation"},
                            {"architecture", info.architecture}});
  if (custom) {
    json.set("base", info.base);
    json.set("method", info.method);
    json.set("job", info.job);
  } else {
    json.set("source", info.source);
    json.set("source_format", info.source_format);
  }
  json.set("source_sha256", info.source_sha256);
  json.set("created", info.created);
  json.set("parameters", info.parameters);
  json.set("context_length", info.context_length);
  json.set("dtype", info.dtype);
  json.set("template_fingerprint", hex(info.template_fingerprint));
  json.set("tokenizer_fingerprint", hex(info.tokenizer_fingerprint));
  return write_file_atomic(folder / kManifestFile, json.dump(2) + "\n");
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace outcrop::model
