#pragma once
// application/vnd.amazon.eventstream: how AWS APIs stream responses (Smithy, "Amazon Event Stream
// Specification"). Numbers are big-endian, checks are CRC32 (crc.h).
//
//   OFFSET  SIZE  MEANING
//   0       4     T: size of the whole message
//   4       4     H: size of the headers
//   8       4     check of bytes 0 to 7
//   12      H     headers, one after the other
//   12+H    …     payload
//   T-4     4     check of bytes 0 to T-5
//
//   header  =  1 byte N >= 1, N bytes of name (UTF-8), 1 byte type, value
//   type       0 true, 1 false: no value      2, 3, 4, 5: 1, 2, 4, 8 bytes, signed
//              6 bytes, 7 string (UTF-8): 2 bytes of size before them, at most 32767
//              8 time: 8 bytes, milliseconds since 1970      9 UUID: 16 bytes

#include "base/result.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace outcrop::crypto {

inline constexpr std::size_t kMaxEventHeadersBytes = std::size_t{128} << 10;
inline constexpr std::size_t kMaxEventMessageBytes = std::size_t{24} << 20;

/// A header's value of type 6; a std::string is one of type 7.
struct EventBytes {
  std::string bytes;
  bool operator==(const EventBytes&) const = default;
};
using EventTime = std::chrono::sys_time<std::chrono::milliseconds>;
using EventUuid = std::array<std::uint8_t, 16>;
using EventValue = std::variant<bool, std::int8_t, std::int16_t, std::int32_t, std::int64_t, EventBytes,
                                std::string, EventTime, EventUuid>;

struct EventHeader {
  std::string name;
  EventValue value;
  bool operator==(const EventHeader&) const = default;
};

struct EventMessage {
  std::vector<EventHeader> headers;
  std::string payload;
  bool operator==(const EventMessage&) const = default;

  /// The value of a string header, or nothing.
  std::optional<std::string_view> text(std::string_view name) const noexcept;
};

/// One event of a response: `:message-type` "event", `:event-type`, `:content-type` "application/json".
EventMessage json_event(std::string_view event_type, std::string json);
/// An error inside a stream: `:message-type` "exception", `:exception-type` (lower camel case, as the member of
/// the stream's union).
EventMessage json_exception(std::string_view exception_type, std::string json);

/// invalid_argument: an empty, too long or repeated name, a name or string that is not UTF-8, a value, headers
/// or a message beyond the limits. Thread-safe.
Result<std::string> encode_event(const EventMessage& message);

/// Messages out of a stream that comes in pieces. Not thread-safe.
///   decoder.push(piece);
///   while (true) { OUTCROP_TRY(auto message, decoder.next()); if (!message) break; ... }
///   OUTCROP_CHECK_OK(decoder.end());
class EventStreamDecoder {
 public:
  struct Limits {
    std::size_t headers_bytes = kMaxEventHeadersBytes;
    std::size_t message_bytes = kMaxEventMessageBytes;
  };

  EventStreamDecoder() = default;
  explicit EventStreamDecoder(const Limits& limits) : limits_(limits) {}

  void push(std::string_view piece);
  /// The next whole message, or nothing until more has been pushed. corrupt_data: a wrong check, size or
  /// header; each further call gives the error again, since nothing tells where the next message begins.
  Result<std::optional<EventMessage>> next();
  /// corrupt_data: the stream ended inside a message.
  Status end() const;

 private:
  Limits limits_;
  std::string buffer_;
  std::size_t begin_ = 0;         ///< of the first message in the buffer that has not been given out
  std::uint64_t position_ = 0;    ///< of that message in the stream, for errors
  std::optional<Error> failure_;  ///< kept, to be given again
};

}  // namespace outcrop::crypto
