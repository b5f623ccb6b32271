#include "tokenizer/border/lossy_utf8.h"

#include "base/text.h"

#include <cstdint>

namespace outcrop {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// The bytes that may follow `lead` directly (RFC 3629, section 4), and how many bytes the character has.
struct Lead {
  std::size_t length;
  std::uint8_t first_low;
  std::uint8_t first_high;
};

Lead lead_of(std::uint8_t byte) noexcept {
  if (byte >= 0xC2 && byte <= 0xDF) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte >= 0xF1 && byte <= 0xF3) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {1, 0, 0};
}

/// Length of the broken stretch at the start of `bytes`, which does not start with a whole character.
std::size_t broken_length(std::string_view bytes) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  const Lead lead = lead_of(at(0));
  std::size_t length = 1;
  while (length < lead.length && length < bytes.size()) {
    const std::uint8_t low = length == 1 ? lead.first_low : std::uint8_t{0x80};
    const std::uint8_t high = length == 1 ? lead.first_high : std::uint8_t{0xBF};
    if (at(length) < low || at(length) > high) break;
    ++length;
  }
  return length;
}

}  // namespace

void append_lossy_utf8(std::string& out, std::string_view bytes) {
  while (true) {
    const std::size_t valid = valid_utf8_prefix(bytes);
    out.append(bytes.substr(0, valid));
    bytes.remove_prefix(valid);
    if (bytes.empty()) return;
    out.append(kReplacement);
    bytes.remove_prefix(broken_length(bytes));
  }
}

}  // namespace outcrop
