#include "store/sqlite/pool.h"

namespace outcrop::store::sqlite {

Result<std::unique_ptr<Pool>> Pool::open(const Path& file, Duration busy_timeout) {
  OUTCROP_TRY(std::unique_ptr<Connection> writer, Connection::open(file, busy_timeout));
  return std::unique_ptr<Pool>(new Pool(file, busy_timeout, std::move(writer)));
}

Result<Pool::Reader> Pool::read() {
  {
    const std::lock_guard lock(reading_);
    if (!idle_.empty()) {
      std::unique_ptr<Connection> connection = std::move(idle_.back());
      idle_.pop_back();
      return Reader(this, std::move(connection));
    }
  }
  OUTCROP_TRY(std::unique_ptr<Connection> connection, Connection::open(file_, busy_timeout_));
  return Reader(this, std::move(connection));
}

Pool::Reader::~Reader() {
  if (connection_ == nullptr) return;
  const std::lock_guard lock(pool_->reading_);
  pool_->idle_.push_back(std::move(connection_));
}

Result<Pool::Writer> Pool::write() {
  std::unique_lock lock(writing_);
  OUTCROP_TRY(Transaction transaction, Transaction::begin(*writer_, Transaction::Mode::write));
  return Writer(std::move(lock), writer_.get(), std::move(transaction));
}

}  // namespace outcrop::store::sqlite
