#pragma once
// Bytes as hexadecimal digits.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace outcrop::crypto {

/// Two lower-case digits a byte.
std::string to_hex(std::span<const std::byte> bytes);

/// The bytes of an even number of digits of either case; nothing for any other text.
std::optional<std::string> from_hex(std::string_view digits);

/// The value of one digit of either case, or -1.
constexpr int hex_value(char digit) noexcept {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

/// Whether `text` is what to_hex writes for a SHA-256 or HMAC-SHA256: 64 lower-case digits.
bool is_hex_sha256(std::string_view text) noexcept;

}  // namespace outcrop::crypto
