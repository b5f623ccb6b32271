#pragma once
// The HTTP/2 protocol (RFC 9113) by nghttp2: bytes in, bytes out, and the exchanges of its streams. No input or
// output of its own, so that a fuzzer can drive it.
//
// Flow control joins the client to the handler: a stream's window is one exchange's buffer and opens as the
// handler reads; the connection's window opens at once, so that one handler that does not read holds up only
// its own stream. The other way, nghttp2 asks for output as the client's windows allow, and a worker waits when
// its buffer is full.

#include "http/exchange/core.h"
#include "http/wire/pace.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace outcrop::http {

struct Http2Peer {
  std::string remote_address;
  bool encrypted = false;
};

/// Belongs to one thread.
class Http2Session {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  /// `wake` is called from worker threads with a stream's id; on_wake() is to follow on the session's own
  /// thread.
  Http2Session(Core& core, Http2Peer peer, std::function<void(std::int32_t)> wake);
  ~Http2Session();

  /// false when the connection has to end: what produce() still gives is sent first.
  bool receive(std::string_view bytes, TimePoint now);
  /// Appends frames to `out` until it has about `max_bytes`.
  void produce(std::string& out, std::size_t max_bytes);
  void on_wake(std::int32_t stream);
  /// Called now and then: every timeout is found here.
  void tick(TimePoint now);
  /// Takes no new streams; those that are open end.
  void drain(TimePoint now);
  /// Nobody is there any more.
  void abandon_streams();
  /// Whether nothing is left to do.
  bool finished() const;
  /// Frames that wait for the client to take earlier ones.
  std::size_t backlog() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace outcrop::http
