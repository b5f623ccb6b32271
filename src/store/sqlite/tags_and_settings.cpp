#include "store/sqlite/resources.h"
#include "store/sqlite/rows.h"

#include <fmt/format.h>

namespace outcrop::store::sqlite {

Result<TagMap> SqliteTags::get(std::string_view account, std::string_view arn) {
  OUTCROP_TRY(const Pool::Reader reader, pool_.read());
  OUTCROP_TRY(Query rows,
              reader->query("SELECT key, value FROM tags WHERE account = ?1 AND arn = ?2", {account, arn}));
  TagMap tags;
  while (true) {
    OUTCROP_TRY(const bool more, rows.next());
    if (!more) return tags;
    tags.emplace(rows.text(0), rows.text(1));
  }
}

Status SqliteTags::set(std::string_view account, std::string_view arn, const TagMap& tags) {
  OUTCROP_TRY(Pool::Writer writer, pool_.write());
  for (const auto& [key, value] : tags) {
    auto written = writer->run(
        "INSERT INTO tags (account, arn, key, value) VALUES (?1, ?2, ?3, ?4) "
        "ON CONFLICT (account, arn, key) DO UPDATE SET value = excluded.value",
        {account, arn, key, value});
    if (!written) return insert_failure(written, fmt::format("tags of '{}'", arn), account);
  }
  OUTCROP_TRY(const std::optional<std::int64_t> count,
              writer->integer("SELECT count(*) FROM tags WHERE account = ?1 AND arn = ?2", {account, arn}));
  if (count.value_or(0) > static_cast<std::int64_t>(kMaxTags)) {
    return fail(Code::quota_exceeded,
                fmt::format("'{}' would have {} tags, at most {} are allowed", arn, *count, kMaxTags));
  }
  return writer.commit();
}

Status SqliteTags::remove(std::string_view account, std::string_view arn,
                          const std::vector<std::string>& keys) {
  OUTCROP_TRY(Pool::Writer writer, pool_.write());
  for (const std::string& key : keys) {
    OUTCROP_CHECK_OK(
        writer->run("DELETE FROM tags WHERE account = ?1 AND arn = ?2 AND key = ?3", {account, arn, key}));
  }
  return writer.commit();
}

Result<std::optional<Json>> SqliteSettings::get(std::string_view account, std::string_view name) {
  OUTCROP_TRY(const Pool::Reader reader, pool_.read());
  return first(reader->query("SELECT value FROM settings WHERE account = ?1 AND name = ?2", {account, name}),
               [](const Query& row) { return read_json(row.view(0)); });
}

Status SqliteSettings::put(std::string_view account, std::string_view name, const Json& value) {
  OUTCROP_TRY(Pool::Writer writer, pool_.write());
  auto written = writer->run(
      "INSERT INTO settings (account, name, value, updated_at) VALUES (?1, ?2, ?3, ?4) "
      "ON CONFLICT (account, name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
      {account, name, value.dump(), clock_()});
  if (!written) return insert_failure(written, fmt::format("setting '{}'", name), account);
  return writer.commit();
}

Status SqliteSettings::remove(std::string_view account, std::string_view name) {
  OUTCROP_TRY(Pool::Writer writer, pool_.write());
  OUTCROP_CHECK_OK(writer->run("DELETE FROM settings WHERE account = ?1 AND name = ?2", {account, name}));
  return writer.commit();
}

}  // namespace outcrop::store::sqlite
