#pragma once
// Finds the longest special token at a place of a text. Borrows the tokens' texts.

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace outcrop {

class SpecialIndex {
 public:
  void add(std::string_view text, std::int32_t id) {
    if (text.empty()) return;
    ids_.emplace(text, id);
    auto& lengths = lengths_[static_cast<std::uint8_t>(text.front())];
    const auto place = std::lower_bound(lengths.begin(), lengths.end(), text.size(), std::greater<>());
    if (place == lengths.end() || *place != text.size()) lengths.insert(place, text.size());
  }

  /// Length and id of the longest token that `text` (not empty) starts with; length 0 when there is none.
  std::pair<std::size_t, std::int32_t> longest(std::string_view text) const {
    for (const std::size_t length : lengths_[static_cast<std::uint8_t>(text.front())]) {
      if (length > text.size()) continue;
      const auto found = ids_.find(text.substr(0, length));
      if (found != ids_.end()) return {length, found->second};
    }
    return {0, -1};
  }

 private:
  std::unordered_map<std::string_view, std::int32_t> ids_;
  std::array<std::vector<std::size_t>, 256> lengths_;  ///< by first byte, falling
};

}  // namespace outcrop
