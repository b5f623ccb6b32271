#pragma once
// What goes into and comes out of ObjectService: requests and answers of S3's operations without their HTTP
// clothes. Names and bounds are those of the Amazon S3 API reference.

#include "crypto/checksum.h"
#include "store/object_index.h"
#include "store/time.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outcrop::store {

struct ObjectName {
  std::string account{};  ///< of the caller
  std::string bucket{};
  std::string key{};
};

/// ETags as in the headers: quoted or not, a list with commas, or "*". Times have whole seconds.
struct Conditions {
  std::string if_match{};
  std::string if_none_match{};
  std::optional<Time> if_modified_since{};
  std::optional<Time> if_unmodified_since{};
};

/// "bytes=first-last"; without `first` the last `last` bytes; without `last` to the end.
struct ByteRange {
  std::optional<std::uint64_t> first{};
  std::optional<std::uint64_t> last{};
};

/// What the client tells about its bytes, so that they can be checked. Values are base64; empty: not told.
struct ExpectedDigests {
  std::optional<crypto::ChecksumKind> checksum_kind{};  ///< CRC64NVME is computed when nothing is asked for
  std::string checksum{};                               ///< of that kind
  std::string content_md5{};
};

struct PutRequest {
  ObjectName name{};
  HeaderMap headers{};   ///< content-type, cache-control, content-disposition, …: lower-case names
  HeaderMap metadata{};  ///< x-amz-meta-*, without the prefix
  TagMap tags{};
  ExpectedDigests expected{};
  std::string if_match{};
  std::string if_none_match{};  ///< "*" or nothing
};

/// An object version as HEAD shows it.
struct ObjectInfo {
  ObjectSummary summary{};
  HeaderMap headers{};
  HeaderMap metadata{};
  std::size_t tag_count = 0;
  bool versioned = false;           ///< whether the version id is worth telling
  std::vector<ObjectPart> parts{};  ///< of an object that was uploaded in parts
};

struct GetRequest {
  ObjectName name{};
  std::string version_id{};  ///< empty: the latest
  Conditions conditions{};
  std::optional<ByteRange> range{};
  std::optional<int> part_number{};  ///< 1 is the whole of an object without parts
};

/// What GET answers with before the bytes: bytes [offset, offset + size) of the object.
struct ObjectHead {
  ObjectInfo info{};
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  bool partial = false;  ///< 206
};

struct CopyRequest {
  ObjectName target{};
  std::string source_bucket{};
  std::string source_key{};
  std::string source_version{};
  Conditions source_conditions{};
  bool replace_metadata = false;  ///< headers and metadata below instead of the source's
  HeaderMap headers{};
  HeaderMap metadata{};
  bool replace_tags = false;
  TagMap tags{};
  std::optional<crypto::ChecksumKind> checksum_kind{};  ///< nothing: the source's
};

struct DeleteEntry {
  std::string key{};
  std::string version_id{};
};

struct DeleteResult {
  std::string key{};
  std::string version_id{};    ///< of what was deleted, or of the delete marker that was made
  bool delete_marker = false;  ///< a marker was made, or the version that was deleted was one
};

struct ListRequest {
  std::string account{};
  std::string bucket{};
  std::string prefix{};
  std::string delimiter{};
  std::string marker{};              ///< version 1: NextMarker of the page before, or any key
  std::string start_after{};         ///< version 2
  std::string continuation_token{};  ///< version 2: next_token of the page before
  int max_keys = 1000;
};

struct ObjectList {
  std::vector<ObjectSummary> objects{};
  std::vector<std::string> common_prefixes{};
  bool truncated = false;
  std::string next_marker{};
  std::string next_token{};
};

struct ListVersionsRequest {
  std::string account{};
  std::string bucket{};
  std::string prefix{};
  std::string delimiter{};
  std::string key_marker{};
  std::string version_id_marker{};  ///< next_version_id_marker of the page before, or any version's id
  int max_keys = 1000;
};

struct VersionList {
  std::vector<ObjectSummary> versions{};  ///< delete markers among them
  std::vector<std::string> common_prefixes{};
  bool truncated = false;
  std::string next_key_marker{};
  std::string next_version_id_marker{};
};

struct ListUploadsRequest {
  std::string account{};
  std::string bucket{};
  std::string prefix{};
  std::string delimiter{};
  std::string key_marker{};
  std::string upload_id_marker{};
  int max_uploads = 1000;
};

struct UploadList {
  std::vector<Upload> uploads{};
  std::vector<std::string> common_prefixes{};
  bool truncated = false;
  std::string next_key_marker{};
  std::string next_upload_id_marker{};
};

struct BucketList {
  std::vector<Bucket> buckets{};
  std::string next_token{};
};

struct CreateUploadRequest {
  ObjectName name{};
  HeaderMap headers{};
  HeaderMap metadata{};
  TagMap tags{};
  std::optional<crypto::ChecksumKind> checksum_kind{};  ///< nothing: CRC64NVME
  std::string checksum_type{};  ///< "FULL_OBJECT", "COMPOSITE"; empty: the kind's usual one
};

struct PartRequest {
  ObjectName name{};
  std::string upload_id{};
  int part_number = 0;  ///< 1 … 10,000
  ExpectedDigests expected{};
};

struct CopyPartRequest {
  ObjectName name{};
  std::string upload_id{};
  int part_number = 0;
  std::string source_bucket{};
  std::string source_key{};
  std::string source_version{};
  Conditions source_conditions{};
  std::optional<ByteRange> source_range{};  ///< both ends given
};

struct PartList {
  Upload upload{};
  std::vector<UploadPart> parts{};
  bool truncated = false;
  int next_part_number_marker = 0;
};

struct CompletedPart {
  int number = 0;
  std::string etag{};
  std::string checksum{};  ///< empty: not told
};

struct CompleteRequest {
  ObjectName name{};
  std::string upload_id{};
  std::vector<CompletedPart> parts{};
  std::string checksum{};  ///< of the whole object, in the upload's kind; empty: not told
  std::optional<std::uint64_t> size{};
  std::string if_match{};
  std::string if_none_match{};
};

}  // namespace outcrop::store
