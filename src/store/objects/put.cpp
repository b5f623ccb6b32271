#include "store/objects/conditions.h"
#include "store/objects/rules.h"
#include "store/objects/state.h"

namespace outcrop::store {
namespace {

S3Status check_put(const PutRequest& request) {
  OUTCROP_CHECK_OK(objects::check_key(request.name.key));
  OUTCROP_CHECK_OK(objects::check_metadata(request.headers, request.metadata));
  OUTCROP_CHECK_OK(objects::check_tags(request.tags));
  const ExpectedDigests& expected = request.expected;
  if (!expected.content_md5.empty()) OUTCROP_CHECK_OK(objects::check_content_md5(expected.content_md5));
  if (expected.checksum.empty()) return {};
  return objects::check_checksum(expected.checksum_kind.value_or(objects::kDefaultChecksum), expected.checksum);
}

ObjectVersion version_of(const PutRequest& request, crypto::ChecksumKind kind,
                         const objects::Written& written) {
  ObjectVersion version;
  version.summary.key = request.name.key;
  version.summary.size = written.size;
  version.summary.etag = written.digests.md5_hex;
  version.summary.checksum = {std::string(crypto::checksum_name(kind)), written.digests.checksum,
                              "FULL_OBJECT"};
  version.headers = request.headers;
  version.metadata = request.metadata;
  version.tags = request.tags;
  return version;
}

}  // namespace

S3Result<ObjectWriter> ObjectService::put(PutRequest request) {
  OUTCROP_CHECK_OK(check_put(request));
  // Before any byte is taken, and again with the bytes: a bucket may go in between.
  OUTCROP_TRY(const Bucket bucket, head_bucket(request.name.account, request.name.bucket));
  const crypto::ChecksumKind kind = request.expected.checksum_kind.value_or(objects::kDefaultChecksum);
  ExpectedDigests expected = request.expected;
  auto publish = [state = state_.get(), kind, request = std::move(request)](const objects::Written& written) {
    return state->write([&](ObjectTransaction& transaction) -> S3Result<ObjectInfo> {
      const ObjectName& name = request.name;
      OUTCROP_TRY(const Bucket target, objects::find_bucket(transaction, name.account, name.bucket));
      OUTCROP_TRY(const std::optional<ObjectSummary> present,
                  objects::present_object(transaction, target, name.key));
      OUTCROP_CHECK_OK(objects::check_write_conditions(request.if_match, request.if_none_match, present));
      OUTCROP_TRY(const ObjectVersion stored,
                  objects::store_version(transaction, target, version_of(request, kind, written),
                                         written.content, {}, state->options.clock()));
      return objects::info_of(target, stored);
    });
  };
  return ObjectWriter(std::make_unique<ObjectWriter::Work>(*state_, std::move(expected), std::move(publish)));
}

}  // namespace outcrop::store
