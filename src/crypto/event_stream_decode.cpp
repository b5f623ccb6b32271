#include "base/text.h"
#include "crypto/big_endian.h"
#include "crypto/crc.h"
#include "crypto/event_stream.h"

#include <algorithm>
#include <set>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

namespace outcrop::crypto {
namespace {

constexpr std::size_t kPreludeBytes = 12;
constexpr std::size_t kCheckBytes = 4;
constexpr std::size_t kMaxValueBytes = 32767;

tl::unexpected<Error> corrupt(std::string message) {
  return fail(Code::corrupt_data, std::move(message));
}

/// Takes headers off the front of their bytes, each length checked before use.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view bytes) : rest_(bytes) {}

  Result<std::vector<EventHeader>> read_all() {
    std::vector<EventHeader> headers;
    std::set<std::string, std::less<>> names;
    while (!rest_.empty()) {
      OUTCROP_TRY(EventHeader header, read_one());
      if (!names.insert(header.name).second)
        return corrupt(fmt::format("header '{}' is there twice", header.name));
      headers.push_back(std::move(header));
    }
    return headers;
  }

 private:
  Result<EventHeader> read_one() {
    OUTCROP_TRY(const auto size, number<std::uint8_t>("the size of a header's name"));
    if (size == 0) return corrupt("a header has an empty name");
    OUTCROP_TRY(const std::string_view name, take(size, "a header's name"));
    if (valid_utf8_prefix(name) != name.size()) return corrupt("a header's name is not UTF-8");
    OUTCROP_TRY(const auto type, number<std::uint8_t>("a header's type"));
    Result<EventValue> value = read_value(type);
    if (!value) return forward_error(value, fmt::format("header '{}'", name));
    return EventHeader{std::string(name), *std::move(value)};
  }

  Result<EventValue> read_value(std::uint8_t type) {
    switch (type) {
      case 0:
        return EventValue(true);
      case 1:
        return EventValue(false);
      case 2:
        return signed_number<std::int8_t>();
      case 3:
        return signed_number<std::int16_t>();
      case 4:
        return signed_number<std::int32_t>();
      case 5:
        return signed_number<std::int64_t>();
      case 6: {
        OUTCROP_TRY(const std::string_view bytes, sized());
        return EventValue(EventBytes{std::string(bytes)});
      }
      case 7: {
        OUTCROP_TRY(const std::string_view text, sized());
        if (valid_utf8_prefix(text) != text.size()) return corrupt("the value is not UTF-8");
        return EventValue(std::string(text));
      }
      case 8: {
        OUTCROP_TRY(const auto count, number<std::uint64_t>("a time"));
        return EventValue(EventTime(std::chrono::milliseconds(static_cast<std::int64_t>(count))));
      }
      case 9: {
        OUTCROP_TRY(const std::string_view bytes, take(std::tuple_size_v<EventUuid>, "a UUID"));
        EventUuid uuid{};
        std::ranges::transform(bytes, uuid.begin(), [](char c) { return static_cast<std::uint8_t>(c); });
        return EventValue(uuid);
      }
      default:
        return corrupt(fmt::format("{} is no type of a header", type));
    }
  }

  Result<std::string_view> take(std::size_t count, std::string_view what) {
    if (count > rest_.size())
      return corrupt(fmt::format("{} of {} bytes where the headers have {} left", what, count, rest_.size()));
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  template <class Number>
  Result<Number> number(std::string_view what) {
    OUTCROP_TRY(const std::string_view bytes, take(sizeof(Number), what));
    return read_big_endian<Number>(bytes);
  }

  template <class Number>
  Result<EventValue> signed_number() {
    OUTCROP_TRY(const auto value, number<std::make_unsigned_t<Number>>("a number"));
    return EventValue(static_cast<Number>(value));
  }

  Result<std::string_view> sized() {
    OUTCROP_TRY(const auto size, number<std::uint16_t>("the size of a value"));
    if (size > kMaxValueBytes)
      return corrupt(fmt::format("a value has {} bytes, the limit is {}", size, kMaxValueBytes));
    return take(size, "a value");
  }

  std::string_view rest_;
};

struct Prelude {
  std::size_t total;
  std::size_t headers;
};

/// bytes: at least the twelve of the prelude.
Result<Prelude> read_prelude(std::string_view bytes, const EventStreamDecoder::Limits& limits) {
  const std::uint32_t check = read_big_endian<std::uint32_t>(bytes.substr(8));
  if (crc32(bytes.substr(0, 8)) != check) return corrupt("the check of the prelude is wrong");
  const Prelude prelude{read_big_endian<std::uint32_t>(bytes), read_big_endian<std::uint32_t>(bytes.substr(4))};
  if (prelude.total > limits.message_bytes)
    return corrupt(
        fmt::format("the message has {} bytes, the limit is {}", prelude.total, limits.message_bytes));
  if (prelude.headers > limits.headers_bytes)
    return corrupt(
        fmt::format("the headers have {} bytes, the limit is {}", prelude.headers, limits.headers_bytes));
  if (prelude.total < kPreludeBytes + kCheckBytes ||
      prelude.headers > prelude.total - kPreludeBytes - kCheckBytes)
    return corrupt(
        fmt::format("{} bytes of headers do not fit into a message of {}", prelude.headers, prelude.total));
  return prelude;
}

/// bytes: the whole message.
Result<EventMessage> read_message(std::string_view bytes, const Prelude& prelude) {
  const std::string_view checked = bytes.substr(0, prelude.total - kCheckBytes);
  if (crc32(checked) != read_big_endian<std::uint32_t>(bytes.substr(checked.size())))
    return corrupt("the check of the message is wrong");
  EventMessage message;
  OUTCROP_TRY(message.headers, HeaderReader(checked.substr(kPreludeBytes, prelude.headers)).read_all());
  message.payload = checked.substr(kPreludeBytes + prelude.headers);
  return message;
}

}  // namespace

void EventStreamDecoder::push(std::string_view piece) {
  if (failure_) return;
  // What has been given out is dropped when it is the larger part, so that each byte moves once on average.
  if (begin_ > buffer_.size() / 2) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  buffer_ += piece;
}

Result<std::optional<EventMessage>> EventStreamDecoder::next() {
  if (failure_) return tl::unexpected(*failure_);
  const auto broken = [this](Error error) {
    failure_ = std::move(error).within(fmt::format("event message at byte {}", position_));
    return tl::unexpected(*failure_);
  };
  const std::string_view waiting = std::string_view(buffer_).substr(begin_);
  if (waiting.size() < kPreludeBytes) return std::optional<EventMessage>();
  Result<Prelude> prelude = read_prelude(waiting, limits_);
  if (!prelude) return broken(std::move(prelude).error());
  if (waiting.size() < prelude->total) return std::optional<EventMessage>();
  Result<EventMessage> message = read_message(waiting.substr(0, prelude->total), *prelude);
  if (!message) return broken(std::move(message).error());
  begin_ += prelude->total;
  position_ += prelude->total;
  return std::optional<EventMessage>(*std::move(message));
}

Status EventStreamDecoder::end() const {
  if (failure_) return tl::unexpected(*failure_);
  if (begin_ == buffer_.size()) return {};
  return fail(Code::corrupt_data, fmt::format("event message at byte {}: the stream ends after {} of its bytes",
                                              position_, buffer_.size() - begin_));
}

}  // namespace outcrop::crypto
