#include "crypto/sha256.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

namespace outcrop::crypto {
namespace {

// FIPS 180-4 examples.
constexpr const char* kEmpty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr const char* kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Sha256, GivesThePublishedDigests) {
  EXPECT_EQ(sha256_hex(""), kEmpty);
  EXPECT_EQ(sha256_hex("abc"), kAbc);
}

TEST(Sha256, DoesNotDependOnHowTheBytesAreCut) {
  Sha256 digest;
  digest.update("a");
  digest.update("");
  digest.update("bc");
  EXPECT_EQ(digest.finish_hex(), kAbc);
}

TEST(Sha256, ReadsFilesLargerThanAPiece) {
  const Path path = Path(testing::TempDir()) / "sha256_test.bin";
  const std::string content(std::size_t{9} << 20, 'x');
  ASSERT_TRUE(write_file_atomic(path, content));
  const Result<std::string> digest = sha256_file(path);
  ASSERT_TRUE(digest);
  EXPECT_EQ(*digest, sha256_hex(content));
  std::filesystem::remove(path);
}

TEST(Sha256, NamesAFileThatIsNotThere) {
  const Result<std::string> digest = sha256_file(Path(testing::TempDir()) / "no-such-file");
  ASSERT_FALSE(digest);
  EXPECT_EQ(digest.error().code, Code::not_found);
}

}  // namespace
}  // namespace outcrop::crypto
