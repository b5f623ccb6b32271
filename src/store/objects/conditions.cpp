#include "store/objects/conditions.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace outcrop::store::objects {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view bare_etag(std::string_view text) {
  text = trim(text);
  if (text.starts_with("W/")) text.remove_prefix(2);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  return text;
}

/// Whether a list of ETags names this one.
bool names_etag(std::string_view list, std::string_view etag) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const std::string_view item = bare_etag(list.substr(0, comma));
    if (item == "*" || item == etag) return true;
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return false;
}

/// HTTP's dates have whole seconds.
bool modified_after(const ObjectSummary& object, Time time) {
  using std::chrono::floor;
  using std::chrono::seconds;
  return floor<seconds>(object.modified) > floor<seconds>(time);
}

tl::unexpected<S3Error> precondition_failed(std::string_view condition) {
  return s3_fail(S3Code::precondition_failed, fmt::format("the condition {} does not hold", condition));
}

S3Status check_positive(const Conditions& conditions, const ObjectSummary& object) {
  if (!conditions.if_match.empty()) {
    if (names_etag(conditions.if_match, object.etag)) return {};
    return precondition_failed("If-Match");
  }
  if (conditions.if_unmodified_since && modified_after(object, *conditions.if_unmodified_since)) {
    return precondition_failed("If-Unmodified-Since");
  }
  return {};
}

/// False: the client has this already.
bool passes_negative(const Conditions& conditions, const ObjectSummary& object) {
  if (!conditions.if_none_match.empty()) return !names_etag(conditions.if_none_match, object.etag);
  return !conditions.if_modified_since || modified_after(object, *conditions.if_modified_since);
}

}  // namespace

S3Status check_read_conditions(const Conditions& conditions, const ObjectSummary& object) {
  OUTCROP_CHECK_OK(check_positive(conditions, object));
  if (passes_negative(conditions, object)) return {};
  return s3_fail(S3Code::not_modified, "the object has not changed");
}

S3Status check_source_conditions(const Conditions& conditions, const ObjectSummary& object) {
  OUTCROP_CHECK_OK(check_positive(conditions, object));
  if (passes_negative(conditions, object)) return {};
  return precondition_failed("on the copy's source");
}

S3Status check_write_conditions(std::string_view if_match, std::string_view if_none_match,
                                const std::optional<ObjectSummary>& present) {
  if (!if_none_match.empty()) {
    if (bare_etag(if_none_match) != "*") {
      return s3_fail(S3Code::invalid_argument, "If-None-Match of a write takes '*' only");
    }
    if (present) return precondition_failed("If-None-Match");
  }
  if (if_match.empty()) return {};
  if (!present) return s3_fail(S3Code::no_such_key, "there is no object that If-Match could hold for");
  if (!names_etag(if_match, present->etag)) return precondition_failed("If-Match");
  return {};
}

S3Result<Extent> resolve_range(const ByteRange& range, std::uint64_t size) {
  const auto none = [size] {
    return s3_fail(S3Code::invalid_range, fmt::format("the range has no byte of the object's {}", size));
  };
  if (!range.first) {
    const std::uint64_t suffix = std::min(range.last.value_or(0), size);
    if (suffix == 0) return none();
    return Extent{size - suffix, suffix};
  }
  if (*range.first >= size) return none();
  const std::uint64_t last = std::min(range.last.value_or(size - 1), size - 1);
  if (last < *range.first) return s3_fail(S3Code::invalid_argument, "the range ends before it begins");
  return Extent{*range.first, last - *range.first + 1};
}

}  // namespace outcrop::store::objects
