#pragma once
// The metadata database: one object that hands out the tables. Everything above the store sees these interfaces
// only, so that another database can stand behind them; tests/store/conformance.h says what it has to do.
//
//   OUTCROP_TRY(auto database, store::open_sqlite(home / "outcrop.db"));
//   OUTCROP_TRY(const store::Job job, database->jobs().create({.account = account, .kind = "evaluation", …}));

#include "base/files.h"
#include "base/result.h"
#include "crypto/secret.h"
#include "store/accounts.h"
#include "store/jobs.h"
#include "store/object_index.h"
#include "store/resources.h"
#include "store/time.h"

#include <memory>

namespace outcrop::store {

/// Thread-safe. The tables live as long as the database.
class Database {
 public:
  virtual ~Database() = default;
  virtual Accounts& accounts() = 0;
  virtual Jobs& jobs() = 0;
  virtual Resources& resources() = 0;
  virtual Tags& tags() = 0;
  virtual Settings& settings() = 0;
  virtual ObjectIndex& objects() = 0;
};

struct SqliteOptions {
  Duration busy_timeout{std::chrono::seconds(10)};  ///< waiting for another process before `unavailable`
  bool check_integrity = true;                      ///< read the whole file once when it is opened
  Clock clock = system_time;
  /// Seals the accounts' secrets (see key_file.h); nullptr: they are kept as they are.
  std::shared_ptr<const crypto::Secret> key{};
};

/// Opens or makes the file (mode 0600) and brings it to this version's schema, each step in a transaction.
/// Several processes may have it open. corrupt_data: not a database, or damaged; unsupported: written by a
/// newer version.
Result<std::unique_ptr<Database>> open_sqlite(const Path& file, SqliteOptions options = {});

}  // namespace outcrop::store
