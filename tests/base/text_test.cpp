#include "base/text.h"

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace outcrop {
namespace {

using namespace std::string_view_literals;

/// The bytes of one code point, by RFC 3629's table and without a check.
std::string encode(std::uint32_t c) {
  const auto byte = [](std::uint32_t value) { return static_cast<char>(static_cast<unsigned char>(value)); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xC0 | c >> 6), byte(0x80 | (c & 63))};
  if (c < 0x10000) return {byte(0xE0 | c >> 12), byte(0x80 | (c >> 6 & 63)), byte(0x80 | (c & 63))};
  return {byte(0xF0 | c >> 18), byte(0x80 | (c >> 12 & 63)), byte(0x80 | (c >> 6 & 63)), byte(0x80 | (c & 63))};
}

TEST(JsonQuote, EscapesWhatJsonAsksFor) {
  EXPECT_EQ(json_quote(""), R"("")");
  EXPECT_EQ(json_quote("a\"b\\c/d"), R"("a\"b\\c/d")");
  EXPECT_EQ(json_quote("\n\t\r"), R"("\n\t\r")");
  EXPECT_EQ(json_quote("\0\x01\x1f\x7f"sv), "\"\\u0000\\u0001\\u001f\x7f\"");
}

TEST(JsonQuote, KeepsUnicodeAndReplacesWhatIsNot) {
  EXPECT_EQ(json_quote("é€😀"), "\"é€😀\"");
  EXPECT_EQ(json_quote("a\xff\xfe"), "\"a\xEF\xBF\xBD\xEF\xBF\xBD\"");
  EXPECT_EQ(json_quote("\xE2\x82"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"") << "a cut-off character";
}

TEST(ValidUtf8Prefix, AcceptsEveryCodePointButSurrogates) {
  for (std::uint32_t c = 0; c <= 0x10FFFF; ++c) {
    const std::string text = encode(c);
    const bool surrogate = c >= 0xD800 && c <= 0xDFFF;
    ASSERT_EQ(valid_utf8_prefix(text) == text.size(), !surrogate) << "U+" << std::hex << c;
  }
}

TEST(ValidUtf8Prefix, StopsBeforeOverlongAndOutOfRangeForms) {
  for (const std::string_view bad :
       {"\xC0\x80"sv, "\xC1\xBF"sv, "\xE0\x9F\xBF"sv, "\xF0\x8F\xBF\xBF"sv, "\xF4\x90\x80\x80"sv,
        "\xF5\x80\x80\x80"sv, "\xF8\x88\x80\x80\x80"sv, "\x80"sv, "\xBF"sv, "\xFE"sv, "\xFF"sv,
        "\xE2\x28\xA1"sv, "\xE2\x82\x28"sv, "\xF0\x9F\x98"sv}) {
    EXPECT_EQ(valid_utf8_prefix(bad), 0U) << json_quote(bad);
    EXPECT_EQ(valid_utf8_prefix("ok" + std::string(bad)), 2U) << json_quote(bad);
  }
  EXPECT_EQ(valid_utf8_prefix(""), 0U);
}

TEST(CompleteUtf8Prefix, CutsOnlyAnUnfinishedLastCharacter) {
  EXPECT_EQ(complete_utf8_prefix(""), 0U);
  EXPECT_EQ(complete_utf8_prefix("abc"), 3U);
  for (const std::uint32_t c : {0xE9U, 0x20ACU, 0x1F600U}) {
    const std::string whole = encode(c);
    EXPECT_EQ(complete_utf8_prefix("ab" + whole), 2 + whole.size());
    for (std::size_t kept = 1; kept < whole.size(); ++kept) {
      EXPECT_EQ(complete_utf8_prefix("ab" + whole.substr(0, kept)), 2U)
          << kept << " bytes of U+" << std::hex << c;
    }
  }
}

TEST(CompleteUtf8Prefix, LooksAtNothingBeforeTheEnd) {
  EXPECT_EQ(complete_utf8_prefix("\xff\xff\xff\xff"), 3U) << "a lead byte at the very end is unfinished";
  EXPECT_EQ(complete_utf8_prefix("\x80\x80\x80\x80"), 4U) << "continuations without a lead are left alone";
  EXPECT_EQ(complete_utf8_prefix("\xff"
                                 "a"),
            2U);
}

TEST(Shorten, CutsAtACharacterAndMarksTheCut) {
  EXPECT_EQ(shorten("hello", 5), "hello");
  EXPECT_EQ(shorten("hello", 4), "hell…");
  EXPECT_EQ(shorten("aé", 2), "a…");
  EXPECT_EQ(shorten("a😀b", 4), "a…");
  EXPECT_EQ(shorten("hello", 0), "…");
  EXPECT_EQ(shorten("", 0), "");
}

TEST(FormatBytes, UsesDecimalUnits) {
  EXPECT_EQ(format_bytes(0), "0 bytes");
  EXPECT_EQ(format_bytes(999), "999 bytes");
  EXPECT_EQ(format_bytes(1000), "1 KB");
  EXPECT_EQ(format_bytes(12'345), "12 KB");
  EXPECT_EQ(format_bytes(870'000'000), "870 MB");
  EXPECT_EQ(format_bytes(1'300'000'000), "1.30 GB");
}

TEST(FormatBytes, NeverRoundsUpToAThousandOfAUnit) {
  EXPECT_EQ(format_bytes(999'499), "999 KB");
  EXPECT_EQ(format_bytes(999'500), "1 MB");
  EXPECT_EQ(format_bytes(999'999'999), "1.00 GB");
}

TEST(FormatDuration, PicksTheUnits) {
  EXPECT_EQ(format_duration(0.0), "0 s");
  EXPECT_EQ(format_duration(45.2), "45 s");
  EXPECT_EQ(format_duration(59.6), "1 min 0 s");
  EXPECT_EQ(format_duration(200.0), "3 min 20 s");
  EXPECT_EQ(format_duration(7500.0), "2 h 5 min");
}

TEST(FormatDuration, SaysUnknownForWhatIsNoDuration) {
  for (const double seconds : {-1.0, std::nan(""), std::numeric_limits<double>::infinity(), 1e300}) {
    EXPECT_EQ(format_duration(seconds), "unknown") << seconds;
  }
}

TEST(EditDistance, CountsInsertionsDeletionsAndReplacements) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("flaw", "lawn"), 2U);
}

TEST(NearestName, SuggestsOnlyWhatIsNear) {
  constexpr std::array<std::string_view, 3> known{"learning_rate", "epochs", "rank"};
  EXPECT_EQ(nearest_name("learning-rate", known), "learning_rate");
  EXPECT_EQ(nearest_name("epoch", known), "epochs");
  EXPECT_EQ(nearest_name("temperature", known), "");
}

}  // namespace
}  // namespace outcrop
