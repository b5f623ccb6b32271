#include "store/sqlite/schema.h"

#include "base/log.h"
#include "store/sqlite/migrations/migrations.h"

#include <array>

#include <fmt/format.h>

namespace outcrop::store::sqlite {
namespace {

/// "OutC": tells our files from other programs' (PRAGMA application_id).
constexpr std::int64_t kApplicationId = 0x4f757443;

Result<std::int64_t> pragma(Connection& connection, std::string_view name) {
  OUTCROP_TRY(const std::optional<std::int64_t> value, connection.integer(fmt::format("PRAGMA {}", name)));
  return value.value_or(0);
}

Status check_owner(Connection& connection, const Path& file, std::int64_t version) {
  OUTCROP_TRY(const std::int64_t id, pragma(connection, "application_id"));
  if (id == kApplicationId) return {};
  OUTCROP_TRY(const std::optional<std::int64_t> tables,
              connection.integer("SELECT count(*) FROM sqlite_schema"));
  if (id == 0 && version == 0 && tables.value_or(0) == 0) return {};  // a new file
  return fail(Code::corrupt_data, fmt::format("{}: is a database of another program", file.string()));
}

Status apply(Connection& connection, std::size_t version) {
  OUTCROP_CHECK_OK(connection.script(migrations()[version - 1]));
  return connection.script(
      fmt::format("PRAGMA user_version = {}; PRAGMA application_id = {}", version, kApplicationId).c_str());
}

/// One step; false: the file is of the newest version. Reads the version inside the transaction, since another
/// process may have migrated in between.
Result<bool> migrate_once(Connection& connection, const Path& file) {
  OUTCROP_TRY(Transaction transaction, Transaction::begin(connection, Transaction::Mode::write));
  OUTCROP_TRY(const std::int64_t version, pragma(connection, "user_version"));
  OUTCROP_CHECK_OK(check_owner(connection, file, version));
  const auto newest = static_cast<std::int64_t>(migrations().size());
  if (version > newest) {
    return fail(
        Code::unsupported,
        fmt::format("{}: has schema version {}, this program knows versions up to {}; use the newer program "
                    "that wrote it",
                    file.string(), version, newest));
  }
  if (version == newest) return false;
  const auto next = static_cast<std::size_t>(version) + 1;
  if (Status done = apply(connection, next); !done) {
    return forward_error(done, fmt::format("{}: migrating to schema version {}", file.string(), next));
  }
  OUTCROP_CHECK_OK(transaction.commit());
  log::info("database migrated", {{"version", static_cast<std::int64_t>(next)}});
  return true;
}

}  // namespace

std::span<const char* const> migrations() {
  static constexpr std::array kMigrations = {kMigration0001, kMigration0002};
  return kMigrations;
}

Status migrate(Connection& connection, const Path& file) {
  while (true) {
    OUTCROP_TRY(const bool stepped, migrate_once(connection, file));
    if (!stepped) return {};
  }
}

Status check_integrity(Connection& connection, const Path& file) {
  OUTCROP_TRY(Query row, connection.query("PRAGMA integrity_check(1)"));
  OUTCROP_TRY(const bool answered, row.next());
  if (answered && row.view(0) == "ok") return {};
  return fail(Code::corrupt_data, fmt::format("{}: integrity check: {}", file.string(), row.view(0)));
}

}  // namespace outcrop::store::sqlite
