#include "store/sqlite/objects.h"
#include "store/sqlite/rows.h"

#include <fmt/format.h>

namespace outcrop::store::sqlite {
namespace {

Bytes key_bytes(std::string_view key) {
  return Bytes{std::string(key)};
}

constexpr std::string_view kColumns =
    "number, bucket, key, id, initiated_at, headers, metadata, tags, checksum_algorithm, checksum_type";

Upload read_upload(const Query& row) {
  Upload upload;
  upload.number = row.integer(0);
  upload.bucket = row.integer(1);
  upload.key = row.text(2);
  upload.id = row.text(3);
  upload.initiated = row.time(4);
  upload.headers = read_map(row.view(5));
  upload.metadata = read_map(row.view(6));
  upload.tags = read_map(row.view(7));
  upload.checksum_algorithm = row.text(8);
  upload.checksum_type = row.text(9);
  return upload;
}

UploadPart read_part(const Query& row) {
  return {static_cast<int>(row.integer(0)), static_cast<std::uint64_t>(row.integer(1)), row.text(2),
          row.text(3), row.time(4)};
}

}  // namespace

Status SqliteObjectTransaction::insert_upload(const Upload& upload) {
  OUTCROP_CHECK_OK(connection_.run(
      "INSERT INTO uploads (bucket, key, id, initiated_at, headers, metadata, tags, checksum_algorithm, "
      "checksum_type) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
      {upload.bucket, key_bytes(upload.key), upload.id, upload.initiated, write_map(upload.headers),
       write_map(upload.metadata), write_map(upload.tags), upload.checksum_algorithm, upload.checksum_type}));
  return {};
}

Result<std::optional<Upload>> SqliteObjectTransaction::upload(std::int64_t bucket, std::string_view key,
                                                              std::string_view upload_id) {
  return first(connection_.query(
                   fmt::format("SELECT {} FROM uploads WHERE bucket = ?1 AND key = ?2 AND id = ?3", kColumns),
                   {bucket, key_bytes(key), upload_id}),
               read_upload);
}

Status SqliteObjectTransaction::delete_upload(std::int64_t number) {
  OUTCROP_TRY(const std::vector<std::int64_t> contents,
              collect(connection_.query("SELECT content FROM upload_parts WHERE upload = ?1", {number}),
                      [](const Query& row) { return row.integer(0); }));
  OUTCROP_CHECK_OK(connection_.run("DELETE FROM upload_parts WHERE upload = ?1", {number}));
  for (const std::int64_t content : contents) OUTCROP_CHECK_OK(delete_content(content));
  OUTCROP_CHECK_OK(connection_.run("DELETE FROM uploads WHERE number = ?1", {number}));
  return {};
}

Status SqliteObjectTransaction::scan_uploads(std::int64_t bucket, std::string_view from, std::int64_t above,
                                             const VisitUpload& visit) {
  const std::string sql = fmt::format(
      "SELECT {} FROM uploads WHERE bucket = ?1 AND (key, number) > (?2, ?3) ORDER BY key, number", kColumns);
  std::string place(from);
  while (true) {
    OUTCROP_TRY(Query rows, connection_.query(sql, {bucket, key_bytes(place), above}));
    ScanStep step;
    while (step.kind == ScanStep::Kind::next) {
      OUTCROP_TRY(const bool more, rows.next());
      if (!more) return {};
      step = visit(read_upload(rows));
    }
    if (step.kind == ScanStep::Kind::stop) return {};
    place = std::move(step.key);
    above = 0;
  }
}

Status SqliteObjectTransaction::put_part(std::int64_t upload, const UploadPart& part, const Content& content) {
  OUTCROP_TRY(const std::optional<std::int64_t> replaced,
              connection_.integer("SELECT content FROM upload_parts WHERE upload = ?1 AND number = ?2",
                                  {upload, part.number}));
  OUTCROP_TRY(const std::int64_t content_id, insert_content(content));
  OUTCROP_CHECK_OK(connection_.run(
      "INSERT OR REPLACE INTO upload_parts (upload, number, size, etag, checksum, modified_at, content) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
      {upload, part.number, part.size, part.etag, part.checksum, part.modified, content_id}));
  if (replaced) return delete_content(*replaced);
  return {};
}

Result<std::vector<UploadPart>> SqliteObjectTransaction::upload_parts(std::int64_t upload, int after,
                                                                      int max_items) {
  return collect(connection_.query("SELECT number, size, etag, checksum, modified_at FROM upload_parts "
                                   "WHERE upload = ?1 AND number > ?2 ORDER BY number LIMIT ?3",
                                   {upload, after, max_items}),
                 read_part);
}

Result<Content> SqliteObjectTransaction::part_content(std::int64_t upload, int number) {
  return read_content(
      "SELECT blob, start, size FROM segments WHERE content = "
      "(SELECT content FROM upload_parts WHERE upload = ?1 AND number = ?2) ORDER BY ordinal",
      {upload, number});
}

}  // namespace outcrop::store::sqlite
