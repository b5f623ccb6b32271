#include "store/s3_error.h"

namespace outcrop::store {

std::string_view to_string(S3Code code) noexcept {
  switch (code) {
    case S3Code::access_denied:
      return "AccessDenied";
    case S3Code::bad_digest:
      return "BadDigest";
    case S3Code::bucket_already_exists:
      return "BucketAlreadyExists";
    case S3Code::bucket_already_owned_by_you:
      return "BucketAlreadyOwnedByYou";
    case S3Code::bucket_not_empty:
      return "BucketNotEmpty";
    case S3Code::entity_too_large:
      return "EntityTooLarge";
    case S3Code::entity_too_small:
      return "EntityTooSmall";
    case S3Code::internal_error:
      return "InternalError";
    case S3Code::invalid_argument:
      return "InvalidArgument";
    case S3Code::invalid_bucket_name:
      return "InvalidBucketName";
    case S3Code::invalid_digest:
      return "InvalidDigest";
    case S3Code::invalid_part:
      return "InvalidPart";
    case S3Code::invalid_part_order:
      return "InvalidPartOrder";
    case S3Code::invalid_range:
      return "InvalidRange";
    case S3Code::invalid_request:
      return "InvalidRequest";
    case S3Code::invalid_tag:
      return "InvalidTag";
    case S3Code::key_too_long:
      return "KeyTooLongError";
    case S3Code::metadata_too_large:
      return "MetadataTooLarge";
    case S3Code::method_not_allowed:
      return "MethodNotAllowed";
    case S3Code::no_such_bucket:
      return "NoSuchBucket";
    case S3Code::no_such_key:
      return "NoSuchKey";
    case S3Code::no_such_upload:
      return "NoSuchUpload";
    case S3Code::no_such_version:
      return "NoSuchVersion";
    case S3Code::not_modified:
      return "NotModified";
    case S3Code::operation_aborted:
      return "OperationAborted";
    case S3Code::precondition_failed:
      return "PreconditionFailed";
    case S3Code::service_unavailable:
      return "ServiceUnavailable";
  }
  return "InternalError";
}

S3Error::S3Error(Error error)
    : code(error.code == Code::unavailable ? S3Code::service_unavailable : S3Code::internal_error),
      message(std::move(error.message)) {}

}  // namespace outcrop::store
