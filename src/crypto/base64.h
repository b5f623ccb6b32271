#pragma once
// Base64 with the standard alphabet and padding (RFC 4648, section 4).

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace outcrop::crypto {

std::string to_base64(std::span<const std::byte> bytes);
inline std::string to_base64(std::string_view bytes) {
  return to_base64(std::as_bytes(std::span(bytes)));
}

/// Strict: whole groups with their padding, no white space, no stray bits under the padding, so that each
/// byte string has exactly one text. Nothing for any other text.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace outcrop::crypto
