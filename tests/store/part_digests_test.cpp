#include "store/objects/part_digests.h"

#include "base/random.h"
#include "store/objects/grouping.h"

#include <gtest/gtest.h>

namespace outcrop::store::objects {
namespace {

std::string checksum_of(crypto::ChecksumKind kind, std::string_view bytes) {
  crypto::Checksum checksum(kind);
  checksum.update(bytes);
  return checksum.finish_base64();
}

TEST(PartDigests, JoinChecksumsToThatOfTheWhole) {
  using enum crypto::ChecksumKind;
  Random random(1);
  for (const crypto::ChecksumKind kind : {crc32, crc32c, crc64nvme}) {
    std::string whole;
    std::vector<PartDigest> parts;
    for (const std::size_t size : {0U, 1U, 7U, 64U, 1000U, 65'537U}) {
      std::string bytes;
      for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(random.below(256));
      parts.push_back({bytes.size(), "", checksum_of(kind, bytes)});
      whole += bytes;
      EXPECT_EQ(full_checksum(kind, parts), checksum_of(kind, whole)) << size;
    }
  }
}

TEST(PartDigests, GiveTheETagThatS3Documents) {
  // The MD5s of "a" and "b"; Python's hashlib made the MD5 of their 32 bytes.
  const std::vector<PartDigest> parts = {{1, "0cc175b9c0f1b6a831c399e269772661", ""},
                                         {1, "92eb5ffee6ae2fec3ad71c777531578f", ""}};
  EXPECT_EQ(multipart_etag(parts), "96e024ba2074fe77e8e965ba43a704be-2");
}

TEST(Grouping, FindsTheKeyBehindAPrefix) {
  EXPECT_EQ(after_prefix("a/"), "a0");
  EXPECT_EQ(after_prefix("a\xff"), "b");
  EXPECT_EQ(after_prefix("\xff\xff"), std::nullopt);
}

}  // namespace
}  // namespace outcrop::store::objects
