#pragma once
// Server-sent events (WHATWG HTML, section 9.2) over a streamed answer.

#include "base/result.h"
#include "http/response.h"

#include <chrono>
#include <optional>
#include <string_view>

namespace outcrop::http {

struct ServerSentEvent {
  std::string_view data;                                          ///< any lines; each gets its own field
  std::string_view event = {};                                    ///< its type, one line; absent: "message"
  std::string_view id = {};                                       ///< one line; absent: none
  std::optional<std::chrono::milliseconds> retry = std::nullopt;  ///< before the client connects again
};

/// Used by one thread, as the ResponseStream.
class EventStreamWriter {
 public:
  /// Begins a 200 answer of type text/event-stream that nothing on the way may keep or transform.
  static Result<EventStreamWriter> begin(ResponseWriter& response);

  /// invalid_argument for a line break in event or id; errors of ResponseStream::write.
  Status send(const ServerSentEvent& event);
  /// A line that clients ignore: keeps what stands on the way from closing a silent stream.
  Status keep_alive();
  Status finish() { return stream_.finish(); }
  bool closed() const { return stream_.closed(); }

 private:
  explicit EventStreamWriter(ResponseStream stream) : stream_(stream) {}
  ResponseStream stream_;
};

}  // namespace outcrop::http
