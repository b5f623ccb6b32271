#include "crypto/base64.h"
#include "store/objects/grouping.h"
#include "store/objects/state.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace outcrop::store {
namespace {

using objects::after_key;
using objects::after_prefix;
using objects::Grouping;

constexpr int kMaxItems = 1000;

int page_size(int asked) {
  return std::clamp(asked, 0, kMaxItems);
}

/// Tokens of version 2 are the place where the next page begins, behind a letter that could tell other forms
/// apart.
std::string encode_token(std::string_view place) {
  return crypto::to_base64("1" + std::string(place));
}

S3Result<std::string> decode_token(std::string_view token) {
  const std::optional<std::string> text = crypto::from_base64(token);
  if (!text || !text->starts_with('1')) {
    return s3_fail(S3Code::invalid_argument, "the continuation token is not one that this store gave");
  }
  return text->substr(1);
}

/// Markers of versions and uploads that this store gives: the row's number, which tells the place also when the
/// row is gone (whoever lists to delete deletes one page before he asks for the next).
std::string number_marker(std::int64_t number) {
  return fmt::format("n{:016x}", number);
}

std::optional<std::int64_t> parse_number_marker(std::string_view marker) {
  if (marker.size() != 17 || marker.front() != 'n') return std::nullopt;
  std::int64_t number = 0;
  const auto parsed = std::from_chars(marker.data() + 1, marker.data() + marker.size(), number, 16);
  if (parsed.ec != std::errc() || parsed.ptr != marker.data() + marker.size()) return std::nullopt;
  return number;
}

S3Result<std::string> start_of(const ListRequest& request, const Grouping& grouping) {
  if (!request.continuation_token.empty()) {
    OUTCROP_TRY(const std::string place, decode_token(request.continuation_token));
    return grouping.start_at(place);
  }
  if (!request.marker.empty()) return grouping.start_after_marker(request.marker);
  if (!request.start_after.empty()) return grouping.start_at(after_key(request.start_after));
  return grouping.start_at({});
}

/// The greater of the last key and the last common prefix: the last item of the page.
std::string last_item(std::string_view last_key, const std::vector<std::string>& common_prefixes) {
  if (common_prefixes.empty()) return std::string(last_key);
  return std::string(std::max(last_key, std::string_view(common_prefixes.back())));
}

bool is_last(std::string_view item, const std::vector<std::string>& common_prefixes) {
  return !common_prefixes.empty() && common_prefixes.back() == item;
}

}  // namespace

S3Result<ObjectList> ObjectService::list(const ListRequest& request) {
  Grouping grouping(request.prefix, request.delimiter, page_size(request.max_keys));
  OUTCROP_TRY(const std::string start, start_of(request, grouping));
  return state_->read([&](ObjectTransaction& view) -> S3Result<ObjectList> {
    OUTCROP_TRY(const Bucket bucket, objects::find_bucket(view, request.account, request.bucket));
    ObjectList list;
    if (page_size(request.max_keys) == 0) return list;
    OUTCROP_CHECK_OK(view.scan_current(bucket.id, start, [&](const ObjectSummary& object) {
      return grouping.visit(object.key, [&] { list.objects.push_back(object); });
    }));
    list.truncated = grouping.truncated();
    list.common_prefixes = grouping.take_common_prefixes();
    if (!list.truncated) return list;
    list.next_marker = last_item(list.objects.empty() ? "" : list.objects.back().key, list.common_prefixes);
    const bool folded = is_last(list.next_marker, list.common_prefixes);
    list.next_token = encode_token(folded ? after_prefix(list.next_marker).value_or(after_key(list.next_marker))
                                          : after_key(list.next_marker));
    return list;
  });
}

S3Result<VersionList> ObjectService::list_versions(const ListVersionsRequest& request) {
  Grouping grouping(request.prefix, request.delimiter, page_size(request.max_keys));
  if (request.key_marker.empty() && !request.version_id_marker.empty()) {
    return s3_fail(S3Code::invalid_argument, "a version-id marker needs a key marker");
  }
  return state_->read([&](ObjectTransaction& view) -> S3Result<VersionList> {
    OUTCROP_TRY(const Bucket bucket, objects::find_bucket(view, request.account, request.bucket));
    VersionList list;
    if (page_size(request.max_keys) == 0) return list;
    std::string start = grouping.start_after_marker(request.key_marker);
    std::int64_t below = ObjectTransaction::kNewest;
    if (!request.version_id_marker.empty()) {
      std::optional<std::int64_t> number = parse_number_marker(request.version_id_marker);
      if (!number) {
        OUTCROP_TRY(const std::optional<ObjectVersion> version,
                    view.version(bucket.id, request.key_marker, request.version_id_marker));
        if (!version)
          return s3_fail(S3Code::invalid_argument, "the version-id marker names no version of its key");
        number = version->summary.number;
      }
      start = request.key_marker;
      below = *number;
    }
    OUTCROP_CHECK_OK(view.scan_versions(bucket.id, start, below, [&](const ObjectSummary& version) {
      return grouping.visit(version.key, [&] { list.versions.push_back(version); });
    }));
    list.truncated = grouping.truncated();
    list.common_prefixes = grouping.take_common_prefixes();
    if (!list.truncated) return list;
    list.next_key_marker =
        last_item(list.versions.empty() ? "" : list.versions.back().key, list.common_prefixes);
    if (!is_last(list.next_key_marker, list.common_prefixes)) {
      list.next_version_id_marker = number_marker(list.versions.back().number);
    }
    return list;
  });
}

S3Result<UploadList> ObjectService::list_uploads(const ListUploadsRequest& request) {
  Grouping grouping(request.prefix, request.delimiter, page_size(request.max_uploads));
  return state_->read([&](ObjectTransaction& view) -> S3Result<UploadList> {
    OUTCROP_TRY(const Bucket bucket, objects::find_bucket(view, request.account, request.bucket));
    UploadList list;
    if (page_size(request.max_uploads) == 0) return list;
    std::string start = grouping.start_after_marker(request.key_marker);
    std::int64_t above = 0;
    // S3 ignores an upload-id marker without a key marker.
    if (!request.key_marker.empty() && !request.upload_id_marker.empty()) {
      std::optional<std::int64_t> number = parse_number_marker(request.upload_id_marker);
      if (!number) {
        OUTCROP_TRY(const std::optional<Upload> upload,
                    view.upload(bucket.id, request.key_marker, request.upload_id_marker));
        if (!upload)
          return s3_fail(S3Code::invalid_argument, "the upload-id marker names no upload of its key");
        number = upload->number;
      }
      start = request.key_marker;
      above = *number;
    }
    OUTCROP_CHECK_OK(view.scan_uploads(bucket.id, start, above, [&](const Upload& upload) {
      return grouping.visit(upload.key, [&] { list.uploads.push_back(upload); });
    }));
    list.truncated = grouping.truncated();
    list.common_prefixes = grouping.take_common_prefixes();
    if (!list.truncated) return list;
    list.next_key_marker = last_item(list.uploads.empty() ? "" : list.uploads.back().key, list.common_prefixes);
    if (!is_last(list.next_key_marker, list.common_prefixes)) {
      list.next_upload_id_marker = number_marker(list.uploads.back().number);
    }
    return list;
  });
}

}  // namespace outcrop::store
