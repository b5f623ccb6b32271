#pragma once
// The headers of a request by lower-case name, each with its canonical value.

#include "crypto/sigv4.h"

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace outcrop::crypto::sigv4 {

/// Lower case of ASCII letters.
std::string lower_case(std::string_view text);

class HeaderIndex {
 public:
  struct Entry {
    std::string value;      ///< canonical; of repeated headers joined by commas
    std::size_t count = 0;  ///< how often the header was there
  };
  using Map = std::map<std::string, Entry, std::less<>>;

  explicit HeaderIndex(std::span<const HeaderField> headers);

  /// name: lower-case. "host" finds ":authority" where there is no "host", and the other way round: a proxy or
  /// an HTTP/2 client may have turned one into the other. nullptr: not there.
  const Entry* find(std::string_view name) const noexcept;
  const Map& entries() const noexcept { return entries_; }

 private:
  Map entries_;
};

}  // namespace outcrop::crypto::sigv4
