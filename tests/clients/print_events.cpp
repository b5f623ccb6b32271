// Writes random event messages for event_stream_peer.py: on each line the message's bytes in hexadecimal
// digits, and after tabs what they mean: "name=value;" for each header, and the payload in hexadecimal digits.

#include "base/check.h"
#include "base/random.h"
#include "crypto/event_stream.h"
#include "crypto/hex.h"

#include <cstdlib>
#include <iostream>
#include <string>

namespace {

using namespace outcrop;
using namespace outcrop::crypto;

std::string hex(std::string_view text) {
  return to_hex(std::as_bytes(std::span(text)));
}

std::string random_text(Random& random, std::uint64_t longest) {
  std::string text(random.below(longest), '\0');
  for (char& c : text) c = static_cast<char>('!' + random.below(90));
  return text;
}

struct Described {
  EventValue value;
  std::string text;  ///< as Python's repr of what botocore reads
};

Described random_value(Random& random) {
  const std::string text = random_text(random, 200);
  const auto number = static_cast<std::int64_t>(random.next_u64());
  switch (random.below(10)) {
    case 0:
      return {true, "True"};
    case 1:
      return {false, "False"};
    case 2:
      return {static_cast<std::int8_t>(number), std::to_string(static_cast<std::int8_t>(number))};
    case 3:
      return {static_cast<std::int16_t>(number), std::to_string(static_cast<std::int16_t>(number))};
    case 4:
      return {static_cast<std::int32_t>(number), std::to_string(static_cast<std::int32_t>(number))};
    case 5:
      return {number, std::to_string(number)};
    case 6:
      return {EventBytes{text}, "bytes " + hex(text)};
    case 7:
      return {EventTime(std::chrono::milliseconds(number)), std::to_string(number)};
    case 8: {
      EventUuid uuid{};
      for (std::uint8_t& byte : uuid) byte = static_cast<std::uint8_t>(random.next_u32());
      return {uuid, "bytes " + to_hex(std::as_bytes(std::span(uuid)))};
    }
    default:
      return {text, "text " + hex(text)};
  }
}

}  // namespace

/// print_events SEED COUNT
int main(int count, char** arguments) {
  CHECK(count == 3, "usage: print_events SEED COUNT");
  Random random(std::strtoull(arguments[1], nullptr, 10));
  for (std::uint64_t left = std::strtoull(arguments[2], nullptr, 10); left > 0; --left) {
    EventMessage message;
    std::string meaning;
    for (std::uint64_t h = random.below(8); h > 0; --h) {
      Described described = random_value(random);
      message.headers.push_back({"h" + std::to_string(h), std::move(described.value)});
      meaning += message.headers.back().name + "=" + described.text + ";";
    }
    message.payload = random_text(random, 5000);
    const Result<std::string> encoded = encode_event(message);
    CHECK(encoded.has_value(), "a random message is not encoded");
    std::cout << hex(*encoded) << '\t' << meaning << '\t' << hex(message.payload) << '\n';
  }
}
