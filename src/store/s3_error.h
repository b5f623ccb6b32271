#pragma once
// The errors of S3's operations by S3's own names, since clients act on them. The door maps each to its HTTP
// status.

#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace outcrop::store {

enum class S3Code : std::uint8_t {
  access_denied,
  bad_digest,
  bucket_already_exists,
  bucket_already_owned_by_you,
  bucket_not_empty,
  entity_too_large,
  entity_too_small,
  internal_error,
  invalid_argument,
  invalid_bucket_name,
  invalid_digest,
  invalid_part,
  invalid_part_order,
  invalid_range,
  invalid_request,
  invalid_tag,
  key_too_long,
  metadata_too_large,
  method_not_allowed,
  no_such_bucket,
  no_such_key,
  no_such_upload,
  no_such_version,
  not_modified,
  operation_aborted,
  precondition_failed,
  service_unavailable,
};

/// As in the <Code> element: "NoSuchKey".
std::string_view to_string(S3Code code) noexcept;

struct S3Error {
  S3Code code;
  std::string message;
  /// Set when the key's latest version, or the one asked for, is a delete marker: its version id.
  std::string delete_marker_version;

  S3Error(S3Code error_code, std::string text) : code(error_code), message(std::move(text)) {}
  /// An error of the store below: not the caller's fault.
  S3Error(Error error);  // NOLINT: implicit by design
};

template <class T>
class [[nodiscard]] S3Result : public tl::expected<T, S3Error> {
 public:
  using tl::expected<T, S3Error>::expected;
};
using S3Status = S3Result<void>;

[[nodiscard]] inline tl::unexpected<S3Error> s3_fail(S3Code code, std::string message) {
  return tl::unexpected<S3Error>(S3Error(code, std::move(message)));
}

}  // namespace outcrop::store

namespace outcrop {

/// For OUTCROP_TRY in functions that return an S3Result.
template <class T>
[[nodiscard]] tl::unexpected<store::S3Error> forward_error(store::S3Result<T>& failed) {
  return tl::unexpected<store::S3Error>(std::move(failed).error());
}

}  // namespace outcrop
