#pragma once
// Small text helpers that every room needs: JSON string quoting, UTF-8 checks, human-readable amounts.

#include <cstdint>
#include <string>
#include <string_view>

namespace outcrop {

/// `text` as a JSON string literal with its quotes. Bytes that are not UTF-8 become U+FFFD.
std::string json_quote(std::string_view text);

/// Length of the longest prefix that is well-formed UTF-8 (RFC 3629, no surrogates, no overlongs).
std::size_t valid_utf8_prefix(std::string_view text) noexcept;

/// Length of the longest prefix that does not end inside a character: cuts at most three bytes of an
/// incomplete sequence at the end and looks at nothing before it.
std::size_t complete_utf8_prefix(std::string_view text) noexcept;

/// `text` as a terminal may be given it: control characters but the newline and the tab become "\x1b", bytes
/// that are not UTF-8 U+FFFD. For words that come from files, which may hold escape sequences.
std::string printable(std::string_view text);

/// At most `max_bytes` of text, cut at a character border, with "…" where something was cut.
std::string shorten(std::string_view text, std::size_t max_bytes);

/// "1.30 GB", "870 MB", "12 KB", "999 bytes": decimal units.
std::string format_bytes(std::uint64_t bytes);

/// "45 s", "3 min 20 s", "2 h 5 min"; "unknown" below zero, past 10^15 s and for what is not a number.
std::string format_duration(double seconds);

/// The known name nearest to a mistyped one, or nothing when none is near: for "did you mean".
template <class Range>
std::string_view nearest_name(std::string_view wrong, const Range& known);

/// Levenshtein distance in bytes.
std::size_t edit_distance(std::string_view a, std::string_view b);

template <class Range>
std::string_view nearest_name(std::string_view wrong, const Range& known) {
  std::string_view best;
  std::size_t best_distance = wrong.size() / 3 + 2;
  for (std::string_view name : known) {
    if (const std::size_t d = edit_distance(wrong, name); d < best_distance) {
      best = name;
      best_distance = d;
    }
  }
  return best;
}

}  // namespace outcrop
