#include "crypto/uri.h"

#include "crypto/hex.h"

#include <vector>

namespace outcrop::crypto {
namespace {

constexpr bool unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '~';
}

void append_escape(std::string& text, char c) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto value = static_cast<unsigned char>(c);
  text += '%';
  text += kDigits[value >> 4];
  text += kDigits[value & 15];
}

/// The byte of the escape at `at`, or -1 where none is.
int escaped_byte(std::string_view text, std::size_t at) {
  if (text[at] != '%' || text.size() - at < 3) return -1;
  const int high = hex_value(text[at + 1]);
  const int low = hex_value(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

}  // namespace

std::string percent_encode(std::string_view bytes, Slashes slashes) {
  std::string text;
  text.reserve(bytes.size());
  for (const char c : bytes) {
    if (unreserved(c) || (c == '/' && slashes == Slashes::keep)) {
      text += c;
    } else {
      append_escape(text, c);
    }
  }
  return text;
}

std::string percent_complete(std::string_view path) {
  std::string text;
  text.reserve(path.size());
  for (std::size_t at = 0; at < path.size(); ++at) {
    if (unreserved(path[at]) || path[at] == '/' || escaped_byte(path, at) >= 0) {
      text += path[at];
    } else {
      append_escape(text, path[at]);
    }
  }
  return text;
}

std::string percent_decode(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    const int byte = escaped_byte(text, at);
    bytes += byte < 0 ? text[at] : static_cast<char>(byte);
    if (byte >= 0) at += 2;
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
