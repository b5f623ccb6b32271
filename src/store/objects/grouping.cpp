#include "store/objects/grouping.h"

#include <algorithm>

namespace outcrop::store::objects {

std::optional<std::string> after_prefix(std::string_view prefix) {
  std::string text(prefix);
  while (!text.empty() && static_cast<unsigned char>(text.back()) == 0xffU) text.pop_back();
  if (text.empty()) return std::nullopt;
  text.back() = static_cast<char>(static_cast<unsigned char>(text.back()) + 1);
  return text;
}

std::string Grouping::start_at(std::string_view from) const {
  return std::string(std::max(from, std::string_view(prefix_)));
}

std::string Grouping::start_after_marker(std::string_view marker) const {
  if (marker.empty()) return prefix_;
  const std::optional<std::string> folded = common_prefix(marker);
  if (folded == marker) return start_at(after_prefix(marker).value_or(after_key(marker)));
  return start_at(after_key(marker));
}

std::optional<std::string> Grouping::common_prefix(std::string_view key) const {
  if (delimiter_.empty() || !key.starts_with(prefix_)) return std::nullopt;
  const std::size_t found = key.find(delimiter_, prefix_.size());
  if (found == std::string_view::npos) return std::nullopt;
  return std::string(key.substr(0, found + delimiter_.size()));
}

}  // namespace outcrop::store::objects
