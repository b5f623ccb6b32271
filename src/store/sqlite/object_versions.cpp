#include "store/sqlite/objects.h"
#include "store/sqlite/rows.h"

#include <fmt/format.h>

namespace outcrop::store::sqlite {
namespace {

Bytes key_bytes(std::string_view key) {
  return Bytes{std::string(key)};
}

constexpr std::string_view kSummary =
    "number, key, version_id, latest, delete_marker, size, etag, modified_at, checksum_algorithm, checksum, "
    "checksum_type";

ObjectSummary read_summary(const Query& row) {
  ObjectSummary summary;
  summary.number = row.integer(0);
  summary.key = row.text(1);
  summary.version_id = row.text(2);
  summary.latest = row.boolean(3);
  summary.delete_marker = row.boolean(4);
  summary.size = static_cast<std::uint64_t>(row.integer(5));
  summary.etag = row.text(6);
  summary.modified = row.time(7);
  summary.checksum = {row.text(8), row.text(9), row.text(10)};
  return summary;
}

ObjectVersion read_version(const Query& row) {
  ObjectVersion version;
  version.summary = read_summary(row);
  version.bucket = row.integer(11);
  version.headers = read_map(row.view(12));
  version.metadata = read_map(row.view(13));
  version.tags = read_map(row.view(14));
  return version;
}

Result<std::optional<ObjectVersion>> find_version(Connection& connection, std::string_view condition,
                                                  const Values& arguments) {
  return first(
      connection.query(fmt::format("SELECT {}, bucket, headers, metadata, tags FROM object_versions WHERE {}",
                                   kSummary, condition),
                       arguments),
      read_version);
}

}  // namespace

Result<std::optional<ObjectVersion>> SqliteObjectTransaction::latest(std::int64_t bucket,
                                                                     std::string_view key) {
  return find_version(connection_, "bucket = ?1 AND key = ?2 AND latest = 1", {bucket, key_bytes(key)});
}

Result<std::optional<ObjectVersion>> SqliteObjectTransaction::version(std::int64_t bucket, std::string_view key,
                                                                      std::string_view version_id) {
  return find_version(connection_, "bucket = ?1 AND key = ?2 AND version_id = ?3",
                      {bucket, key_bytes(key), version_id});
}

Result<std::int64_t> SqliteObjectTransaction::insert_version(const ObjectVersion& version,
                                                             const Content& content,
                                                             const std::vector<ObjectPart>& parts) {
  const ObjectSummary& summary = version.summary;
  OUTCROP_CHECK_OK(
      connection_.run("UPDATE object_versions SET latest = 0 WHERE bucket = ?1 AND key = ?2 AND latest = 1",
                      {version.bucket, key_bytes(summary.key)}));
  std::optional<std::int64_t> content_id;  // none for a delete marker
  if (!summary.delete_marker) {
    OUTCROP_TRY(content_id, insert_content(content));
  }
  auto inserted = connection_.run(
      "INSERT INTO object_versions (bucket, key, version_id, latest, delete_marker, size, etag, modified_at, "
      "checksum_algorithm, checksum, checksum_type, headers, metadata, tags, content) "
      "VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
      {version.bucket, key_bytes(summary.key), summary.version_id, summary.delete_marker, summary.size,
       summary.etag, summary.modified, summary.checksum.algorithm, summary.checksum.value,
       summary.checksum.type, write_map(version.headers), write_map(version.metadata), write_map(version.tags),
       content_id});
  if (!inserted) return forward_error(inserted, fmt::format("version '{}'", summary.version_id));
  const std::int64_t number = connection_.last_insert_id();
  for (const ObjectPart& part : parts) {
    OUTCROP_CHECK_OK(
        connection_.run("INSERT INTO object_parts (version, number, size, checksum) VALUES (?1, ?2, ?3, ?4)",
                        {number, part.number, part.size, part.checksum}));
  }
  return number;
}

Status SqliteObjectTransaction::delete_version(std::int64_t number) {
  OUTCROP_TRY(Query row,
              connection_.query("SELECT bucket, key, latest, content FROM object_versions WHERE number = ?1",
                                {number}));
  OUTCROP_TRY(const bool found, row.next());
  if (!found) return {};
  const std::int64_t bucket = row.integer(0);
  const std::string key = row.text(1);
  const bool latest = row.boolean(2);
  const bool has_content = !row.is_null(3);
  const std::int64_t content = row.integer(3);
  OUTCROP_CHECK_OK(connection_.run("DELETE FROM object_versions WHERE number = ?1", {number}));
  if (has_content) OUTCROP_CHECK_OK(delete_content(content));
  if (!latest) return {};
  OUTCROP_CHECK_OK(connection_.run(
      "UPDATE object_versions SET latest = 1 WHERE number = (SELECT max(number) FROM object_versions "
      "WHERE bucket = ?1 AND key = ?2)",
      {bucket, key_bytes(key)}));
  return {};
}

Status SqliteObjectTransaction::set_tags(std::int64_t number, const TagMap& tags) {
  OUTCROP_CHECK_OK(
      connection_.run("UPDATE object_versions SET tags = ?2 WHERE number = ?1", {number, write_map(tags)}));
  return {};
}

Result<Content> SqliteObjectTransaction::content(std::int64_t number) {
  return read_content(
      "SELECT blob, start, size FROM segments WHERE content = (SELECT content FROM object_versions WHERE "
      "number = ?1) "
      "ORDER BY ordinal",
      {number});
}

Result<std::vector<ObjectPart>> SqliteObjectTransaction::parts(std::int64_t number) {
  return collect(
      connection_.query("SELECT number, size, checksum FROM object_parts WHERE version = ?1 ORDER BY number",
                        {number}),
      [](const Query& row) {
        return ObjectPart{static_cast<int>(row.integer(0)), static_cast<std::uint64_t>(row.integer(1)),
                          row.text(2)};
      });
}

Status SqliteObjectTransaction::scan_current(std::int64_t bucket, std::string_view from,
                                             const VisitObject& visit) {
  const std::string sql = fmt::format(
      "SELECT {} FROM object_versions WHERE bucket = ?1 AND key >= ?2 AND latest = 1 AND delete_marker = 0 "
      "ORDER BY key",
      kSummary);
  std::string place(from);
  while (true) {
    OUTCROP_TRY(Query rows, connection_.query(sql, {bucket, key_bytes(place)}));
    ScanStep step;
    while (step.kind == ScanStep::Kind::next) {
      OUTCROP_TRY(const bool more, rows.next());
      if (!more) return {};
      step = visit(read_summary(rows));
    }
    if (step.kind == ScanStep::Kind::stop) return {};
    place = std::move(step.key);
  }
}

Status SqliteObjectTransaction::scan_versions(std::int64_t bucket, std::string_view from, std::int64_t below,
                                              const VisitObject& visit) {
  // A row value (key, -number) > (from, -below) would say it at once, but would not use the index.
  const std::string rest = fmt::format("SELECT {} FROM object_versions WHERE bucket = ?1 AND ", kSummary);
  const std::string in_key = rest + "key = ?2 AND number < ?3 ORDER BY number DESC";
  const std::string from_key = rest + "key >= ?2 ORDER BY key, number DESC";
  std::string place(from);
  bool only_key = below != kNewest;
  while (true) {
    OUTCROP_TRY(Query rows, only_key ? connection_.query(in_key, {bucket, key_bytes(place), below})
                                     : connection_.query(from_key, {bucket, key_bytes(place)}));
    ScanStep step;
    while (step.kind == ScanStep::Kind::next) {
      OUTCROP_TRY(const bool more, rows.next());
      if (!more && !only_key) return {};
      // Behind the last version of a key comes the key that is greater by the least.
      step = more ? visit(read_summary(rows)) : ScanStep::seek(place + '\0');
    }
    if (step.kind == ScanStep::Kind::stop) return {};
    place = std::move(step.key);
    only_key = false;
  }
}

}  // namespace outcrop::store::sqlite
