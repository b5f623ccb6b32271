#include "crypto/checksum.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace outcrop::crypto {
namespace {

std::string checksum_of(ChecksumKind kind, std::string_view text) {
  Checksum checksum(kind);
  checksum.update(text);
  return checksum.finish_base64();
}

// Each is the base64 of a published value of "123456789" or "abc", see crc.h and FIPS 180-4.
TEST(Checksum, GivesTheValueAsS3WritesIt) {
  EXPECT_EQ(checksum_of(ChecksumKind::crc32, "123456789"), "y/Q5Jg==");
  EXPECT_EQ(checksum_of(ChecksumKind::crc32c, "123456789"), "4waSgw==");
  EXPECT_EQ(checksum_of(ChecksumKind::crc64nvme, "123456789"), "rosUhgp5mIg=");
  EXPECT_EQ(checksum_of(ChecksumKind::sha1, "abc"), "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=");
  EXPECT_EQ(checksum_of(ChecksumKind::sha256, "abc"), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
}

TEST(Checksum, FindsEachKindByItsHeaderAndItsName) {
  for (const ChecksumKind kind : {ChecksumKind::crc32, ChecksumKind::crc32c, ChecksumKind::crc64nvme,
                                  ChecksumKind::sha1, ChecksumKind::sha256}) {
    EXPECT_EQ(checksum_of_header(checksum_header(kind)), kind);
    EXPECT_EQ(checksum_of_name(checksum_name(kind)), kind);
  }
  EXPECT_EQ(checksum_of_name("crc64nvme"), ChecksumKind::crc64nvme);
  EXPECT_EQ(checksum_of_name("CRC"), std::nullopt);
  EXPECT_EQ(checksum_of_header("x-amz-checksum-type"), std::nullopt);
}

}  // namespace
}  // namespace outcrop::crypto
