#pragma once
// The tree behind Json. Private to this room: json.cpp reads it, parse.cpp builds it, dump.cpp writes it.

#include "json/json.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace outcrop {

/// Members in their order. Above kLinear members `sorted` holds their positions by key; below, it is empty
/// and a search walks the members.
struct JsonObject {
  static constexpr std::size_t kLinear = 8;

  std::vector<std::pair<std::string, Json>> members;
  std::vector<std::uint32_t> sorted;

  /// Position of `key`, or members.size().
  std::size_t find(std::string_view key) const noexcept;
  /// Adds a member whose key is not there yet.
  void append(std::string key, Json value);
  /// Sorts the positions after members were pushed directly.
  void build_index();
};

struct Json::Node {
  using Value = std::variant<bool, std::int64_t, std::uint64_t, double, std::string, std::vector<Json>,
                             std::unique_ptr<JsonObject>>;
  Value value;

  const JsonObject* object() const noexcept {
    const auto* held = std::get_if<std::unique_ptr<JsonObject>>(&value);
    return held == nullptr ? nullptr : held->get();
  }
  JsonObject* object() noexcept {
    auto* held = std::get_if<std::unique_ptr<JsonObject>>(&value);
    return held == nullptr ? nullptr : held->get();
  }
};

}  // namespace outcrop
