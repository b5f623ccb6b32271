#pragma once
// Conditional requests and ranges (RFC 9110, sections 13 and 14) as S3 evaluates them. Private to the object
// service.

#include "store/object_types.h"
#include "store/s3_error.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace outcrop::store::objects {

/// Of a read. If-Match goes before If-Unmodified-Since, If-None-Match before If-Modified-Since.
S3Status check_read_conditions(const Conditions& conditions, const ObjectSummary& object);

/// Of a copy's source: what a read would answer with "not modified" is a failed precondition here.
S3Status check_source_conditions(const Conditions& conditions, const ObjectSummary& object);

/// Of a write, with the present object under the key, if any.
S3Status check_write_conditions(std::string_view if_match, std::string_view if_none_match,
                                const std::optional<ObjectSummary>& present);

struct Extent {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

/// The bytes of an object of `size` bytes; invalid_range when there is none of them.
S3Result<Extent> resolve_range(const ByteRange& range, std::uint64_t size);

}  // namespace outcrop::store::objects
