#include "crypto/crc.h"

#include "base/random.h"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace outcrop::crypto {
namespace {

std::string random_text(std::size_t size, std::uint64_t seed) {
  Random random(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random.next_u32());
  return text;
}

/// By the definition: one bit at a time.
template <class Word>
Word reference(std::string_view bytes, Word reflected) {
  Word state = static_cast<Word>(~Word{0});
  for (const char c : bytes) {
    state ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ ((state & 1) != 0 ? reflected : 0);
  }
  return static_cast<Word>(~state);
}

template <class Check>
auto value_of(std::string_view bytes) {
  Check check;
  check.update(bytes);
  return check.value();
}

TEST(Crc, GivesTheCatalogueValues) {
  EXPECT_EQ(value_of<Crc32>("123456789"), 0xcbf43926U);
  EXPECT_EQ(value_of<Crc32c>("123456789"), 0xe3069283U);
  EXPECT_EQ(value_of<Crc64Nvme>("123456789"), 0xae8b14860a799888U);
}

// RFC 3720, appendix B.4, and the NVM Express examples for 4 KiB of zeros and of ones.
TEST(Crc, GivesThePublishedValuesOfLongInputs) {
  EXPECT_EQ(value_of<Crc32c>(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(value_of<Crc32c>(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(value_of<Crc64Nvme>(std::string(4096, '\0')), 0x6482d367eb22b64eU);
  EXPECT_EQ(value_of<Crc64Nvme>(std::string(4096, '\xff')), 0xc0ddba7302eca3acU);
}

TEST(Crc, IsZeroForNoBytes) {
  EXPECT_EQ(value_of<Crc32>(""), 0U);
  EXPECT_EQ(value_of<Crc64Nvme>(""), 0U);
}

TEST(Crc, AgreesWithTheDefinitionAtEveryLength) {
  const std::string text = random_text(700, 1);
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const std::string_view bytes = std::string_view(text).substr(text.size() - size);
    ASSERT_EQ(value_of<Crc32>(bytes), reference<std::uint32_t>(bytes, 0xEDB88320)) << size;
    ASSERT_EQ(value_of<Crc32c>(bytes), reference<std::uint32_t>(bytes, 0x82F63B78)) << size;
    ASSERT_EQ(value_of<Crc64Nvme>(bytes), reference<std::uint64_t>(bytes, 0x9A6C9329AC4BC9B5)) << size;
  }
}

TEST(Crc, DoesNotDependOnHowTheBytesAreCut) {
  const std::string text = random_text(5000, 2);
  Random random(3);
  for (int round = 0; round < 100; ++round) {
    Crc32 crc32_pieces;
    Crc64Nvme crc64_pieces;
    std::string_view rest = text;
    while (!rest.empty()) {
      const std::string_view piece = rest.substr(0, 1 + random.below(600));
      crc32_pieces.update(piece);
      crc64_pieces.update(piece);
      rest.remove_prefix(piece.size());
    }
    ASSERT_EQ(crc32_pieces.value(), crc32(text));
    ASSERT_EQ(crc64_pieces.value(), value_of<Crc64Nvme>(text));
  }
}

}  // namespace
}  // namespace outcrop::crypto
