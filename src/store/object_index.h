#pragma once
// What objects there are and which blobs hold their bytes: the catalogue behind the S3 door. This interface
// only keeps rows and their order; S3's rules (versioning, conditions, limits) stand in object_service.h, above
// it, so that a second database implements no rule again. Caller: ObjectService.

#include "base/result.h"
#include "store/resources.h"
#include "store/time.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::store {

/// Bytes [offset, offset + size) of a blob.
struct Segment {
  std::string blob;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

/// An object's bytes: its segments one after the other. A blob may serve several objects (copies, parts).
using Content = std::vector<Segment>;

enum class Versioning : std::uint8_t { off, enabled, suspended };

struct Bucket {
  std::int64_t id = 0;
  std::string name;
  std::string account;
  Time created;
  Versioning versioning = Versioning::off;
};

using HeaderMap = std::map<std::string, std::string>;

/// A checksum as S3 names it. All empty: none.
struct StoredChecksum {
  std::string algorithm;  ///< "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"
  std::string value;      ///< base64; "base64-N" for a composite one of N parts
  std::string type;       ///< "FULL_OBJECT" or "COMPOSITE"
};

/// What lists show of an object version.
struct ObjectSummary {
  std::int64_t number = 0;  ///< order of creation in the whole index
  std::string key;          ///< UTF-8; any bytes that are UTF-8, NUL too
  std::string version_id;   ///< "null" for one that was written while versioning was not enabled
  bool latest = false;
  bool delete_marker = false;
  std::uint64_t size = 0;
  std::string etag;  ///< without quotes
  Time modified;
  StoredChecksum checksum;
};

struct ObjectVersion {
  std::int64_t bucket = 0;
  ObjectSummary summary;
  HeaderMap headers;   ///< content-type and the like, lower-case names
  HeaderMap metadata;  ///< x-amz-meta-*, without the prefix
  TagMap tags;
};

/// A part of an object that was uploaded in parts.
struct ObjectPart {
  int number = 0;
  std::uint64_t size = 0;
  std::string checksum;  ///< base64 in the object's algorithm; may be empty
};

struct Upload {
  std::int64_t number = 0;
  std::int64_t bucket = 0;
  std::string key;
  std::string id;
  Time initiated;
  HeaderMap headers;
  HeaderMap metadata;
  TagMap tags;
  std::string checksum_algorithm;
  std::string checksum_type;
};

struct UploadPart {
  int number = 0;
  std::uint64_t size = 0;
  std::string etag;
  std::string checksum;
  Time modified;
};

/// What a visitor of a scan wants next: the following row, no more, or the first row at or after a key.
struct ScanStep {
  enum class Kind : std::uint8_t { next, stop, seek };
  Kind kind = Kind::next;
  std::string key;

  static ScanStep next() { return {}; }
  static ScanStep stop() { return {Kind::stop, {}}; }
  static ScanStep seek(std::string to) { return {Kind::seek, std::move(to)}; }
};

using VisitObject = std::function<ScanStep(const ObjectSummary&)>;
using VisitUpload = std::function<ScanStep(const Upload&)>;

/// One transaction's view. Keys order as bytes, which is the order of their code points. Not thread-safe; lives
/// during the body that it is passed to.
class ObjectTransaction {
 public:
  virtual ~ObjectTransaction() = default;
  static constexpr std::int64_t kNewest = std::numeric_limits<std::int64_t>::max();

  virtual Result<std::optional<Bucket>> bucket(std::string_view name) = 0;
  /// Names of `account` after `after` that begin with `prefix`, in order.
  virtual Result<std::vector<Bucket>> buckets(std::string_view account, std::string_view prefix,
                                              std::string_view after, int max_items) = 0;
  virtual Result<Bucket> insert_bucket(const Bucket& bucket) = 0;
  virtual Status set_versioning(std::int64_t bucket, Versioning versioning) = 0;
  /// True when neither versions nor uploads are left.
  virtual Result<bool> bucket_is_empty(std::int64_t bucket) = 0;
  virtual Status delete_bucket(std::int64_t bucket) = 0;

  /// The newest version of a key; it may be a delete marker.
  virtual Result<std::optional<ObjectVersion>> latest(std::int64_t bucket, std::string_view key) = 0;
  virtual Result<std::optional<ObjectVersion>> version(std::int64_t bucket, std::string_view key,
                                                       std::string_view version_id) = 0;
  /// Becomes the latest of its key. summary.number and summary.latest are the index's to set.
  virtual Result<std::int64_t> insert_version(const ObjectVersion& version, const Content& content,
                                              const std::vector<ObjectPart>& parts) = 0;
  /// The next newest of the key becomes the latest.
  virtual Status delete_version(std::int64_t number) = 0;
  virtual Status set_tags(std::int64_t number, const TagMap& tags) = 0;
  virtual Result<Content> content(std::int64_t number) = 0;
  virtual Result<std::vector<ObjectPart>> parts(std::int64_t number) = 0;
  /// Latest versions that are no delete markers, from the first key >= `from`.
  virtual Status scan_current(std::int64_t bucket, std::string_view from, const VisitObject& visit) = 0;
  /// All versions, newest first within a key, from those of `from` with a number below `below`.
  virtual Status scan_versions(std::int64_t bucket, std::string_view from, std::int64_t below,
                               const VisitObject& visit) = 0;

  virtual Status insert_upload(const Upload& upload) = 0;
  virtual Result<std::optional<Upload>> upload(std::int64_t bucket, std::string_view key,
                                               std::string_view upload_id) = 0;
  /// With its parts.
  virtual Status delete_upload(std::int64_t number) = 0;
  /// By key, oldest first within a key, from those of `from` with a number above `above`.
  virtual Status scan_uploads(std::int64_t bucket, std::string_view from, std::int64_t above,
                              const VisitUpload& visit) = 0;
  /// Replaces a part of the same number.
  virtual Status put_part(std::int64_t upload, const UploadPart& part, const Content& content) = 0;
  /// Parts with numbers above `after` in order, at most `max_items`.
  virtual Result<std::vector<UploadPart>> upload_parts(std::int64_t upload, int after, int max_items) = 0;
  virtual Result<Content> part_content(std::int64_t upload, int number) = 0;
};

/// Thread-safe, and safe between processes.
class ObjectIndex {
 public:
  virtual ~ObjectIndex() = default;
  using Body = std::function<Status(ObjectTransaction&)>;

  /// A consistent view; the body must not change anything.
  virtual Status read(const Body& body) = 0;
  /// All of the body's changes or, when it fails, none. The body may run again after a conflict with another
  /// process, so it must have no other effects. Gives the blobs that no content names any more.
  virtual Result<std::vector<std::string>> write(const Body& body) = 0;
  /// Whether any content names the blob.
  virtual Result<bool> is_referenced(std::string_view blob) = 0;
};

}  // namespace outcrop::store
