#pragma once
// The object catalogue over SQLite: buckets.cpp, object_versions.cpp and uploads.cpp implement one transaction,
// objects.cpp begins and ends it.

#include "store/object_index.h"
#include "store/sqlite/pool.h"

#include <set>

namespace outcrop::store::sqlite {

class SqliteObjectTransaction final : public ObjectTransaction {
 public:
  explicit SqliteObjectTransaction(Connection& connection) : connection_(connection) {}

  Result<std::optional<Bucket>> bucket(std::string_view name) override;
  Result<std::vector<Bucket>> buckets(std::string_view account, std::string_view prefix, std::string_view after,
                                      int max_items) override;
  Result<Bucket> insert_bucket(const Bucket& bucket) override;
  Status set_versioning(std::int64_t bucket, Versioning versioning) override;
  Result<bool> bucket_is_empty(std::int64_t bucket) override;
  Status delete_bucket(std::int64_t bucket) override;

  Result<std::optional<ObjectVersion>> latest(std::int64_t bucket, std::string_view key) override;
  Result<std::optional<ObjectVersion>> version(std::int64_t bucket, std::string_view key,
                                               std::string_view version_id) override;
  Result<std::int64_t> insert_version(const ObjectVersion& version, const Content& content,
                                      const std::vector<ObjectPart>& parts) override;
  Status delete_version(std::int64_t number) override;
  Status set_tags(std::int64_t number, const TagMap& tags) override;
  Result<Content> content(std::int64_t number) override;
  Result<std::vector<ObjectPart>> parts(std::int64_t number) override;
  Status scan_current(std::int64_t bucket, std::string_view from, const VisitObject& visit) override;
  Status scan_versions(std::int64_t bucket, std::string_view from, std::int64_t below,
                       const VisitObject& visit) override;

  Status insert_upload(const Upload& upload) override;
  Result<std::optional<Upload>> upload(std::int64_t bucket, std::string_view key,
                                       std::string_view upload_id) override;
  Status delete_upload(std::int64_t number) override;
  Status scan_uploads(std::int64_t bucket, std::string_view from, std::int64_t above,
                      const VisitUpload& visit) override;
  Status put_part(std::int64_t upload, const UploadPart& part, const Content& content) override;
  Result<std::vector<UploadPart>> upload_parts(std::int64_t upload, int after, int max_items) override;
  Result<Content> part_content(std::int64_t upload, int number) override;

  /// Blobs that lost a content in this transaction and that no other content names now.
  Result<std::vector<std::string>> freed_blobs();

 private:
  Result<std::int64_t> insert_content(const Content& content);
  Status delete_content(std::int64_t content);
  Result<Content> read_content(std::string_view sql, const Values& arguments);

  Connection& connection_;
  std::set<std::string> released_;  ///< blobs that lost a content
};

class SqliteObjectIndex final : public ObjectIndex {
 public:
  explicit SqliteObjectIndex(Pool& pool) : pool_(pool) {}
  Status read(const Body& body) override;
  Result<std::vector<std::string>> write(const Body& body) override;
  Result<bool> is_referenced(std::string_view blob) override;

 private:
  Pool& pool_;
};

}  // namespace outcrop::store::sqlite
