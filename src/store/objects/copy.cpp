#include "store/objects/conditions.h"
#include "store/objects/copy_source.h"
#include "store/objects/rules.h"

namespace outcrop::store {
namespace objects {

S3Result<CopySource> read_copy_source(ObjectService::State& state, std::string_view account,
                                      std::string_view bucket, std::string_view key,
                                      std::string_view version_id, const Conditions& conditions) {
  OUTCROP_CHECK_OK(check_key(key));
  return state.read([&](ObjectTransaction& view) -> S3Result<CopySource> {
    CopySource source;
    OUTCROP_TRY(const Bucket found, find_bucket(view, account, bucket));
    OUTCROP_TRY(source.version, find_version(view, found, key, version_id));
    OUTCROP_CHECK_OK(check_source_conditions(conditions, source.version.summary));
    OUTCROP_TRY(source.content, view.content(source.version.summary.number));
    return source;
  });
}

S3Status check_still_there(ObjectTransaction& transaction, const CopySource& source) {
  const ObjectSummary& summary = source.version.summary;
  OUTCROP_TRY(const std::optional<ObjectVersion> now,
              transaction.version(source.version.bucket, summary.key, summary.version_id));
  if (now && now->summary.number == summary.number) return {};
  return s3_fail(S3Code::operation_aborted, "the copy's source was changed or deleted meanwhile; try again");
}

}  // namespace objects

namespace {

/// A copy is one piece: its ETag is the MD5 of its bytes and its checksum covers all of them, even where the
/// source was uploaded in parts. Where the source has both already, nothing is read.
Result<void> set_digests(ObjectService::State& state, const objects::CopySource& source,
                         std::optional<crypto::ChecksumKind> asked, ObjectSummary& target) {
  const ObjectSummary& summary = source.version.summary;
  const std::optional<crypto::ChecksumKind> present = crypto::checksum_of_name(summary.checksum.algorithm);
  const crypto::ChecksumKind kind = asked ? *asked : present.value_or(objects::kDefaultChecksum);
  target.size = summary.size;
  target.etag = summary.etag;
  target.checksum = summary.checksum;
  const bool whole_md5 = summary.etag.find('-') == std::string::npos;
  if (whole_md5 && present == kind && summary.checksum.type == "FULL_OBJECT") return {};
  OUTCROP_TRY(objects::Digests digests,
              objects::hash_content(*state.blobs, source.content, 0, summary.size, kind));
  target.etag = std::move(digests.md5_hex);
  target.checksum = {std::string(crypto::checksum_name(kind)), std::move(digests.checksum), "FULL_OBJECT"};
  return {};
}

S3Status check_copy(const CopyRequest& request) {
  OUTCROP_CHECK_OK(objects::check_key(request.target.key));
  OUTCROP_CHECK_OK(objects::check_metadata(request.headers, request.metadata));
  OUTCROP_CHECK_OK(objects::check_tags(request.tags));
  const bool onto_itself = request.target.bucket == request.source_bucket &&
                           request.target.key == request.source_key && request.source_version.empty();
  if (onto_itself && !request.replace_metadata && !request.checksum_kind) {
    return s3_fail(S3Code::invalid_request, "a copy of an object onto itself must change something about it");
  }
  return {};
}

}  // namespace

S3Result<ObjectInfo> ObjectService::copy(const CopyRequest& request) {
  OUTCROP_CHECK_OK(check_copy(request));
  const objects::Reaper::Ticket ticket = state_->reaper.enter();
  OUTCROP_TRY(const objects::CopySource source,
              objects::read_copy_source(*state_, request.target.account, request.source_bucket,
                                        request.source_key, request.source_version, request.source_conditions));
  ObjectVersion copy;
  copy.summary.key = request.target.key;
  copy.headers = request.replace_metadata ? request.headers : source.version.headers;
  copy.metadata = request.replace_metadata ? request.metadata : source.version.metadata;
  copy.tags = request.replace_tags ? request.tags : source.version.tags;
  OUTCROP_CHECK_OK(set_digests(*state_, source, request.checksum_kind, copy.summary));
  return state_->write([&](ObjectTransaction& transaction) -> S3Result<ObjectInfo> {
    OUTCROP_TRY(const Bucket bucket,
                objects::find_bucket(transaction, request.target.account, request.target.bucket));
    OUTCROP_CHECK_OK(objects::check_still_there(transaction, source));
    OUTCROP_TRY(const ObjectVersion stored,
                objects::store_version(transaction, bucket, copy, source.content, {}, state_->options.clock()));
    return objects::info_of(bucket, stored);
  });
}

}  // namespace outcrop::store
