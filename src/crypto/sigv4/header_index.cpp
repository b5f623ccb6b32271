#include "crypto/sigv4/header_index.h"

#include <algorithm>
#include <utility>

namespace outcrop::crypto::sigv4 {

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

HeaderIndex::HeaderIndex(std::span<const HeaderField> headers) {
  for (const HeaderField& header : headers) {
    Entry& entry = entries_[lower_case(header.name)];
    if (entry.count++ > 0) entry.value += ',';
    entry.value += canonical_header_value(header.value);
  }
}

const HeaderIndex::Entry* HeaderIndex::find(std::string_view name) const noexcept {
  auto found = entries_.find(name);
  if (found == entries_.end() && name == "host") found = entries_.find(":authority");
  if (found == entries_.end() && name == ":authority") found = entries_.find("host");
  return found == entries_.end() ? nullptr : &found->second;
}

}  // namespace outcrop::crypto::sigv4
