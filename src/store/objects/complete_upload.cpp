#include "store/objects/conditions.h"
#include "store/objects/part_digests.h"
#include "store/objects/rules.h"
#include "store/objects/upload.h"

#include <map>

#include <fmt/format.h>

namespace outcrop::store {
namespace {

constexpr int kMaxPartNumber = 10'000;

/// The parts that become the object, in order, and all that follows from them.
struct Assembly {
  Content content;
  std::vector<ObjectPart> parts;
  std::vector<objects::PartDigest> digests;
  std::uint64_t size = 0;
};

std::string_view unquoted(std::string_view etag) {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') return etag.substr(1, etag.size() - 2);
  return etag;
}

S3Status check_order(const std::vector<CompletedPart>& parts) {
  if (parts.empty())
    return s3_fail(S3Code::invalid_request, "an upload needs at least one part to be completed");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    OUTCROP_CHECK_OK(objects::check_part_number(parts[i].number));
    if (i > 0 && parts[i].number <= parts[i - 1].number) {
      return s3_fail(S3Code::invalid_part_order,
                     fmt::format("part {} comes after part {}", parts[i].number, parts[i - 1].number));
    }
  }
  return {};
}

S3Status check_part(const CompletedPart& told, const UploadPart& part) {
  if (unquoted(told.etag) != part.etag) {
    return s3_fail(S3Code::invalid_part,
                   fmt::format("part {} has the ETag {}, '{}' was told", part.number, part.etag, told.etag));
  }
  if (!told.checksum.empty() && told.checksum != part.checksum) {
    return s3_fail(S3Code::invalid_part, fmt::format("part {} has the checksum {}, {} was told", part.number,
                                                     part.checksum, told.checksum));
  }
  return {};
}

S3Result<Assembly> assemble(ObjectTransaction& transaction, const Upload& upload,
                            const std::vector<CompletedPart>& told, std::uint64_t min_part_bytes) {
  OUTCROP_TRY(const std::vector<UploadPart> uploaded,
              transaction.upload_parts(upload.number, 0, kMaxPartNumber));
  std::map<int, const UploadPart*> by_number;
  for (const UploadPart& part : uploaded) by_number.emplace(part.number, &part);
  Assembly assembly;
  for (std::size_t i = 0; i < told.size(); ++i) {
    const auto found = by_number.find(told[i].number);
    if (found == by_number.end()) {
      return s3_fail(S3Code::invalid_part, fmt::format("part {} was not uploaded", told[i].number));
    }
    const UploadPart& part = *found->second;
    OUTCROP_CHECK_OK(check_part(told[i], part));
    if (part.size < min_part_bytes && i + 1 < told.size()) {
      return s3_fail(S3Code::entity_too_small,
                     fmt::format("part {} has {} bytes; all parts but the last have at least {}", part.number,
                                 part.size, min_part_bytes));
    }
    OUTCROP_TRY(const Content content, transaction.part_content(upload.number, part.number));
    assembly.content.insert(assembly.content.end(), content.begin(), content.end());
    assembly.parts.push_back({part.number, part.size, part.checksum});
    assembly.digests.push_back({part.size, part.etag, part.checksum});
    assembly.size += part.size;
  }
  return assembly;
}

S3Result<ObjectVersion> version_of(const Upload& upload, const Assembly& assembly,
                                   const CompleteRequest& request) {
  const crypto::ChecksumKind kind = objects::kind_of(upload);
  ObjectVersion version;
  ObjectSummary& summary = version.summary;
  summary.key = upload.key;
  summary.size = assembly.size;
  summary.etag = objects::multipart_etag(assembly.digests);
  summary.checksum = {upload.checksum_algorithm,
                      upload.checksum_type == "COMPOSITE" ? objects::composite_checksum(kind, assembly.digests)
                                                          : objects::full_checksum(kind, assembly.digests),
                      upload.checksum_type};
  version.headers = upload.headers;
  version.metadata = upload.metadata;
  version.tags = upload.tags;
  if (!request.checksum.empty() && request.checksum != summary.checksum.value) {
    return s3_fail(S3Code::bad_digest,
                   fmt::format("the {} that was told is {}, the object has {}", upload.checksum_algorithm,
                               request.checksum, summary.checksum.value));
  }
  if (request.size && *request.size != assembly.size) {
    return s3_fail(S3Code::invalid_request,
                   fmt::format("the object has {} bytes, {} were told", assembly.size, *request.size));
  }
  return version;
}

}  // namespace

S3Result<ObjectInfo> ObjectService::complete_upload(const CompleteRequest& request) {
  OUTCROP_CHECK_OK(check_order(request.parts));
  const ObjectName& name = request.name;
  return state_->write([&](ObjectTransaction& transaction) -> S3Result<ObjectInfo> {
    OUTCROP_TRY(const Bucket bucket, objects::find_bucket(transaction, name.account, name.bucket));
    OUTCROP_TRY(const Upload upload, objects::find_upload(transaction, name, request.upload_id));
    OUTCROP_TRY(const std::optional<ObjectSummary> present,
                objects::present_object(transaction, bucket, name.key));
    OUTCROP_CHECK_OK(objects::check_write_conditions(request.if_match, request.if_none_match, present));
    OUTCROP_TRY(const Assembly assembly,
                assemble(transaction, upload, request.parts, state_->options.min_part_bytes));
    OUTCROP_TRY(ObjectVersion version, version_of(upload, assembly, request));
    OUTCROP_TRY(const ObjectVersion stored,
                objects::store_version(transaction, bucket, std::move(version), assembly.content,
                                       assembly.parts, state_->options.clock()));
    OUTCROP_CHECK_OK(transaction.delete_upload(upload.number));
    ObjectInfo info = objects::info_of(bucket, stored);
    info.parts = assembly.parts;
    return info;
  });
}

}  // namespace outcrop::store
