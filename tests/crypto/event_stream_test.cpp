#include "crypto/event_stream.h"

#include "base/random.h"
#include "crypto/big_endian.h"
#include "crypto/crc.h"
#include "crypto/hex.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace outcrop::crypto {
namespace {

/// A text with its zero bytes.
template <std::size_t size>
std::string bytes(const char (&text)[size]) {
  return std::string(text, size - 1);
}

Result<std::vector<EventMessage>> decode(std::string_view stream, std::size_t piece_bytes) {
  EventStreamDecoder decoder;
  std::vector<EventMessage> messages;
  while (true) {
    OUTCROP_TRY(std::optional<EventMessage> message, decoder.next());
    if (message) {
      messages.push_back(*std::move(message));
    } else if (stream.empty()) {
      break;
    } else {
      decoder.push(stream.substr(0, piece_bytes));
      stream.remove_prefix(std::min(piece_bytes, stream.size()));
    }
  }
  OUTCROP_CHECK_OK(decoder.end());
  return messages;
}

/// A message of raw headers, with right checks.
std::string raw_message(std::string_view headers, std::uint32_t headers_bytes, std::uint32_t total_bytes) {
  std::string text;
  append_big_endian(text, total_bytes);
  append_big_endian(text, headers_bytes);
  append_big_endian(text, crc32(text));
  text += headers;
  append_big_endian(text, crc32(text));
  return text;
}

std::string raw_message(std::string_view headers) {
  return raw_message(headers, static_cast<std::uint32_t>(headers.size()),
                     static_cast<std::uint32_t>(headers.size() + 16));
}

struct Case {
  EventMessage message;
  std::string encoded;
};

EventUuid published_uuid() {
  EventUuid uuid{};
  const std::string_view text = "0123456789abcdef";
  std::copy(text.begin(), text.end(), uuid.begin());
  return uuid;
}

// The messages that all AWS clients are tested with, as botocore's tests give their bytes.
std::vector<Case> published_cases() {
  const EventTime time(std::chrono::milliseconds(8));
  return {
      {{{}, ""}, bytes("\0\0\0\x10\0\0\0\0\x05\xc2\x48\xeb\x7d\x98\xc8\xff")},
      {{{{"byte", std::int8_t{-1}}}, ""},
       *from_hex("000000170000000729860158") + bytes("\4byte\2\xff") + *from_hex("c2f869dc")},
      {{{{"short", std::int16_t{-1}}}, ""},
       *from_hex("0000001900000009710e923e") + bytes("\5short\3\xff\xff") + *from_hex("b27cb6cc")},
      {{{{"integer", std::int32_t{-1}}}, ""},
       *from_hex("0000001d0000000d83e3f0e7") + bytes("\7integer\4\xff\xff\xff\xff") + *from_hex("8b8e12eb")},
      {{{{"long", std::int64_t{-1}}}, ""},
       *from_hex("0000001e0000000e5d4adb8d") + bytes("\4long\5\xff\xff\xff\xff\xff\xff\xff\xff") +
           *from_hex("4bc232da")},
      {{{}, "{'foo':'bar'}"}, *from_hex("0000001d00000000fd528c5a") + "{'foo':'bar'}" + *from_hex("c3653936")},
      {{{{"content-type", std::string("application/json")}}, "{'foo':'bar'}"},
       *from_hex("0000003d0000002007fd8396") +
           bytes("\x0c"
                 "content-type\7\0\x10"
                 "application/json{'foo':'bar'}") +
           *from_hex("8d9c08b1")},
      {{{{"0", true},
         {"1", false},
         {"2", std::int8_t{2}},
         {"3", std::int16_t{3}},
         {"4", std::int32_t{4}},
         {"5", std::int64_t{5}},
         {"6", EventBytes{"bytes"}},
         {"7", std::string("utf8")},
         {"8", time},
         {"9", published_uuid()}},
        ""},
       *from_hex("000000620000005203b5cb9c") +
           bytes("\1"
                 "0\0\1"
                 "1\1\1"
                 "2\2\2\1"
                 "3\3\0\3\1"
                 "4\4\0\0\0\4\1"
                 "5\5\0\0\0\0\0\0\0\5"
                 "\1"
                 "6\6\0\5bytes\1"
                 "7\7\0\4utf8\1"
                 "8\x08\0\0\0\0\0\0\0\x08\1"
                 "9\x09"
                 "0123456789abcdef") +
           *from_hex("63353671")},
      {{{{":message-type", std::string("error")},
         {":error-code", std::string("code")},
         {":error-message", std::string("message")}},
        ""},
       *from_hex("0000005200000042bf23637e") +
           bytes("\x0d:message-type\7\0\5error\x0b:error-code\7\0\4code\x0e:error-message\7\0\7message") +
           *from_hex("6b6cea3d")},
  };
}

TEST(EventStream, WritesThePublishedMessages) {
  for (const Case& published : published_cases()) {
    const Result<std::string> encoded = encode_event(published.message);
    ASSERT_TRUE(encoded) << encoded.error().message;
    EXPECT_EQ(*encoded, published.encoded);
  }
}

TEST(EventStream, ReadsThePublishedMessagesInPiecesOfAnySize) {
  std::string stream;
  for (const Case& published : published_cases()) stream += published.encoded;
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 16U, 100U, 10'000U}) {
    const auto messages = decode(stream, piece);
    ASSERT_TRUE(messages) << messages.error().message;
    ASSERT_EQ(messages->size(), published_cases().size());
    for (std::size_t i = 0; i < messages->size(); ++i) EXPECT_EQ((*messages)[i], published_cases()[i].message);
  }
}

TEST(EventStream, RefusesThePublishedFaults) {
  const std::string json = "{'foo':'bar'}";
  const std::string header = bytes(
      "\x0c"
      "content-type\7\0\x10"
      "application/json");
  const std::vector<std::string> faults = {
      *from_hex("0100001d00000000fd528c5a") + json + *from_hex("c3653936"),
      *from_hex("0000001d00000000fd528c5a") + "{'foo':'bar'\x8d" + *from_hex("c3653936"),
      *from_hex("0000003d0000002007fd8396") +
          bytes("\x0c"
                "content+type\7\0\x10"
                "application/json") +
          json + *from_hex("8d9c08b1"),
      *from_hex("0000003dff00010207fd8396") + header + json + *from_hex("8d9c08b1"),
      *from_hex("00000024000000144bb982d0") + bytes("\4test\4asdf\4test\4asdf") + *from_hex("f3f47563"),
  };
  for (const std::string& fault : faults) {
    const auto messages = decode(fault, 5);
    ASSERT_FALSE(messages) << to_hex(std::as_bytes(std::span(fault)));
    EXPECT_EQ(messages.error().code, Code::corrupt_data);
  }
}

TEST(EventStream, ReadsWhatItWrites) {
  Random random(5);
  std::string stream;
  std::vector<EventMessage> written;
  for (int i = 0; i < 200; ++i) {
    EventMessage message;
    for (std::uint64_t h = random.below(6); h > 0; --h) {
      const std::string name = "h" + std::to_string(h);
      const EventValue values[] = {
          true,
          false,
          static_cast<std::int8_t>(random.next_u32()),
          static_cast<std::int16_t>(random.next_u32()),
          static_cast<std::int32_t>(random.next_u32()),
          static_cast<std::int64_t>(random.next_u64()),
          EventBytes{std::string(random.below(300), '\xff')},
          std::string(random.below(300), 'x'),
          EventTime(std::chrono::milliseconds(static_cast<std::int64_t>(random.next_u64()))),
          published_uuid()};
      message.headers.push_back({name, values[random.below(10)]});
    }
    message.payload.assign(random.below(2000), static_cast<char>(i));
    stream += *encode_event(message);
    written.push_back(std::move(message));
  }
  const auto read = decode(stream, 777);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, written);
}

TEST(EventStream, RefusesEveryFlippedBitAndEveryEarlyEnd) {
  const std::string encoded = *encode_event(json_event("contentBlockDelta", R"({"delta":{"text":"hi"}})"));
  for (std::size_t bit = 0; bit < encoded.size() * 8; ++bit) {
    std::string changed = encoded;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(decode(changed, 64)) << "bit " << bit;
  }
  for (std::size_t size = 1; size < encoded.size(); ++size)
    EXPECT_FALSE(decode(encoded.substr(0, size), 64)) << size;
}

TEST(EventStream, ChecksEveryLengthBeforeItsUse) {
  ASSERT_TRUE(decode(raw_message(bytes("\1a\7\0\1b")), 64));
  for (const std::string& headers :
       {bytes("\0\0"), bytes("\1"), bytes("\2a"), bytes("\1a"), bytes("\1a\x0a"), bytes("\1a\7\0"),
        bytes("\1a\7\0\2b"), bytes("\1a\6\x80\0"), bytes("\1a\2"), bytes("\1a\5\0\0\0\0\0\0\0"),
        bytes("\1a\x09"
              "0123"),
        bytes("\1\xff\1"), bytes("\1a\7\0\1\xff")}) {
    const auto messages = decode(raw_message(headers), 64);
    ASSERT_FALSE(messages) << to_hex(std::as_bytes(std::span(headers)));
    EXPECT_EQ(messages.error().code, Code::corrupt_data);
  }
  EXPECT_FALSE(decode(raw_message("", 0, 15), 64));
  EXPECT_FALSE(decode(raw_message("", 1, 16), 64));
  EXPECT_FALSE(decode(raw_message("", 0xffffffff, 16), 64));
}

TEST(EventStream, RefusesWhatIsBeyondTheLimitsByThePreludeAlone) {
  const std::string too_long = raw_message("", 0, kMaxEventMessageBytes + 1).substr(0, 12);
  EXPECT_EQ(decode(too_long, 64).error().code, Code::corrupt_data);
  const std::string too_many = raw_message("", kMaxEventHeadersBytes + 1, kMaxEventMessageBytes).substr(0, 12);
  EXPECT_EQ(decode(too_many, 64).error().code, Code::corrupt_data);
  EXPECT_FALSE(encode_event({{}, std::string(kMaxEventMessageBytes - 15, 'x')}));
  EXPECT_TRUE(encode_event({{}, std::string(kMaxEventMessageBytes - 16, 'x')}));
}

TEST(EventStream, GivesItsErrorAgain) {
  EventStreamDecoder decoder;
  decoder.push(*encode_event({{}, "good"}));
  decoder.push("not an event stream");
  ASSERT_TRUE(decoder.next());
  const auto first = decoder.next();
  ASSERT_FALSE(first);
  EXPECT_TRUE(first.error().message.starts_with("event message at byte 20: ")) << first.error().message;
  decoder.push(*encode_event({{}, "good"}));
  EXPECT_EQ(decoder.next().error().message, first.error().message);
  EXPECT_FALSE(decoder.end());
}

TEST(EncodeEvent, RefusesWhatTheFormatCannotHold) {
  for (const EventHeader& header :
       {EventHeader{"", true}, EventHeader{std::string(256, 'n'), true}, EventHeader{"\xff", true},
        EventHeader{"a", std::string(32768, 'x')}, EventHeader{"a", EventBytes{std::string(32768, 'x')}},
        EventHeader{"a", std::string("\xff")}})
    EXPECT_EQ(encode_event({{header}, ""}).error().code, Code::invalid_argument);
  EXPECT_EQ(encode_event({{{"a", true}, {"a", false}}, ""}).error().code, Code::invalid_argument);
  EventMessage many;
  for (int i = 0; i < 5; ++i) many.headers.push_back({std::to_string(i), std::string(32767, 'x')});
  EXPECT_EQ(encode_event(many).error().code, Code::invalid_argument);
}

TEST(EventMessage, FindsItsTexts) {
  const EventMessage event = json_event("chunk", "{}");
  EXPECT_EQ(event.text(":message-type"), "event");
  EXPECT_EQ(event.text(":event-type"), "chunk");
  EXPECT_EQ(event.text(":content-type"), "application/json");
  EXPECT_EQ(event.text("other"), std::nullopt);
  const EventMessage exception = json_exception("throttlingException", R"({"message":"later"})");
  EXPECT_EQ(exception.text(":message-type"), "exception");
  EXPECT_EQ(exception.text(":exception-type"), "throttlingException");
}

}  // namespace
}  // namespace outcrop::crypto
