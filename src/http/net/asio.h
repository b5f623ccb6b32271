#pragma once
// The parts of Asio that this room uses, under one name. Only for .cpp files and private headers that need
// coroutines.

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace outcrop::http {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;
template <class T>
using Task = asio::awaitable<T>;
using Clock = std::chrono::steady_clock;

/// Completion as a tuple that begins with the error code: nothing in this room throws for an I/O error.
inline constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

/// Something that one coroutine waits for and others of the same I/O thread announce. A waiter looks at its
/// condition again after each announcement.
class Event {
 public:
  explicit Event(asio::io_context& context) : timer_(context, Clock::time_point::max()) {}

  void notify() {
    announced_ = true;
    timer_.cancel();
  }
  /// false when `deadline` came first. An announcement since the last wait() returns at once.
  Task<bool> wait(Clock::time_point deadline = Clock::time_point::max()) {
    if (!announced_) {
      timer_.expires_at(deadline);
      co_await timer_.async_wait(kNoThrow);
    }
    co_return std::exchange(announced_, false);
  }

 private:
  asio::steady_timer timer_;
  bool announced_ = false;
};

}  // namespace outcrop::http
