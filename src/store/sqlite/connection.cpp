#include "store/sqlite/connection.h"

#include "base/check.h"
#include "base/log.h"

#include <type_traits>

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

namespace outcrop::store::sqlite {
namespace {

Code code_of_constraint(int extended) {
  switch (extended) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
      return Code::already_exists;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      return Code::conflict;
    default:
      return Code::invalid_argument;
  }
}

Code code_of(int extended) {
  switch (extended & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Code::unavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Code::corrupt_data;
    case SQLITE_CONSTRAINT:
      return code_of_constraint(extended);
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      return Code::permission_denied;
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_NOLFS:
    case SQLITE_PROTOCOL:
      return Code::io;
    case SQLITE_NOMEM:
      return Code::out_of_memory;
    case SQLITE_TOOBIG:
      return Code::quota_exceeded;
    case SQLITE_INTERRUPT:
      return Code::cancelled;
    default:
      return Code::internal;
  }
}

/// SQLite would make the file with the process's umask: make it first, for the owner only.
void create_private(const Path& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) ::close(fd);
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(const Path& file, Duration busy_timeout) {
  create_private(file);
  sqlite3* handle = nullptr;
  // Each connection is one thread's at a time, so SQLite's own mutexes are not needed.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int result = sqlite3_open_v2(file.c_str(), &handle, flags, nullptr);
  std::unique_ptr<Connection> connection(new Connection(file.filename().string(), handle));
  if (result != SQLITE_OK) return connection->failure(result);
  sqlite3_busy_timeout(handle, static_cast<int>(busy_timeout.count()));
  OUTCROP_CHECK_OK(
      connection->script("PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = ON; PRAGMA journal_mode = WAL;"
                         "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA cell_size_check = ON;"));
  return connection;
}

Connection::~Connection() {
  for (auto& [sql, statements] : idle_) {
    for (sqlite3_stmt* statement : statements) sqlite3_finalize(statement);
  }
  sqlite3_close(handle_);
}

tl::unexpected<Error> Connection::failure(int result) const {
  // Without memory there is no handle, and SQLite describes the code alone.
  const char* message = handle_ == nullptr ? sqlite3_errstr(result) : sqlite3_errmsg(handle_);
  return fail(code_of(result), fmt::format("{}: {}", name_, message));
}

Status Connection::script(const char* sql) {
  const int result = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) return failure(result);
  return {};
}

Result<sqlite3_stmt*> Connection::prepare(std::string_view sql) {
  auto found = idle_.find(std::string(sql));
  if (found != idle_.end() && !found->second.empty()) {
    sqlite3_stmt* statement = found->second.back();
    found->second.pop_back();
    return statement;
  }
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (result != SQLITE_OK) return failure(result);
  return statement;
}

Status Connection::bind(sqlite3_stmt* statement, const Values& arguments) {
  CHECK(static_cast<int>(arguments.size()) == sqlite3_bind_parameter_count(statement),
        "a statement gets as many arguments as it has parameters");
  int index = 0;
  for (const Value& argument : arguments) {
    ++index;
    const int result = std::visit(
        [&](const auto& held) {
          using Held = std::decay_t<decltype(held)>;
          if constexpr (std::is_same_v<Held, std::monostate>) return sqlite3_bind_null(statement, index);
          if constexpr (std::is_same_v<Held, std::int64_t>) return sqlite3_bind_int64(statement, index, held);
          if constexpr (std::is_same_v<Held, std::string>) {
            return sqlite3_bind_text64(statement, index, held.data(), held.size(), SQLITE_TRANSIENT,
                                       SQLITE_UTF8);
          }
          if constexpr (std::is_same_v<Held, Bytes>) {
            return sqlite3_bind_blob64(statement, index, held.value.data(), held.value.size(),
                                       SQLITE_TRANSIENT);
          }
        },
        argument.held_);
    if (result != SQLITE_OK) return failure(result);
  }
  return {};
}

Result<Query> Connection::query(std::string_view sql, const Values& arguments) {
  OUTCROP_TRY(sqlite3_stmt * statement, prepare(sql));
  Query query(this, statement);
  OUTCROP_CHECK_OK(bind(statement, arguments));
  return query;
}

Result<std::int64_t> Connection::run(std::string_view sql, const Values& arguments) {
  OUTCROP_TRY(Query statement, query(sql, arguments));
  OUTCROP_TRY(const bool row, statement.next());
  CHECK(!row, "run() is for statements without rows");
  return sqlite3_changes64(handle_);
}

Result<std::optional<std::int64_t>> Connection::integer(std::string_view sql, const Values& arguments) {
  return first(query(sql, arguments), [](const Query& row) { return row.integer(0); });
}

std::int64_t Connection::last_insert_id() const {
  return sqlite3_last_insert_rowid(handle_);
}

void Connection::give_back(sqlite3_stmt* statement) noexcept {
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  idle_[sqlite3_sql(statement)].push_back(statement);
}

Query::~Query() {
  if (connection_ != nullptr) connection_->give_back(statement_);
}

Result<bool> Query::next() {
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return connection_->failure(result);
}

bool Query::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::int64_t Query::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string_view Query::view(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  if (data == nullptr) return {};
  return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

Result<Transaction> Transaction::begin(Connection& connection, Mode mode) {
  // IMMEDIATE takes the write lock now: a transaction that read first could not get it any more once another
  // process has written.
  OUTCROP_CHECK_OK(connection.script(mode == Mode::write ? "BEGIN IMMEDIATE" : "BEGIN"));
  return Transaction(&connection);
}

Transaction::~Transaction() {
  if (connection_ == nullptr) return;
  const Status rolled_back = connection_->script("ROLLBACK");
  // Some errors (a full disk) have rolled back already, and then this one is none.
  if (!rolled_back) log::debug("rollback", {{"reason", rolled_back.error().message}});
}

Status Transaction::commit() {
  OUTCROP_CHECK_OK(connection_->script("COMMIT"));
  connection_ = nullptr;
  return {};
}

}  // namespace outcrop::store::sqlite
