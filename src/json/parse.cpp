#include "base/text.h"
#include "json/json.h"
#include "json/node.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <new>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace outcrop {
namespace {

using Basic = nlohmann::json;

/// "line 3, column 7" of a byte; both count from 1, columns in bytes.
std::string place(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t start = before.rfind('\n');
  const std::size_t column = offset - (start == std::string_view::npos ? 0 : start + 1) + 1;
  return fmt::format("line {}, column {}", line, column);
}

/// Walks the text and publishes how far the lexer has read: its events carry no positions.
class CountingIterator {
 public:
  using iterator_category = std::forward_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator() = default;
  CountingIterator(const char* at, const char** published) : at_(at), published_(published) {}
  const char& operator*() const noexcept { return *at_; }
  CountingIterator& operator++() noexcept {
    *published_ = ++at_;
    return *this;
  }
  CountingIterator operator++(int) noexcept {
    CountingIterator old = *this;
    ++*this;
    return old;
  }
  bool operator==(const CountingIterator&) const noexcept = default;

 private:
  const char* at_ = nullptr;
  const char** published_ = nullptr;
};

/// The library's message without its tag and with its "last read" text kept short.
std::string clean_message(std::string_view what) {
  if (const std::size_t tag = what.find("] ");
      what.starts_with("[json.exception") && tag != std::string_view::npos) {
    what.remove_prefix(tag + 2);
  }
  if (constexpr std::string_view lead = "parse error at "; what.starts_with(lead))
    what.remove_prefix(lead.size());
  return shorten(what.substr(0, valid_utf8_prefix(what)), 300);
}

}  // namespace

/// Builds the tree from the parser's events. Every handler returns false to stop.
struct Json::Builder {
  Builder(std::string_view whole, const Limits& limits) : text(whole), max_depth(limits.max_depth) {}

  bool null() { return add(Json()); }
  bool boolean(bool value) { return add(Json(value)); }
  bool number_integer(std::int64_t value) { return add(Json(value)); }
  bool number_unsigned(std::uint64_t value) { return add(Json(value)); }
  bool number_float(double value, const std::string&) { return add(Json(value)); }
  bool string(std::string& value) {
    Json json;
    json.node_ = std::make_unique<Node>(Node{std::move(value)});
    return add(std::move(json));
  }
  bool binary(const Basic::binary_t&) { return false; }

  bool start_object(std::size_t) { return open(Json::object()); }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool key(std::string& name) {
    frames.back().key = std::move(name);
    frames.back().key_ends.push_back(static_cast<std::size_t>(read_to - text.data()));
    return true;
  }
  bool end_array() { return close(); }
  bool end_object() {
    Frame& frame = frames.back();
    JsonObject& object = *frame.value.node_->object();
    if (const std::size_t twice = find_duplicate(object); twice < object.members.size()) {
      const std::string_view name = object.members[twice].first;
      return stop(key_start(frame.key_ends[twice]),
                  fmt::format("duplicate key {}", json_quote(shorten(name, 80))));
    }
    return close();
  }

  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) {
    message = clean_message(error.what());
    if (!message.starts_with("line ")) {
      message = fmt::format("{}: {}", place(text, static_cast<std::size_t>(read_to - text.data())), message);
    }
    return false;
  }

  struct Frame {
    Json value;
    std::string key;
    std::vector<std::size_t> key_ends;  ///< offset just behind each key's closing quote
  };

  bool stop(std::size_t offset, std::string_view why) {
    message = fmt::format("{}: {}", place(text, offset), why);
    return false;
  }

  /// An opening quote is never preceded by a backslash, an escaped one inside the key always is.
  std::size_t key_start(std::size_t key_end) const {
    std::size_t at = key_end - 2;
    while (at > 0 && !(text[at] == '"' && text[at - 1] != '\\')) --at;
    return at;
  }

  static std::size_t find_duplicate(JsonObject& object) {
    auto& members = object.members;
    if (members.size() <= JsonObject::kLinear) {
      for (std::size_t i = 1; i < members.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
          if (members[i].first == members[j].first) return i;
        }
      }
      return members.size();
    }
    object.build_index();
    const auto twice = std::adjacent_find(
        object.sorted.begin(), object.sorted.end(),
        [&](std::uint32_t a, std::uint32_t b) { return members[a].first == members[b].first; });
    return twice == object.sorted.end() ? members.size() : *std::next(twice);
  }

  bool open(Json value) {
    if (frames.size() >= max_depth) {
      return stop(static_cast<std::size_t>(read_to - text.data()) - 1,
                  fmt::format("nested deeper than {} levels", max_depth));
    }
    frames.push_back({std::move(value), {}, {}});
    return true;
  }

  bool close() {
    Json value = std::move(frames.back().value);
    frames.pop_back();
    return add(std::move(value));
  }

  bool add(Json value) {
    if (frames.empty()) {
      root = std::move(value);
      return true;
    }
    Frame& top = frames.back();
    if (JsonObject* object = top.value.node_->object()) {
      object->members.emplace_back(std::move(top.key), std::move(value));
    } else {
      std::get<std::vector<Json>>(top.value.node_->value).push_back(std::move(value));
    }
    return true;
  }

  std::string_view text;
  std::size_t max_depth;
  const char* read_to = text.data();
  std::vector<Frame> frames;
  Json root;
  std::string message = "is not JSON";
};

Result<Json> Json::parse(std::string_view text, const Limits& limits) {
  if (text.size() > limits.max_bytes) {
    return fail(Code::quota_exceeded,
                fmt::format("text has {} bytes, the limit is {}", text.size(), limits.max_bytes));
  }
  // The lexer takes a zero byte for the end of the input and would not see what follows.
  if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos) {
    return fail(Code::invalid_argument, fmt::format("{}: zero byte", place(text, zero)));
  }
  try {
    Builder builder(text, limits);
    const CountingIterator first(text.data(), &builder.read_to);
    const CountingIterator last(text.data() + text.size(), &builder.read_to);
    if (!Basic::sax_parse(first, last, &builder))
      return fail(Code::invalid_argument, std::move(builder.message));
    return std::move(builder.root);
  } catch (const std::bad_alloc&) {
    return fail(Code::out_of_memory, fmt::format("no memory to parse {} bytes of JSON", text.size()));
  } catch (const std::exception& error) {
    return fail(Code::invalid_argument, clean_message(error.what()));
  }
}

}  // namespace outcrop
