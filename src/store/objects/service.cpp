#include "base/log.h"
#include "crypto/random_bytes.h"
#include "store/objects/state.h"

#include <fmt/format.h>

namespace outcrop::store {

ObjectService::ObjectService(std::unique_ptr<State> state) : state_(std::move(state)) {}
ObjectService::~ObjectService() = default;

Result<std::unique_ptr<ObjectService>> ObjectService::open(ObjectIndex& index, std::unique_ptr<BlobStore> blobs,
                                                           ObjectServiceOptions options) {
  OUTCROP_TRY(const std::size_t cleared,
              blobs->clear_orphans([&index](std::string_view id) { return index.is_referenced(id); }));
  if (cleared > 0) log::info("orphaned blobs cleared", {{"count", static_cast<std::int64_t>(cleared)}});
  return std::unique_ptr<ObjectService>(
      new ObjectService(std::make_unique<State>(index, std::move(blobs), std::move(options))));
}

template <class Answer>
ContentSink<Answer>::ContentSink(std::unique_ptr<Work> work) : work_(std::move(work)) {}
template <class Answer>
ContentSink<Answer>::ContentSink(ContentSink&&) noexcept = default;
template <class Answer>
ContentSink<Answer>& ContentSink<Answer>::operator=(ContentSink&&) noexcept = default;
template <class Answer>
ContentSink<Answer>::~ContentSink() = default;

template <class Answer>
S3Status ContentSink<Answer>::write(std::span<const std::byte> bytes) {
  return work_->write(bytes);
}

template <class Answer>
S3Result<Answer> ContentSink<Answer>::commit(std::string_view trailing_checksum) {
  return work_->commit(trailing_checksum);
}

template class ContentSink<ObjectInfo>;
template class ContentSink<UploadPart>;

namespace objects {
namespace {

constexpr std::string_view kNullVersion = "null";
constexpr std::size_t kVersionIdLength = 32;

tl::unexpected<S3Error> delete_marker(S3Code code, std::string_view key, std::string_view version_id) {
  S3Error error(code, fmt::format("'{}' is deleted by a delete marker", key));
  error.delete_marker_version = version_id;
  return tl::unexpected<S3Error>(std::move(error));
}

}  // namespace

S3Result<Bucket> find_bucket(ObjectTransaction& view, std::string_view account, std::string_view name) {
  OUTCROP_TRY(std::optional<Bucket> bucket, view.bucket(name));
  if (!bucket) return s3_fail(S3Code::no_such_bucket, fmt::format("there is no bucket '{}'", name));
  if (bucket->account != account) {
    return s3_fail(S3Code::access_denied, fmt::format("bucket '{}' belongs to another account", name));
  }
  return *std::move(bucket);
}

S3Result<ObjectVersion> find_version(ObjectTransaction& view, const Bucket& bucket, std::string_view key,
                                     std::string_view version_id) {
  if (version_id.empty()) {
    OUTCROP_TRY(std::optional<ObjectVersion> latest, view.latest(bucket.id, key));
    if (!latest) return s3_fail(S3Code::no_such_key, fmt::format("there is no object '{}'", key));
    if (latest->summary.delete_marker)
      return delete_marker(S3Code::no_such_key, key, latest->summary.version_id);
    return *std::move(latest);
  }
  OUTCROP_TRY(std::optional<ObjectVersion> version, view.version(bucket.id, key, version_id));
  if (!version) {
    return s3_fail(S3Code::no_such_version, fmt::format("object '{}' has no version '{}'", key, version_id));
  }
  if (version->summary.delete_marker) return delete_marker(S3Code::method_not_allowed, key, version_id);
  return *std::move(version);
}

S3Result<ObjectVersion> store_version(ObjectTransaction& transaction, const Bucket& bucket,
                                      ObjectVersion version, const Content& content,
                                      const std::vector<ObjectPart>& parts, Time now) {
  ObjectSummary& summary = version.summary;
  version.bucket = bucket.id;
  summary.latest = true;
  summary.modified = now;
  if (bucket.versioning == Versioning::enabled) {
    summary.version_id = crypto::random_id(kVersionIdLength);
  } else {
    summary.version_id = kNullVersion;
    OUTCROP_TRY(const std::optional<ObjectVersion> replaced,
                transaction.version(bucket.id, summary.key, kNullVersion));
    if (replaced) OUTCROP_CHECK_OK(transaction.delete_version(replaced->summary.number));
  }
  OUTCROP_TRY(summary.number, transaction.insert_version(version, content, parts));
  return version;
}

S3Result<std::optional<ObjectSummary>> present_object(ObjectTransaction& view, const Bucket& bucket,
                                                      std::string_view key) {
  OUTCROP_TRY(std::optional<ObjectVersion> latest, view.latest(bucket.id, key));
  if (!latest || latest->summary.delete_marker) return std::optional<ObjectSummary>();
  return std::optional(std::move(latest->summary));
}

ObjectInfo info_of(const Bucket& bucket, const ObjectVersion& version) {
  ObjectInfo info;
  info.summary = version.summary;
  info.headers = version.headers;
  info.metadata = version.metadata;
  info.tag_count = version.tags.size();
  info.versioned = bucket.versioning != Versioning::off;
  return info;
}

}  // namespace objects
}  // namespace outcrop::store
