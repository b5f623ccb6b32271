#pragma once
// A thin layer over SQLite's C interface: connections, cached prepared statements and rows that free
// themselves, and every error code as an Error. Private to the SQLite implementation.
//
//   OUTCROP_TRY(Query rows, connection.query("SELECT name FROM accounts WHERE id = ?1", {id}));
//   OUTCROP_TRY(const bool found, rows.next());
//   if (found) use(rows.text(0));

#include "base/files.h"
#include "base/result.h"
#include "store/time.h"

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace outcrop::store::sqlite {

/// Bytes that are bound as BLOB, not as TEXT.
struct Bytes {
  std::string value;
};

/// One argument of a statement. Copies its text, so temporaries are fine.
class Value {
 public:
  Value(std::nullopt_t) {}
  template <std::integral T>
  Value(T number) : held_(static_cast<std::int64_t>(number)) {}
  Value(std::string_view text) : held_(std::string(text)) {}
  Value(const std::string& text) : held_(text) {}
  Value(const char* text) : held_(std::string(text)) {}
  Value(Bytes bytes) : held_(std::move(bytes)) {}
  Value(Time time) : held_(to_milliseconds(time)) {}
  template <class T>
  Value(const std::optional<T>& value) : Value(value ? Value(*value) : Value(std::nullopt)) {}

 private:
  friend class Connection;
  std::variant<std::monostate, std::int64_t, std::string, Bytes> held_;
};

using Values = std::vector<Value>;

/// Text that may be absent is kept as NULL, so that UNIQUE lets several rows go without.
inline Value null_if_empty(std::string_view text) {
  return text.empty() ? Value(std::nullopt) : Value(text);
}

class Connection;

/// A statement that runs, and its current row. Gives the statement back to the connection's cache when
/// destroyed; text of a row lives until the next call of next().
class Query {
 public:
  Query(Query&& other) noexcept
      : connection_(std::exchange(other.connection_, nullptr)),
        statement_(std::exchange(other.statement_, nullptr)) {}
  Query& operator=(Query&&) = delete;
  ~Query();

  /// Goes to the next row; false: there is none.
  Result<bool> next();

  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  std::string_view view(int column) const;  ///< TEXT or BLOB; NULL gives ""
  std::string text(int column) const { return std::string(view(column)); }
  bool boolean(int column) const { return integer(column) != 0; }
  Time time(int column) const { return from_milliseconds(integer(column)); }
  std::optional<Time> optional_time(int column) const {
    return is_null(column) ? std::optional<Time>() : time(column);
  }

 private:
  friend class Connection;
  Query(Connection* connection, sqlite3_stmt* statement) : connection_(connection), statement_(statement) {}
  Connection* connection_;
  sqlite3_stmt* statement_;
};

/// Used by one thread at a time.
class Connection {
 public:
  static Result<std::unique_ptr<Connection>> open(const Path& file, Duration busy_timeout);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Statements without arguments, one after the other.
  Status script(const char* sql);
  Result<Query> query(std::string_view sql, const Values& arguments = {});
  /// A statement without rows; gives how many it changed.
  Result<std::int64_t> run(std::string_view sql, const Values& arguments = {});
  /// The first column of the first row; nullopt without rows.
  Result<std::optional<std::int64_t>> integer(std::string_view sql, const Values& arguments = {});
  std::int64_t last_insert_id() const;

 private:
  friend class Query;
  Connection(std::string name, sqlite3* handle) : name_(std::move(name)), handle_(handle) {}
  Result<sqlite3_stmt*> prepare(std::string_view sql);
  Status bind(sqlite3_stmt* statement, const Values& arguments);
  tl::unexpected<Error> failure(int result) const;
  void give_back(sqlite3_stmt* statement) noexcept;

  std::string name_;  ///< the file's, for messages
  sqlite3* handle_;
  std::unordered_map<std::string, std::vector<sqlite3_stmt*>>
      idle_;  ///< prepared and not running, by their text
};

/// BEGIN, and ROLLBACK when destroyed without commit().
class Transaction {
 public:
  enum class Mode : std::uint8_t { read, write };
  static Result<Transaction> begin(Connection& connection, Mode mode);
  Transaction(Transaction&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status commit();

 private:
  explicit Transaction(Connection* connection) : connection_(connection) {}
  Connection* connection_;
};

/// All rows as `read` makes them.
template <class Read>
auto collect(Result<Query> rows, Read read) -> Result<std::vector<decltype(read(*rows))>> {
  if (!rows) return forward_error(rows);
  std::vector<decltype(read(*rows))> items;
  while (true) {
    OUTCROP_TRY(const bool more, rows->next());
    if (!more) return items;
    items.push_back(read(*rows));
  }
}

/// The first row, if there is one.
template <class Read>
auto first(Result<Query> rows, Read read) -> Result<std::optional<decltype(read(*rows))>> {
  if (!rows) return forward_error(rows);
  OUTCROP_TRY(const bool found, rows->next());
  if (!found) return std::optional<decltype(read(*rows))>();
  return std::optional(read(*rows));
}

}  // namespace outcrop::store::sqlite
