#pragma once
// Connections to one file: one that writes and as many readers as there are threads that read at once. Private
// to the SQLite implementation.

#include "store/sqlite/connection.h"

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace outcrop::store::sqlite {

/// Thread-safe.
class Pool {
 public:
  /// A connection that is this thread's while the object lives.
  class Reader {
   public:
    Reader(Reader&&) noexcept = default;
    Reader& operator=(Reader&&) = delete;
    ~Reader();
    Connection* operator->() const { return connection_.get(); }
    Connection& operator*() const { return *connection_; }

   private:
    friend class Pool;
    Reader(Pool* pool, std::unique_ptr<Connection> connection)
        : pool_(pool), connection_(std::move(connection)) {}
    Pool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  /// The writing connection inside BEGIN IMMEDIATE. Destroyed without commit(), nothing has happened. SQLite
  /// has one writer at a time: threads wait here in the order of a mutex, and only processes meet SQLite's own
  /// waiting, which polls.
  class Writer {
   public:
    Connection* operator->() const { return connection_; }
    Connection& operator*() const { return *connection_; }
    Status commit() { return transaction_.commit(); }

   private:
    friend class Pool;
    Writer(std::unique_lock<std::mutex> lock, Connection* connection, Transaction transaction)
        : lock_(std::move(lock)), connection_(connection), transaction_(std::move(transaction)) {}
    std::unique_lock<std::mutex> lock_;  // before the transaction: released after it
    Connection* connection_;
    Transaction transaction_;
  };

  static Result<std::unique_ptr<Pool>> open(const Path& file, Duration busy_timeout);

  Result<Reader> read();
  Result<Writer> write();

 private:
  Pool(Path file, Duration busy_timeout, std::unique_ptr<Connection> writer)
      : file_(std::move(file)), busy_timeout_(busy_timeout), writer_(std::move(writer)) {}

  // Constant after construction.
  Path file_;
  Duration busy_timeout_;

  std::mutex writing_;
  std::unique_ptr<Connection> writer_;  // guarded by writing_

  std::mutex reading_;
  std::vector<std::unique_ptr<Connection>> idle_;  // guarded by reading_
};

}  // namespace outcrop::store::sqlite
