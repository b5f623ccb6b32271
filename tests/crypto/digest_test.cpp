#include "crypto/digest.h"

#include <string>

#include <gtest/gtest.h>

namespace outcrop::crypto {
namespace {

template <class Digest>
std::string hex_of(std::string_view text) {
  Digest digest;
  digest.update(text);
  return digest.finish_hex();
}

// RFC 1321, appendix A.5.
TEST(Md5, GivesThePublishedDigests) {
  EXPECT_EQ(hex_of<Md5>(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(hex_of<Md5>("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
}

// FIPS 180-4 examples.
TEST(Sha1, GivesThePublishedDigests) {
  EXPECT_EQ(hex_of<Sha1>("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex_of<Sha1>("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
}

TEST(Digest, GivesTheSameBytesAsItsHexadecimalDigits) {
  Sha256 digest;
  digest.update("abc");
  const Sha256::Value value = digest.finish();
  EXPECT_EQ(value.front(), std::byte{0xba});
  EXPECT_EQ(value.back(), std::byte{0xad});
}

TEST(Digest, MovesWithItsState) {
  Sha1 first;
  first.update("a");
  Sha1 second = std::move(first);
  second.update("bc");
  EXPECT_EQ(second.finish_hex(), hex_of<Sha1>("abc"));
}

}  // namespace
}  // namespace outcrop::crypto
