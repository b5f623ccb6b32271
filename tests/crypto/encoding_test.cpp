#include "crypto/base64.h"
#include "crypto/big_endian.h"
#include "crypto/hex.h"

#include <string>

#include <gtest/gtest.h>

namespace outcrop::crypto {
namespace {

std::string all_bytes() {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  return bytes;
}

TEST(Hex, ReadsWhatItWrites) {
  const std::string bytes = all_bytes();
  const std::string digits = to_hex(std::as_bytes(std::span(bytes)));
  EXPECT_EQ(digits.substr(0, 8), "00010203");
  EXPECT_EQ(from_hex(digits), bytes);
  EXPECT_EQ(from_hex("fF0A"), std::string("\xff\x0a"));
}

TEST(Hex, RefusesOddLengthsAndOtherCharacters) {
  EXPECT_EQ(from_hex("0"), std::nullopt);
  EXPECT_EQ(from_hex("0g"), std::nullopt);
  EXPECT_EQ(from_hex(" 1"), std::nullopt);
}

TEST(Hex, KnowsADigestByItsForm) {
  EXPECT_TRUE(is_hex_sha256(std::string(64, 'a')));
  EXPECT_FALSE(is_hex_sha256(std::string(64, 'A')));
  EXPECT_FALSE(is_hex_sha256(std::string(63, 'a')));
}

// RFC 4648, section 10.
TEST(Base64, GivesThePublishedTexts) {
  EXPECT_EQ(to_base64(""), "");
  EXPECT_EQ(to_base64("f"), "Zg==");
  EXPECT_EQ(to_base64("fo"), "Zm8=");
  EXPECT_EQ(to_base64("foo"), "Zm9v");
  EXPECT_EQ(to_base64("foob"), "Zm9vYg==");
  EXPECT_EQ(to_base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
}

TEST(Base64, ReadsWhatItWrites) {
  const std::string bytes = all_bytes();
  for (std::size_t size = 0; size <= bytes.size(); ++size)
    EXPECT_EQ(from_base64(to_base64(bytes.substr(0, size))), bytes.substr(0, size));
}

TEST(Base64, RefusesEveryTextThatItWouldNotWrite) {
  for (const char* text : {"Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "=Zg=", "====", "Zg==Zg==", "Zm 9v",
                           "Zm9v\n", "Zm-v", "Zm_v"})
    EXPECT_EQ(from_base64(text), std::nullopt) << text;
}

TEST(BigEndian, ReadsWhatItWrites) {
  std::string bytes;
  append_big_endian(bytes, std::uint64_t{0x0102030405060708});
  append_big_endian(bytes, std::uint8_t{0xff});
  EXPECT_EQ(bytes, "\x01\x02\x03\x04\x05\x06\x07\x08\xff");
  EXPECT_EQ(read_big_endian<std::uint64_t>(bytes), 0x0102030405060708U);
  EXPECT_EQ(read_big_endian<std::uint16_t>(bytes), 0x0102U);
  EXPECT_EQ(read_big_endian<std::uint8_t>(bytes.substr(8)), 0xffU);
}

}  // namespace
}  // namespace outcrop::crypto
