#include "crypto/aes_gcm.h"

#include "crypto/hex.h"

#include <string>

#include <gtest/gtest.h>

namespace outcrop::crypto {
namespace {

// McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 13, 14 and 16, as nonce, ciphertext,
// tag.
TEST(AesGcm, OpensThePublishedCases) {
  const Secret zero(std::string(32, '\0'));
  const Result<Secret> empty =
      open_sealed(zero, std::string(12, '\0') + *from_hex("530f8afbc74536b9a963b4f1c4cb738b"), "");
  ASSERT_TRUE(empty);
  EXPECT_TRUE(empty->empty());
  const Result<Secret> block = open_sealed(
      zero,
      std::string(12, '\0') + *from_hex("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"),
      "");
  ASSERT_TRUE(block);
  EXPECT_EQ(block->view(), std::string(16, '\0'));

  const Secret key(*from_hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"));
  const std::string sealed = *from_hex(
      "cafebabefacedbaddecaf888"
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e63"
      "93ba7a"
      "0abcc9f662"
      "76fc6ece0f4e1768cddf8853bb2d551b");
  const Result<Secret> text = open_sealed(key, sealed, *from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"));
  ASSERT_TRUE(text);
  EXPECT_EQ(text->view(),
            *from_hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf"
                      "0e2449a6b525b16aedf5aa0de657ba637b39"));
}

TEST(AesGcm, OpensWhatItSealed) {
  const Secret key = random_aes_key();
  for (const std::size_t size : {0U, 1U, 15U, 16U, 17U, 100'000U}) {
    const std::string text(size, 'x');
    const Result<std::string> sealed = seal(key, text, "table/row");
    ASSERT_TRUE(sealed);
    EXPECT_EQ(sealed->size(), size + kSealOverheadBytes);
    const Result<Secret> opened = open_sealed(key, *sealed, "table/row");
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->view(), text);
  }
}

TEST(AesGcm, SealsTheSameTextDifferentlyEachTime) {
  const Secret key = random_aes_key();
  EXPECT_NE(*seal(key, "text", ""), *seal(key, "text", ""));
}

TEST(AesGcm, RefusesEveryChange) {
  const Secret key = random_aes_key();
  const std::string sealed = *seal(key, "secret", "here");
  const auto opens = [](const Secret& with, std::string_view text, std::string_view associated) {
    const Result<Secret> opened = open_sealed(with, text, associated);
    EXPECT_TRUE(opened || opened.error().code == Code::corrupt_data);
    return opened.has_value();
  };
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    std::string changed = sealed;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(opens(key, changed, "here")) << "bit " << bit;
  }
  for (std::size_t size = 0; size < sealed.size(); ++size)
    EXPECT_FALSE(opens(key, sealed.substr(0, size), "here")) << size << " bytes";
  EXPECT_FALSE(opens(key, sealed + '\0', "here"));
  EXPECT_FALSE(opens(key, sealed, "there"));
  EXPECT_FALSE(opens(random_aes_key(), sealed, "here"));
}

TEST(AesGcm, RefusesAKeyOfAnotherSize) {
  EXPECT_EQ(seal(Secret(std::string(16, 'k')), "text", "").error().code, Code::invalid_argument);
  EXPECT_EQ(open_sealed(Secret(), std::string(40, 'x'), "").error().code, Code::invalid_argument);
}

}  // namespace
}  // namespace outcrop::crypto
