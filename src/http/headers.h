#pragma once
// Header fields (RFC 9110, section 5): ordered as received or as set, names compared without regard to case.

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::http {

struct Header {
  std::string name;
  std::string value;
};

/// ASCII only, as field names are.
bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;

/// A token: what a field name or a method may consist of.
bool is_token(std::string_view text) noexcept;
/// A field value that can be sent: no control characters but the tab, so no line breaks, and no space around
/// it.
bool is_field_value(std::string_view text) noexcept;

/// Not thread-safe. A handful of fields: every look-up is a walk.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<Header> fields) : fields_(fields) {}

  void add(std::string_view name, std::string_view value);
  /// Takes the place of every field of that name.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);

  /// The first value of that name.
  std::optional<std::string_view> find(std::string_view name) const noexcept;
  std::string_view get(std::string_view name, std::string_view otherwise = {}) const noexcept;
  bool contains(std::string_view name) const noexcept { return find(name).has_value(); }
  std::size_t count(std::string_view name) const noexcept;
  /// Whether `token` is an element of the comma-separated values of that name: "close" in Connection.
  bool has_token(std::string_view name, std::string_view token) const noexcept;

  auto begin() const noexcept { return fields_.begin(); }
  auto end() const noexcept { return fields_.end(); }
  std::size_t size() const noexcept { return fields_.size(); }
  bool empty() const noexcept { return fields_.empty(); }

 private:
  std::vector<Header> fields_;
};

}  // namespace outcrop::http
