#pragma once
// Amazon S3's semantics without HTTP, over the object catalogue and a blob store. Callers: api/s3, and
// everything of this program that reads or writes s3:// locations.
//
//   OUTCROP_TRY(auto service, store::ObjectService::open(database->objects(), std::move(blobs)));
//   OUTCROP_TRY(auto writer, service->put({.name = {account, "bucket", "key"}}));
//   OUTCROP_CHECK_OK(writer.write(bytes));
//   OUTCROP_TRY(const store::ObjectInfo info, writer.commit());
//
// An object becomes visible with the one transaction that names its blobs, after these are on disk; what a
// crash leaves before that is cleared when the service opens. Memory does not depend on the size of objects.

#include "base/result.h"
#include "store/blob_store.h"
#include "store/object_index.h"
#include "store/object_types.h"
#include "store/s3_error.h"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::store {

struct ObjectServiceOptions {
  std::uint64_t max_put_bytes = std::uint64_t{5} << 30;   ///< of one PUT or part
  std::uint64_t min_part_bytes = std::uint64_t{5} << 20;  ///< of all parts but the last
  Clock clock = system_time;
};

/// An object or a part that is being written. Destroyed without commit(), nothing has happened. Not
/// thread-safe; must not outlive the service.
template <class Answer>
class ContentSink {
 public:
  class Work;  ///< private
  explicit ContentSink(std::unique_ptr<Work> work);
  ContentSink(ContentSink&&) noexcept;
  ContentSink& operator=(ContentSink&&) noexcept;
  ~ContentSink();

  S3Status write(std::span<const std::byte> bytes);
  S3Status write(std::string_view text) { return write(std::as_bytes(std::span(text))); }
  /// `trailing_checksum`: of the kind asked for, when it came after the bytes.
  S3Result<Answer> commit(std::string_view trailing_checksum = {});

 private:
  std::unique_ptr<Work> work_;
};

using ObjectWriter = ContentSink<ObjectInfo>;
using PartWriter = ContentSink<UploadPart>;

/// The bytes of one version, whatever happens to the key meanwhile. Not thread-safe; must not outlive the
/// service.
class ObjectReader {
 public:
  class Work;  ///< private
  explicit ObjectReader(std::unique_ptr<Work> work);
  ObjectReader(ObjectReader&&) noexcept;
  ObjectReader& operator=(ObjectReader&&) noexcept;
  ~ObjectReader();

  const ObjectHead& head() const noexcept;
  /// The next bytes, at most buffer.size(); 0: that was all.
  S3Result<std::size_t> read(std::span<std::byte> buffer);

 private:
  std::unique_ptr<Work> work_;
};

/// Thread-safe. Every operation on a bucket of another account is access_denied.
class ObjectService {
 public:
  /// Clears orphaned blobs first. The index must outlive the service.
  static Result<std::unique_ptr<ObjectService>> open(ObjectIndex& index, std::unique_ptr<BlobStore> blobs,
                                                     ObjectServiceOptions options = {});
  ~ObjectService();
  ObjectService(const ObjectService&) = delete;
  ObjectService& operator=(const ObjectService&) = delete;

  S3Result<Bucket> create_bucket(std::string_view account, std::string_view name);
  S3Result<Bucket> head_bucket(std::string_view account, std::string_view name);
  S3Status delete_bucket(std::string_view account, std::string_view name);
  S3Result<BucketList> list_buckets(std::string_view account, std::string_view prefix, std::string_view token,
                                    int max_buckets);
  /// `off` is not to be set: a bucket that was versioned can only be suspended.
  S3Status set_versioning(std::string_view account, std::string_view name, Versioning versioning);

  S3Result<ObjectWriter> put(PutRequest request);
  S3Result<ObjectHead> head(const GetRequest& request);
  S3Result<ObjectReader> get(const GetRequest& request);
  S3Result<ObjectInfo> copy(const CopyRequest& request);
  /// A key that is not there is fine.
  S3Result<DeleteResult> remove(const ObjectName& name, std::string_view version_id);
  /// At most 1,000, each with its own result.
  S3Result<std::vector<S3Result<DeleteResult>>> remove_many(std::string_view account, std::string_view bucket,
                                                            const std::vector<DeleteEntry>& entries);

  S3Result<ObjectList> list(const ListRequest& request);
  S3Result<VersionList> list_versions(const ListVersionsRequest& request);

  S3Result<TagMap> tags(const ObjectName& name, std::string_view version_id);
  /// Replaces all; an empty map deletes them.
  S3Status set_tags(const ObjectName& name, std::string_view version_id, const TagMap& tags);

  S3Result<Upload> create_upload(const CreateUploadRequest& request);
  S3Result<PartWriter> upload_part(PartRequest request);
  S3Result<UploadPart> copy_part(const CopyPartRequest& request);
  S3Result<PartList> list_parts(const ObjectName& name, std::string_view upload_id, int part_number_marker,
                                int max_parts);
  S3Result<UploadList> list_uploads(const ListUploadsRequest& request);
  S3Result<ObjectInfo> complete_upload(const CompleteRequest& request);
  S3Status abort_upload(const ObjectName& name, std::string_view upload_id);

  struct State;  ///< private

 private:
  explicit ObjectService(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace outcrop::store
