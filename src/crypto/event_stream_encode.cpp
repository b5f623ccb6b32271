#include "base/text.h"
#include "crypto/big_endian.h"
#include "crypto/crc.h"
#include "crypto/event_stream.h"

#include <set>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

namespace outcrop::crypto {
namespace {

constexpr std::size_t kMaxNameBytes = 255;
constexpr std::size_t kMaxValueBytes = 32767;

Status append_sized(std::string& out, std::string_view name, std::string_view bytes) {
  if (bytes.size() > kMaxValueBytes)
    return fail(Code::invalid_argument, fmt::format("event header '{}' has {} bytes, the limit is {}", name,
                                                    bytes.size(), kMaxValueBytes));
  append_big_endian(out, static_cast<std::uint16_t>(bytes.size()));
  out += bytes;
  return {};
}

/// The value after its type.
struct AppendValue {
  std::string& out;
  std::string_view name;

  Status operator()(bool) const { return {}; }
  template <std::signed_integral Number>
  Status operator()(Number number) const {
    append_big_endian(out, static_cast<std::make_unsigned_t<Number>>(number));
    return {};
  }
  Status operator()(const EventBytes& value) const { return append_sized(out, name, value.bytes); }
  Status operator()(const std::string& text) const {
    if (valid_utf8_prefix(text) != text.size())
      return fail(Code::invalid_argument, fmt::format("event header '{}' is not UTF-8", name));
    return append_sized(out, name, text);
  }
  Status operator()(EventTime time) const { return (*this)(std::int64_t{time.time_since_epoch().count()}); }
  Status operator()(const EventUuid& uuid) const {
    for (const std::uint8_t byte : uuid) out += static_cast<char>(byte);
    return {};
  }
};

/// The alternatives of EventValue stand in the order of the types, but that true and false are one of them.
char type_of(const EventValue& value) {
  if (const bool* truth = std::get_if<bool>(&value)) return *truth ? 0 : 1;
  return static_cast<char>(value.index() + 1);
}

Result<std::string> encode_headers(const std::vector<EventHeader>& headers) {
  std::string bytes;
  std::set<std::string_view> names;
  for (const EventHeader& header : headers) {
    if (header.name.empty() || header.name.size() > kMaxNameBytes)
      return fail(Code::invalid_argument, fmt::format("the name of an event header has 1 to {} bytes, not {}",
                                                      kMaxNameBytes, header.name.size()));
    if (valid_utf8_prefix(header.name) != header.name.size())
      return fail(Code::invalid_argument, "the name of an event header is not UTF-8");
    if (!names.insert(header.name).second)
      return fail(Code::invalid_argument, fmt::format("event header '{}' is there twice", header.name));
    bytes += static_cast<char>(header.name.size());
    bytes += header.name;
    bytes += type_of(header.value);
    OUTCROP_CHECK_OK(std::visit(AppendValue{bytes, header.name}, header.value));
  }
  if (bytes.size() > kMaxEventHeadersBytes)
    return fail(Code::invalid_argument, fmt::format("the headers of an event have {} bytes, the limit is {}",
                                                    bytes.size(), kMaxEventHeadersBytes));
  return bytes;
}

EventMessage json_message(std::string_view kind, std::string_view type_header, std::string_view type,
                          std::string json) {
  return {{{std::string(type_header), std::string(type)},
           {":content-type", std::string("application/json")},
           {":message-type", std::string(kind)}},
          std::move(json)};
}

}  // namespace

EventMessage json_event(std::string_view event_type, std::string json) {
  return json_message("event", ":event-type", event_type, std::move(json));
}

EventMessage json_exception(std::string_view exception_type, std::string json) {
  return json_message("exception", ":exception-type", exception_type, std::move(json));
}

std::optional<std::string_view> EventMessage::text(std::string_view name) const noexcept {
  for (const EventHeader& header : headers)
    if (header.name == name)
      if (const auto* value = std::get_if<std::string>(&header.value)) return *value;
  return std::nullopt;
}

Result<std::string> encode_event(const EventMessage& message) {
  OUTCROP_TRY(const std::string headers, encode_headers(message.headers));
  const std::size_t total = 12 + headers.size() + message.payload.size() + 4;
  if (total > kMaxEventMessageBytes)
    return fail(Code::invalid_argument,
                fmt::format("an event has {} bytes, the limit is {}", total, kMaxEventMessageBytes));
  std::string bytes;
  bytes.reserve(total);
  append_big_endian(bytes, static_cast<std::uint32_t>(total));
  append_big_endian(bytes, static_cast<std::uint32_t>(headers.size()));
  append_big_endian(bytes, crc32(bytes));
  bytes += headers;
  bytes += message.payload;
  append_big_endian(bytes, crc32(bytes));
  return bytes;
}

}  // namespace outcrop::crypto
