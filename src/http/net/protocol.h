#pragma once
// One connection's protocol once it is known: HTTP/1.1 or HTTP/2. Belongs to one I/O thread, as everything
// here.

#include "http/net/asio.h"
#include "http/net/transport.h"

#include <chrono>
#include <memory>
#include <string>

namespace outcrop::http {

class Core;

class Protocol {
 public:
  virtual ~Protocol() = default;
  /// Serves until the connection has ended.
  virtual Task<void> run() = 0;
  /// Lets what is under way end, takes nothing new.
  virtual void drain() = 0;
  /// Ends it now; running handlers are told. Idempotent.
  virtual void close() = 0;
};

/// What a protocol is made of.
struct ConnectionParts {
  asio::io_context& context;
  Core& core;
  std::shared_ptr<Transport> transport;
  std::string remote_address;
  std::string first_bytes;  ///< that were read to find out the protocol
};

std::shared_ptr<Protocol> make_http1(ConnectionParts parts);
std::shared_ptr<Protocol> make_http2(ConnectionParts parts);

/// Keeps `self` alive while the task runs.
template <class T>
Task<void> keep_alive_during([[maybe_unused]] std::shared_ptr<T> self, Task<void> task) {
  co_await std::move(task);
}

/// Writes to a transport, and knows when a client has stopped taking.
class WatchedWriter {
 public:
  WatchedWriter(Transport& transport, std::chrono::nanoseconds patience)
      : transport_(transport), patience_(patience) {}

  /// Up to three pieces, which must stay where they are until it is done.
  Task<bool> write(std::string_view first, std::string_view second = {}, std::string_view third = {}) {
    begin();
    const WriteBuffers buffers = join(first, second, third);
    const bool written = co_await transport_.write(buffers);
    writing_ = false;
    co_return written;
  }
  Task<void> shut_sending() {
    begin();
    co_await transport_.shut_sending();
    writing_ = false;
  }
  bool writing() const noexcept { return writing_; }
  bool stalled(Clock::time_point now) {
    if (!writing_) return false;
    if (transport_.bytes_written() != seen_) {
      seen_ = transport_.bytes_written();
      progress_ = now;
    }
    return now - progress_ > patience_;
  }
  /// How often to ask stalled().
  std::chrono::nanoseconds interval() const noexcept {
    return std::clamp<std::chrono::nanoseconds>(patience_ / 4, std::chrono::milliseconds(10),
                                                std::chrono::seconds(5));
  }

 private:
  static WriteBuffers join(std::string_view first, std::string_view second, std::string_view third) {
    return {asio::buffer(first.data(), first.size()), asio::buffer(second.data(), second.size()),
            asio::buffer(third.data(), third.size())};
  }
  void begin() {
    writing_ = true;
    progress_ = Clock::now();
  }
  Transport& transport_;
  const std::chrono::nanoseconds patience_;
  bool writing_ = false;
  std::uint64_t seen_ = 0;
  Clock::time_point progress_{};
};

}  // namespace outcrop::http
