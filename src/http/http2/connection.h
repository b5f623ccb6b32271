#pragma once
// An HTTP/2 connection: Http2Session with a socket and a clock. Three coroutines on one I/O thread: run()
// reads, write() writes, watch() keeps the time.

#include "http/http2/session.h"
#include "http/net/protocol.h"

#include <memory>
#include <string>

namespace outcrop::http {

class Http2Connection final : public Protocol, public std::enable_shared_from_this<Http2Connection> {
 public:
  explicit Http2Connection(ConnectionParts parts);
  Task<void> run() override;
  void drain() override;
  void close() override;

 private:
  Task<void> write();
  Task<void> watch();
  std::chrono::nanoseconds tick_interval() const;
  std::function<void(std::int32_t)> waker();

  asio::io_context& context_;
  Core& core_;
  const std::shared_ptr<Transport> transport_;
  const std::string remote_address_;
  std::string first_bytes_;
  WatchedWriter writer_;
  std::unique_ptr<Http2Session> session_;
  Event output_;  // write() waits: the session may have frames
  Event space_;   // run() waits: frames have gone out
  Event watch_;
  bool closed_ = false;
  bool draining_ = false;
};

}  // namespace outcrop::http
