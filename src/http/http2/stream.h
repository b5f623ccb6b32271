#pragma once
// One stream of an HTTP/2 connection: the request as it is put together, then its exchange.

#include "http/exchange/exchange.h"
#include "http/headers.h"
#include "http/wire/pace.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace outcrop::http {

struct Http2Stream {
  Http2Stream(std::int32_t stream_id, const Timeouts& timeouts) : id(stream_id), pace(timeouts) {}

  /// Adds a field of the request's head, or of its trailers; false when it is beyond the limits.
  bool add_field(std::string_view name, std::string_view value, const Limits& limits) {
    // As SETTINGS_MAX_HEADER_LIST_SIZE counts (RFC 9113, section 6.5.2).
    field_bytes += name.size() + value.size() + 32;
    if (++fields > limits.headers || field_bytes > limits.head_bytes) return false;
    if (exchange) {
      trailers.add(name, value);
    } else if (name == ":method") {
      method = value;
    } else if (name == ":path") {
      target = value;
    } else if (name == ":authority") {
      authority = value;
    } else if (!name.starts_with(':')) {
      headers.add(name, value);
    }
    return true;
  }

  const std::int32_t id;
  std::string method;
  std::string target;
  std::string authority;
  Headers headers;
  Headers trailers;
  std::size_t fields = 0;
  std::size_t field_bytes = 0;
  bool fields_refused = false;

  std::shared_ptr<Exchange> exchange;  // once the head is whole
  std::string request_id;
  bool waits_for_continue = false;
  bool request_ended = false;
  bool head_sent = false;
  bool answer_ended = false;
  BodyPace pace;
  std::chrono::steady_clock::time_point progress{};  // when the client last took output, or there was none
};

}  // namespace outcrop::http
