#pragma once
// What S3 allows as names, keys, tags and metadata. Private to the object service.

#include "store/object_types.h"
#include "store/s3_error.h"

#include <string_view>

namespace outcrop::store::objects {

/// General purpose bucket naming rules of the S3 user guide.
S3Status check_bucket_name(std::string_view name);

/// 1 to 1,024 bytes of UTF-8.
S3Status check_key(std::string_view key);

/// At most 2,048 bytes of names and values together, UTF-8.
S3Status check_metadata(const HeaderMap& headers, const HeaderMap& metadata);

/// At most 10 tags; keys of 1 to 128 characters that do not begin with "aws:", values of at most 256.
S3Status check_tags(const TagMap& tags);

/// Base64 of as many bytes as an MD5 has.
S3Status check_content_md5(std::string_view base64);

/// Base64 of as many bytes as the kind has.
S3Status check_checksum(crypto::ChecksumKind kind, std::string_view base64);

/// 1 … 10,000.
S3Status check_part_number(int number);

}  // namespace outcrop::store::objects
