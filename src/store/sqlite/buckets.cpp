#include "store/sqlite/objects.h"
#include "store/sqlite/rows.h"

#include <fmt/format.h>

namespace outcrop::store::sqlite {
namespace {

constexpr std::string_view kColumns = "id, name, account, created_at, versioning";

std::string_view to_text(Versioning versioning) {
  switch (versioning) {
    case Versioning::off:
      return "off";
    case Versioning::enabled:
      return "enabled";
    case Versioning::suspended:
      return "suspended";
  }
  return "off";
}

Versioning parse_versioning(std::string_view text) {
  if (text == "enabled") return Versioning::enabled;
  if (text == "suspended") return Versioning::suspended;
  return Versioning::off;
}

Bucket read_bucket(const Query& row) {
  return {row.integer(0), row.text(1), row.text(2), row.time(3), parse_versioning(row.view(4))};
}

}  // namespace

Result<std::optional<Bucket>> SqliteObjectTransaction::bucket(std::string_view name) {
  return first(connection_.query(fmt::format("SELECT {} FROM buckets WHERE name = ?1", kColumns), {name}),
               read_bucket);
}

Result<std::vector<Bucket>> SqliteObjectTransaction::buckets(std::string_view account, std::string_view prefix,
                                                             std::string_view after, int max_items) {
  return collect(connection_.query(fmt::format("SELECT {} FROM buckets WHERE account = ?1 AND name > ?2 AND "
                                               "substr(name, 1, length(?3)) = ?3 ORDER BY name LIMIT ?4",
                                               kColumns),
                                   {account, after, prefix, max_items}),
                 read_bucket);
}

Result<Bucket> SqliteObjectTransaction::insert_bucket(const Bucket& bucket) {
  auto inserted =
      connection_.run("INSERT INTO buckets (name, account, created_at, versioning) VALUES (?1, ?2, ?3, ?4)",
                      {bucket.name, bucket.account, bucket.created, to_text(bucket.versioning)});
  if (!inserted) return insert_failure(inserted, fmt::format("bucket '{}'", bucket.name), bucket.account);
  Bucket made = bucket;
  made.id = connection_.last_insert_id();
  return made;
}

Status SqliteObjectTransaction::set_versioning(std::int64_t bucket, Versioning versioning) {
  OUTCROP_CHECK_OK(
      connection_.run("UPDATE buckets SET versioning = ?2 WHERE id = ?1", {bucket, to_text(versioning)}));
  return {};
}

Result<bool> SqliteObjectTransaction::bucket_is_empty(std::int64_t bucket) {
  OUTCROP_TRY(const std::optional<std::int64_t> used,
              connection_.integer("SELECT EXISTS (SELECT 1 FROM object_versions WHERE bucket = ?1) OR "
                                  "EXISTS (SELECT 1 FROM uploads WHERE bucket = ?1)",
                                  {bucket}));
  return used == 0;
}

Status SqliteObjectTransaction::delete_bucket(std::int64_t bucket) {
  OUTCROP_CHECK_OK(connection_.run("DELETE FROM buckets WHERE id = ?1", {bucket}));
  return {};
}

}  // namespace outcrop::store::sqlite
