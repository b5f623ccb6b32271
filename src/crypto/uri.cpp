#include "crypto/uri.h"

#include "crypto/hex.h"

#include <vector>

namespace outcrop::crypto {
namespace {

constexpr bool unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '~';
}

}  // namespace

std::string percent_encode(std::string_view bytes, Slashes slashes) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string text;
  text.reserve(bytes.size());
  for (const char c : bytes) {
    if (unreserved(c) || (c == '/' && slashes == Slashes::keep)) {
      text += c;
    } else {
      const auto value = static_cast<unsigned char>(c);
      text += '%';
      text += kDigits[value >> 4];
      text += kDigits[value & 15];
    }
  }
  return text;
}

std::string percent_decode(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool escape = text[at] == '%' && text.size() - at > 2;
    const int high = escape ? hex_value(text[at + 1]) : -1;
    const int low = escape ? hex_value(text[at + 2]) : -1;
    if (high >= 0 && low >= 0) {
      bytes += static_cast<char>(high * 16 + low);
      at += 2;
    } else {
      bytes += text[at];
    }
  }
  return bytes;
}

std::string normalise_path(std::string_view path) {
  const bool folder = path.ends_with('/');
  std::vector<std::string_view> kept;
  while (!path.empty()) {
    const std::size_t end = path.find('/');
    const std::string_view segment = path.substr(0, end);
    path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
    if (segment == ".." && !kept.empty()) kept.pop_back();
    if (!segment.empty() && segment != "." && segment != "..") kept.push_back(segment);
  }
  std::string normal;
  for (const std::string_view segment : kept) {
    normal += '/';
    normal += segment;
  }
  if (folder || kept.empty()) normal += '/';
  return normal;
}

}  // namespace outcrop::crypto
