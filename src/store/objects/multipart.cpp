#include "crypto/random_bytes.h"
#include "store/objects/conditions.h"
#include "store/objects/copy_source.h"
#include "store/objects/part_digests.h"
#include "store/objects/rules.h"
#include "store/objects/upload.h"

#include <algorithm>

#include <fmt/format.h>

namespace outcrop::store {
namespace objects {

S3Result<Upload> find_upload(ObjectTransaction& view, const ObjectName& name, std::string_view upload_id) {
  OUTCROP_TRY(const Bucket bucket, find_bucket(view, name.account, name.bucket));
  OUTCROP_TRY(std::optional<Upload> upload, view.upload(bucket.id, name.key, upload_id));
  if (!upload) {
    return s3_fail(S3Code::no_such_upload, fmt::format("there is no upload '{}' of '{}'", upload_id, name.key));
  }
  return *std::move(upload);
}

crypto::ChecksumKind kind_of(const Upload& upload) {
  return crypto::checksum_of_name(upload.checksum_algorithm).value_or(kDefaultChecksum);
}

}  // namespace objects

namespace {

constexpr std::size_t kUploadIdLength = 48;
constexpr int kMaxParts = 1000;

/// A part's checksum is of the upload's kind: it has to add up.
S3Status check_part_digests(const ExpectedDigests& expected, const Upload& upload) {
  if (!expected.content_md5.empty()) OUTCROP_CHECK_OK(objects::check_content_md5(expected.content_md5));
  const crypto::ChecksumKind kind = objects::kind_of(upload);
  if (expected.checksum_kind && *expected.checksum_kind != kind) {
    return s3_fail(S3Code::invalid_request,
                   fmt::format("the part has a {} checksum, the upload was created for {}",
                               crypto::checksum_name(*expected.checksum_kind), crypto::checksum_name(kind)));
  }
  if (expected.checksum.empty()) return {};
  return objects::check_checksum(kind, expected.checksum);
}

/// Writes the part's row, if the upload is still there.
S3Result<UploadPart> store_part(ObjectTransaction& transaction, const ObjectName& name,
                                std::string_view upload_id, const UploadPart& part, const Content& content) {
  OUTCROP_TRY(const Upload upload, objects::find_upload(transaction, name, upload_id));
  OUTCROP_CHECK_OK(transaction.put_part(upload.number, part, content));
  return part;
}

}  // namespace

S3Result<Upload> ObjectService::create_upload(const CreateUploadRequest& request) {
  OUTCROP_CHECK_OK(objects::check_key(request.name.key));
  OUTCROP_CHECK_OK(objects::check_metadata(request.headers, request.metadata));
  OUTCROP_CHECK_OK(objects::check_tags(request.tags));
  const crypto::ChecksumKind kind = request.checksum_kind.value_or(objects::kDefaultChecksum);
  Upload upload;
  OUTCROP_TRY(upload.checksum_type, objects::checksum_type_of(kind, request.checksum_type));
  upload.checksum_algorithm = crypto::checksum_name(kind);
  upload.key = request.name.key;
  upload.id = crypto::random_id(kUploadIdLength);
  upload.initiated = state_->options.clock();
  upload.headers = request.headers;
  upload.metadata = request.metadata;
  upload.tags = request.tags;
  return state_->write([&](ObjectTransaction& transaction) -> S3Result<Upload> {
    OUTCROP_TRY(const Bucket bucket,
                objects::find_bucket(transaction, request.name.account, request.name.bucket));
    upload.bucket = bucket.id;
    OUTCROP_CHECK_OK(transaction.insert_upload(upload));
    return upload;
  });
}

S3Result<PartWriter> ObjectService::upload_part(PartRequest request) {
  OUTCROP_CHECK_OK(objects::check_key(request.name.key));
  OUTCROP_CHECK_OK(objects::check_part_number(request.part_number));
  OUTCROP_TRY(const Upload upload, state_->read([&](ObjectTransaction& view) {
    return objects::find_upload(view, request.name, request.upload_id);
  }));
  OUTCROP_CHECK_OK(check_part_digests(request.expected, upload));
  ExpectedDigests expected = request.expected;
  expected.checksum_kind = objects::kind_of(upload);
  auto publish = [state = state_.get(), request = std::move(request)](const objects::Written& written) {
    const UploadPart part{request.part_number, written.size, written.digests.md5_hex, written.digests.checksum,
                          state->options.clock()};
    return state->write([&](ObjectTransaction& transaction) {
      return store_part(transaction, request.name, request.upload_id, part, written.content);
    });
  };
  return PartWriter(std::make_unique<PartWriter::Work>(*state_, std::move(expected), std::move(publish)));
}

S3Result<UploadPart> ObjectService::copy_part(const CopyPartRequest& request) {
  const ObjectName& name = request.name;
  OUTCROP_CHECK_OK(objects::check_key(name.key));
  OUTCROP_CHECK_OK(objects::check_part_number(request.part_number));
  const objects::Reaper::Ticket ticket = state_->reaper.enter();
  OUTCROP_TRY(const Upload upload, state_->read([&](ObjectTransaction& view) {
    return objects::find_upload(view, name, request.upload_id);
  }));
  OUTCROP_TRY(const objects::CopySource source,
              objects::read_copy_source(*state_, name.account, request.source_bucket, request.source_key,
                                        request.source_version, request.source_conditions));
  objects::Extent extent{0, source.version.summary.size};
  if (request.source_range) {
    OUTCROP_TRY(extent, objects::resolve_range(*request.source_range, source.version.summary.size));
  }
  if (extent.size > state_->options.max_put_bytes) {
    return s3_fail(S3Code::entity_too_large, fmt::format("a part has at most {} bytes, the source has {}",
                                                         state_->options.max_put_bytes, extent.size));
  }
  OUTCROP_TRY(const objects::Digests digests,
              objects::hash_content(*state_->blobs, source.content, extent.offset, extent.size,
                                    objects::kind_of(upload)));
  const UploadPart part{request.part_number, extent.size, digests.md5_hex, digests.checksum,
                        state_->options.clock()};
  return state_->write([&](ObjectTransaction& transaction) -> S3Result<UploadPart> {
    OUTCROP_CHECK_OK(objects::check_still_there(transaction, source));
    return store_part(transaction, name, request.upload_id, part,
                      objects::cut_content(source.content, extent.offset, extent.size));
  });
}

S3Result<PartList> ObjectService::list_parts(const ObjectName& name, std::string_view upload_id,
                                             int part_number_marker, int max_parts) {
  const int limit = std::clamp(max_parts, 0, kMaxParts);
  return state_->read([&](ObjectTransaction& view) -> S3Result<PartList> {
    PartList list;
    OUTCROP_TRY(list.upload, objects::find_upload(view, name, upload_id));
    if (limit == 0) return list;
    OUTCROP_TRY(list.parts, view.upload_parts(list.upload.number, part_number_marker, limit + 1));
    if (list.parts.size() > static_cast<std::size_t>(limit)) {
      list.parts.pop_back();
      list.truncated = true;
      list.next_part_number_marker = list.parts.back().number;
    }
    return list;
  });
}

S3Status ObjectService::abort_upload(const ObjectName& name, std::string_view upload_id) {
  return state_->write([&](ObjectTransaction& transaction) -> S3Status {
    OUTCROP_TRY(const Upload upload, objects::find_upload(transaction, name, upload_id));
    OUTCROP_CHECK_OK(transaction.delete_upload(upload.number));
    return {};
  });
}

}  // namespace outcrop::store
