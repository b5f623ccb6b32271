#include "crypto/base64.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace outcrop::crypto {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kInvalid = 255;

constexpr std::array<std::uint8_t, 256> kValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kInvalid);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i)
    values[static_cast<std::uint8_t>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  return values;
}();

}  // namespace

std::string to_base64(std::span<const std::byte> bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i)
      group = group << 8 | (i < count ? std::to_integer<std::uint32_t>(bytes[at + i]) : 0);
    for (std::size_t i = 0; i < 4; ++i) text += i <= count ? kAlphabet[group >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t at = 0; at < text.size(); at += 4) {
    std::string_view group = text.substr(at, 4);
    if (at + 4 == text.size())
      while (group.size() > 2 && group.back() == '=') group.remove_suffix(1);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const std::uint8_t value = i < group.size() ? kValues[static_cast<std::uint8_t>(group[i])] : 0;
      if (value == kInvalid) return std::nullopt;
      bits = bits << 6 | value;
    }
    const std::array<char, 3> three = {static_cast<char>(bits >> 16 & 255), static_cast<char>(bits >> 8 & 255),
                                       static_cast<char>(bits & 255)};
    const std::string_view decoded = std::string_view(three.data(), three.size());
    const std::size_t count = group.size() - 1;
    if (decoded.find_first_not_of('\0', count) != std::string_view::npos) return std::nullopt;
    bytes += decoded.substr(0, count);
  }
  return bytes;
}

}  // namespace outcrop::crypto
