#pragma once
// Percent-encoding (RFC 3986) as SigV4 defines it: the unreserved characters A-Z a-z 0-9 - _ . ~ stay, every
// other byte becomes %XY with upper-case digits.

#include <cstdint>
#include <string>
#include <string_view>

namespace outcrop::crypto {

enum class Slashes : std::uint8_t {
  encode,  ///< names and values of a query, one segment of a path
  keep,    ///< a whole path
};

std::string percent_encode(std::string_view bytes, Slashes slashes = Slashes::encode);

/// A whole path with its escapes as they are, and whatever else should have been encoded: "/a b%2fc" is
/// "/a%20b%2fc". A '%' without two hexadecimal digits is encoded itself.
std::string percent_complete(std::string_view path);

/// %XY becomes its byte. '+' stays '+', and a '%' without two hexadecimal digits stays as it is. Whoever routes
/// a request or reads its parameters must decode with this function: a signature covers the decoded query, and
/// a second reading of '+' would let a signed request change its meaning.
std::string percent_decode(std::string_view text);

/// Removes "." and ".." segments and doubled slashes: "/a/./b/..//c/" is "/a/c/". As the AWS clients do it, and
/// other than RFC 3986 section 5.2.4, the result ends with a slash only where `path` does: "/a/b/.." is "/a".
/// An empty path is "/".
std::string normalise_path(std::string_view path);

}  // namespace outcrop::crypto
