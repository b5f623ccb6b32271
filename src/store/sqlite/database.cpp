#include "store/database.h"

#include "store/sqlite/accounts.h"
#include "store/sqlite/jobs.h"
#include "store/sqlite/objects.h"
#include "store/sqlite/resources.h"
#include "store/sqlite/schema.h"

namespace outcrop::store {
namespace sqlite {
namespace {

class SqliteDatabase final : public Database {
 public:
  SqliteDatabase(std::unique_ptr<Pool> pool, const SqliteOptions& options)
      : pool_(std::move(pool)),
        accounts_(*pool_, options.clock, options.key),
        jobs_(*pool_, options.clock),
        resources_(*pool_, options.clock),
        tags_(*pool_),
        settings_(*pool_, options.clock),
        objects_(*pool_) {}

  Accounts& accounts() override { return accounts_; }
  Jobs& jobs() override { return jobs_; }
  Resources& resources() override { return resources_; }
  Tags& tags() override { return tags_; }
  Settings& settings() override { return settings_; }
  ObjectIndex& objects() override { return objects_; }

 private:
  std::unique_ptr<Pool> pool_;  // before the tables, which borrow it
  SqliteAccounts accounts_;
  SqliteJobs jobs_;
  SqliteResources resources_;
  SqliteTags tags_;
  SqliteSettings settings_;
  SqliteObjectIndex objects_;
};

}  // namespace
}  // namespace sqlite

Result<std::unique_ptr<Database>> open_sqlite(const Path& file, SqliteOptions options) {
  {
    OUTCROP_TRY(const std::unique_ptr<sqlite::Connection> connection,
                sqlite::Connection::open(file, options.busy_timeout));
    if (options.check_integrity) OUTCROP_CHECK_OK(sqlite::check_integrity(*connection, file));
    OUTCROP_CHECK_OK(sqlite::migrate(*connection, file));
  }
  OUTCROP_TRY(std::unique_ptr<sqlite::Pool> pool, sqlite::Pool::open(file, options.busy_timeout));
  return std::unique_ptr<Database>(std::make_unique<sqlite::SqliteDatabase>(std::move(pool), options));
}

}  // namespace outcrop::store
