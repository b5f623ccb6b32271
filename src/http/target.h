#pragma once
// The request target: percent-encoding (RFC 3986, section 2.1) and query parameters.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outcrop::http {

/// nothing for a '%' without two hexadecimal digits behind it. '+' stays '+': that is for paths.
std::optional<std::string> percent_decode(std::string_view text);

/// Everything but unreserved characters (RFC 3986, section 2.3) becomes %XX, upper case.
std::string percent_encode(std::string_view text);

/// "a=1&b" as {{"a","1"},{"b",""}}, decoded, in order, '+' as a space. nothing where an escape is malformed.
std::optional<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query);

}  // namespace outcrop::http
