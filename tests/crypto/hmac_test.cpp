#include "crypto/hmac.h"

#include "crypto/hex.h"

#include <string>

#include <gtest/gtest.h>

namespace outcrop::crypto {
namespace {

std::string hex_of(std::string_view key, std::string_view message) {
  return to_hex(hmac_sha256(key, message));
}

// RFC 4231, test cases 1, 2, 6 and 7.
TEST(HmacSha256, GivesThePublishedValues) {
  EXPECT_EQ(hex_of(std::string(20, '\x0b'), "Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hex_of("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(HmacSha256, ShortensAKeyThatIsLongerThanABlock) {
  const std::string key(131, '\xaa');
  EXPECT_EQ(hex_of(key, "Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(
      hex_of(key,
             "This is a test using a larger than block-size key and a larger than block-size data. The key "
             "needs to be hashed before being used by the HMAC algorithm."),
      "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

TEST(HmacSha256, TellsKeysAtTheBlockBorderApart) {
  EXPECT_NE(hex_of(std::string(64, 'k'), "m"), hex_of(std::string(65, 'k'), "m"));
  EXPECT_EQ(hex_of(std::string(63, 'k') + '\0', "m"), hex_of(std::string(63, 'k'), "m"))
      << "RFC 2104 pads a short key with zeros";
}

TEST(HmacSha256, DoesNotDependOnHowTheBytesAreCut) {
  HmacSha256 hmac("Jefe");
  for (const char c : std::string_view("what do ya want for nothing?")) hmac.update(std::string_view(&c, 1));
  EXPECT_EQ(hmac.finish(), hmac_sha256("Jefe", "what do ya want for nothing?"));
}

}  // namespace
}  // namespace outcrop::crypto
