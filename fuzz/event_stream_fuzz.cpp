// Event streams from strangers: no crash, no read beyond a message, and the same answer however the stream is
// cut. Random bytes seldom have right checks, so the input is also taken as the headers and the payload of one
// message.

#include "base/check.h"
#include "crypto/big_endian.h"
#include "crypto/crc.h"
#include "crypto/event_stream.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace outcrop;
using namespace outcrop::crypto;

struct Outcome {
  std::vector<EventMessage> messages;
  std::string problem;
  bool operator==(const Outcome&) const = default;
};

Outcome decode(std::string_view stream, std::size_t piece_bytes) {
  EventStreamDecoder decoder;
  Outcome outcome;
  while (true) {
    auto message = decoder.next();
    if (!message) {
      outcome.problem = message.error().message;
      CHECK(!outcome.problem.empty(), "an error without a message");
      return outcome;
    }
    if (*message) {
      outcome.messages.push_back(*std::move(*message));
      continue;
    }
    if (stream.empty()) break;
    decoder.push(stream.substr(0, piece_bytes));
    stream.remove_prefix(std::min(piece_bytes, stream.size()));
  }
  if (const Status end = decoder.end(); !end) outcome.problem = end.error().message;
  return outcome;
}

/// Up to where the stream breaks; an early end is told by what is there, which the pieces do not change.
void check_stream(std::string_view stream, std::size_t piece_bytes) {
  const Outcome whole = decode(stream, std::max<std::size_t>(1, stream.size()));
  CHECK(whole == decode(stream, piece_bytes), "the answer depends on how the stream is cut");
  std::string again;
  for (const EventMessage& message : whole.messages) {
    const Result<std::string> encoded = encode_event(message);
    CHECK(encoded.has_value(), "a message that was read cannot be written");
    again += *encoded;
  }
  CHECK(stream.starts_with(again), "a message that was read is written in another way");
}

std::string with_checks(std::string_view headers, std::string_view payload) {
  std::string message;
  append_big_endian(message, static_cast<std::uint32_t>(16 + headers.size() + payload.size()));
  append_big_endian(message, static_cast<std::uint32_t>(headers.size()));
  append_big_endian(message, crc32(message));
  message.append(headers).append(payload);
  append_big_endian(message, crc32(message));
  return message;
}

}  // namespace

/// The first byte gives the size of the pieces, the second that of the headers.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data + 2), size - 2);
  const std::size_t piece_bytes = data[0] % 64 + 1U;
  const std::string_view headers = input.substr(0, data[1]);
  check_stream(input, piece_bytes);
  check_stream(with_checks(headers, input.substr(headers.size())), piece_bytes);
  check_stream(with_checks(input, {}) + with_checks(headers, {}) + std::string(input), piece_bytes);
  return 0;
}
