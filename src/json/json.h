#pragma once
// A thin facade over nlohmann/json that keeps its header (2.3 CPU seconds a file) out of ours and turns
// its exceptions into Result. Objects keep the order of their members.

#include "base/result.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outcrop {

/// A JSON value with value semantics. Reading functions never throw and never insert.
class Json {
 public:
  enum class Kind : std::uint8_t { null, boolean, integer, number, string, array, object };

  Json();  ///< null
  Json(bool value);
  Json(int value);
  Json(std::int64_t value);
  Json(std::uint64_t value);
  Json(double value);
  Json(const char* text);
  Json(std::string_view text);
  Json(const std::string& text) : Json(std::string_view(text)) {}
  Json(const Json& other);
  Json(Json&& other) noexcept;
  Json& operator=(const Json& other);
  Json& operator=(Json&& other) noexcept;
  ~Json();

  static Json array(std::vector<Json> elements = {});
  static Json object(std::vector<std::pair<std::string, Json>> members = {});

  struct Limits {
    std::size_t max_depth = 64;
    std::size_t max_bytes = std::size_t{256} << 20;
  };
  /// Strict RFC 8259: UTF-8 only, no comments, no trailing bytes, no duplicate keys, bounded depth.
  /// The error names line, column and what was expected.
  static Result<Json> parse(std::string_view text, const Limits& limits);
  static Result<Json> parse(std::string_view text) { return parse(text, Limits{}); }
  /// indent < 0: one line. Invalid UTF-8 in strings becomes U+FFFD.
  std::string dump(int indent = -1) const;

  Kind kind() const noexcept;
  bool is_null() const noexcept { return kind() == Kind::null; }
  bool is_object() const noexcept { return kind() == Kind::object; }
  bool is_array() const noexcept { return kind() == Kind::array; }
  bool is_string() const noexcept { return kind() == Kind::string; }
  bool is_number() const noexcept { return kind() == Kind::integer || kind() == Kind::number; }

  std::optional<bool> as_bool() const noexcept;
  std::optional<std::int64_t> as_int() const noexcept;    ///< integers from -2^63 to 2^63-1
  std::optional<std::uint64_t> as_uint() const noexcept;  ///< integers from 0 to 2^64-1
  std::optional<double> as_double() const noexcept;       ///< any number
  std::optional<std::string_view> as_string() const noexcept;

  std::size_t size() const noexcept;  ///< elements or members; 0 for the rest
  /// Array element; the null value when out of range or not an array. The reference lives as long as *this.
  const Json& operator[](std::size_t index) const noexcept;
  const Json& operator[](int index) const noexcept { return (*this)[static_cast<std::size_t>(index)]; }
  /// Object member; the null value when absent or not an object.
  const Json& operator[](std::string_view key) const noexcept;
  const Json& operator[](const char* key) const noexcept { return (*this)[std::string_view(key)]; }
  bool contains(std::string_view key) const noexcept;
  /// The i-th member in order: key and value.
  std::pair<std::string_view, const Json&> member(std::size_t index) const noexcept;

  /// Sets or adds a member (a null value becomes an object), appends an element (null becomes an array).
  void set(std::string_view key, Json value);
  void push_back(Json value);
  /// Objects compare by members in any order, numbers by value.
  bool operator==(const Json& other) const noexcept;

  /// Typed reads of a required member; the error names `where`, the key, the rule and the value found.
  Result<std::string> require_string(std::string_view key, std::string_view where) const;
  Result<std::int64_t> require_int(std::string_view key, std::string_view where) const;
  Result<double> require_number(std::string_view key, std::string_view where) const;

 private:
  struct Node;
  struct Builder;               ///< the parser's event handler, in json.cpp
  std::unique_ptr<Node> node_;  ///< nullptr is the null value
};

}  // namespace outcrop
