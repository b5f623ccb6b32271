// GGUF files that lie about their sizes. CVE-2024-21802 and its relatives (CVE-2024-21825, -21836, -23496,
// -23605) were counts and lengths of this format that a reader multiplied or allocated before it looked at the
// file.

#include "formats/gguf.h"
#include "formats/images.h"

#include <limits>
#include <string>

namespace outcrop::formats {
namespace {

using namespace test;

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

void expect_refused(const std::string& image, Code code, std::initializer_list<const char*> parts) {
  const auto file = Gguf::parse(bytes_of(image), "x.gguf");
  expect_error(file, code, parts);
  EXPECT_TRUE(file || file.error().message.find("x.gguf") != std::string::npos);
}

TEST(HostileGguf, RefusesAnotherMagic) {
  GgufImage image;
  for (const char* magic : {"GGML", "gguf", "FUGG", "ggjt"}) {
    image.magic = magic;
    expect_refused(image.image(), Code::corrupt_data, {"does not start with 'GGUF'"});
  }
}

TEST(HostileGguf, RefusesOtherVersionsByNumber) {
  GgufImage image;
  for (const std::uint32_t version : {0U, 1U, 4U, 0x10003U, 0xFFFFFFFFU}) {
    image.version = version;
    expect_refused(image.image(), Code::unsupported,
                   {("version " + std::to_string(version) + " is not supported, known are 2 and 3").c_str()});
  }
}

TEST(HostileGguf, CallsABigEndianFileByItsName) {
  GgufImage image;
  image.version = 0x03000000U;
  image.values = std::uint64_t{1} << 56;
  expect_refused(image.image(), Code::unsupported, {"is a big-endian GGUF file", "gguf_convert_endian"});
}

/// Whatever is cut off the end, the reader says so and reads nothing behind it.
TEST(HostileGguf, RefusesEveryPrefixOfAGoodFile) {
  GgufImage image;
  image.key("general.name", kString, GgufImage::text("tiny"));
  image.key("list", kArray,
            raw(std::uint32_t{kString}) + raw(std::uint64_t{2}) + GgufImage::text("a") + GgufImage::text("b"));
  image.tensor("w", {32, 2}, 8, 0).data(std::string(68, 'q'));
  const std::string whole = image.image();
  ASSERT_TRUE(Gguf::parse(bytes_of(whole), "x.gguf"));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    // A copy of its own, so that the address sanitizer sees a read past it.
    const std::vector<char> prefix(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const auto file = Gguf::parse(std::as_bytes(std::span(prefix)), "x.gguf");
    ASSERT_FALSE(file) << size;
    ASSERT_EQ(file.error().code, Code::corrupt_data) << file.error().message;
  }
}

TEST(HostileGguf, RefusesCountsThatTheFileCannotHold) {
  for (const std::uint64_t count :
       {std::uint64_t{1}, std::uint64_t{1} << 32, std::uint64_t{1} << 58, kMost / 13 + 1, kMost}) {
    GgufImage image;
    image.tensors = count;
    expect_refused(image.image(), Code::corrupt_data,
                   {(std::to_string(count) + " tensors in 0 bytes").c_str()});
    image.tensors = 0;
    image.values = count;
    expect_refused(image.image(), Code::corrupt_data,
                   {(std::to_string(count) + " key-values in 0 bytes").c_str()});
  }
}

TEST(HostileGguf, RefusesStringLengthsBeyondTheFile) {
  for (const std::uint64_t length :
       {std::uint64_t{100}, std::uint64_t{1} << 40, std::uint64_t{1} << 63, kMost - 7, kMost}) {
    expect_refused(GgufImage().key("k", kString, raw(length) + "short").image(), Code::corrupt_data,
                   {"key 'k'", "string"});
    GgufImage keys;
    keys.values = 1;
    expect_refused(keys.image() + raw(length) + "k" + raw(4U) + raw(1U), Code::corrupt_data, {"key"});
    GgufImage tensors;
    tensors.tensors = 1;
    expect_refused(tensors.image() + raw(length) + std::string(32, 'w'), Code::corrupt_data, {"tensor name"});
  }
}

std::string array(std::uint32_t type, std::uint64_t count) {
  return raw(type) + raw(count);
}

TEST(HostileGguf, RefusesArrayLengthsBeyondTheFile) {
  for (std::uint32_t type = 0; type <= kF64; ++type) {
    if (type == kArray) continue;
    for (const std::uint64_t count :
         {std::uint64_t{100}, std::uint64_t{1} << 24, std::uint64_t{1} << 61, kMost}) {
      expect_refused(GgufImage().key("k", kArray, array(type, count) + "1234").image(), Code::corrupt_data,
                     {"key 'k'", "array of ", std::to_string(count).c_str()});
    }
  }
  // The lengths of the strings add up to more than there is.
  expect_refused(
      GgufImage().key("k", kArray, array(kString, 2) + raw(std::uint64_t{4}) + "four" + raw(kMost)).image(),
      Code::corrupt_data, {"key 'k'", "string"});
}

TEST(HostileGguf, RefusesArraysOfArrays) {
  std::string nested;
  for (int depth = 0; depth < 100'000; ++depth) nested += array(kArray, 1);
  expect_refused(GgufImage().key("k", kArray, nested).image(), Code::unsupported,
                 {"key 'k'", "arrays of arrays are not supported"});
}

TEST(HostileGguf, RefusesUnknownValueTypes) {
  expect_refused(GgufImage().key("k", 13, "12345678").image(), Code::corrupt_data,
                 {"key 'k'", "value type 13 is unknown"});
  expect_refused(GgufImage().key("k", kArray, array(99, 1) + "1").image(), Code::corrupt_data,
                 {"value type 99"});
}

TEST(HostileGguf, RefusesBooleansThatAreNeither) {
  expect_refused(GgufImage().key("k", kBool, "\x02").image(), Code::corrupt_data,
                 {"boolean must be 0 or 1, found 2"});
}

TEST(HostileGguf, RefusesKeysThatAreEmptyTwiceOrTooLong) {
  expect_refused(GgufImage().key("", kU8, "x").image(), Code::corrupt_data, {"empty key"});
  expect_refused(GgufImage().key("k", kU8, "x").key("k", kU8, "y").image(), Code::corrupt_data,
                 {"key 'k' appears twice"});
  expect_refused(GgufImage().key(std::string(65'536, 'k'), kU8, "x").image(), Code::corrupt_data,
                 {"the limit is 65535"});
}

TEST(HostileGguf, RefusesAlignmentsThatAreNoPowerOfTwo) {
  for (const std::uint32_t alignment : {0U, 3U, 33U, 48U, 0x80000000U, 0xFFFFFFFFU}) {
    expect_refused(
        GgufImage().key("general.alignment", kU32, raw(alignment)).image(), Code::corrupt_data,
        {"general.alignment must be a power of two", ("found " + std::to_string(alignment)).c_str()});
  }
  expect_refused(GgufImage().key("general.alignment", kString, GgufImage::text("32")).image(),
                 Code::corrupt_data, {"general.alignment must be a power of two"});
  expect_refused(GgufImage().key("general.alignment", kI32, raw(-32)).image(), Code::corrupt_data,
                 {"general.alignment"});
}

GgufImage one_tensor(std::initializer_list<std::uint64_t> sizes, std::uint32_t type, std::uint64_t offset) {
  return GgufImage().tensor("w", sizes, type, offset).data(std::string(64, '\0'));
}

TEST(HostileGguf, RefusesMoreThanFourDimensions) {
  EXPECT_TRUE(Gguf::parse(bytes_of(one_tensor({2, 2, 2, 2}, 0, 0).image()), "x.gguf"));
  expect_refused(one_tensor({1, 1, 1, 1, 1}, 0, 0).image(), Code::corrupt_data,
                 {"tensor 'w': 5 dimensions, the limit is 4"});
  GgufImage many;
  many.tensors = 1;
  expect_refused(many.image() + GgufImage::text("w") + raw(0xFFFFFFFFU) + std::string(64, '\1'),
                 Code::corrupt_data, {"4294967295 dimensions"});
}

TEST(HostileGguf, RefusesSizesWhoseProductOverflows) {
  expect_refused(one_tensor({std::uint64_t{1} << 63}, 0, 0).image(), Code::corrupt_data,
                 {"tensor 'w': size 0 passes 2^63-1"});
  expect_refused(one_tensor({kMost, 4}, 0, 0).image(), Code::corrupt_data,
                 {"tensor 'w': size 0 passes 2^63-1"});
  // 2^64 and 2^64 + 4 elements, which wrap around to 0 and 4.
  expect_refused(one_tensor({std::uint64_t{1} << 32, std::uint64_t{1} << 32}, 0, 0).image(), Code::corrupt_data,
                 {"more than 2^63-1 elements"});
  expect_refused(one_tensor({(std::uint64_t{1} << 62) + 1, 4}, 0, 0).image(), Code::corrupt_data,
                 {"more than 2^63-1 elements"});
  expect_refused(one_tensor({std::uint64_t{1} << 62, 1}, 0, 0).image(), Code::corrupt_data,
                 {"more than 2^63-1 bytes"});
}

TEST(HostileGguf, RefusesRowsThatCutABlock) {
  expect_refused(one_tensor({31}, 8, 0).image(), Code::corrupt_data,
                 {"tensor 'w': rows of 31 elements, Q8_0 packs 32"});
  // The elements fill two blocks, the rows do not.
  expect_refused(one_tensor({16, 4}, 8, 0).image(), Code::corrupt_data, {"rows of 16 elements"});
  expect_refused(one_tensor({128, 2}, 12, 0).image(), Code::corrupt_data,
                 {"rows of 128 elements, Q4_K packs 256"});
  expect_refused(one_tensor({}, 8, 0).image(), Code::corrupt_data, {"rows of 1 elements"});
}

TEST(HostileGguf, RefusesTensorsOutsideTheData) {
  EXPECT_TRUE(Gguf::parse(bytes_of(one_tensor({8}, 0, 32).image()), "x.gguf"));
  for (const std::uint64_t offset : {std::uint64_t{64}, std::uint64_t{1} << 40, kMost - 31}) {
    expect_refused(one_tensor({8}, 0, offset).image(), Code::corrupt_data,
                   {"tensor 'w': 32 bytes at offset ", std::to_string(offset).c_str(), "the data has 64"});
  }
  expect_refused(one_tensor({17}, 0, 0).image(), Code::corrupt_data,
                 {"tensor 'w': 68 bytes at offset 0, the data has 64"});
  expect_refused(GgufImage().tensor("w", {8}, 0, 0).image(), Code::corrupt_data, {"the data has 0"});
}

TEST(HostileGguf, RefusesOffsetsOffTheAlignment) {
  expect_refused(one_tensor({4}, 0, 16).image(), Code::corrupt_data,
                 {"tensor 'w': offset 16 is not a multiple of the alignment 32"});
}

TEST(HostileGguf, RefusesTensorsThatOverlap) {
  GgufImage image;
  image.tensor("a", {16}, 0, 0).tensor("b", {8}, 0, 32).data(std::string(64, '\0'));
  expect_refused(image.image(), Code::corrupt_data, {"tensors 'a' and 'b' overlap"});
}

TEST(HostileGguf, RefusesTensorNamesThatAreEmptyTwiceOrTooLong) {
  GgufImage twice;
  twice.tensor("w", {8}, 0, 0).tensor("w", {8}, 0, 32).data(std::string(64, '\0'));
  expect_refused(twice.image(), Code::corrupt_data, {"tensor 'w' appears twice"});
  expect_refused(GgufImage().tensor("", {8}, 0, 0).image(), Code::corrupt_data, {"empty tensor name"});
  expect_refused(GgufImage().tensor(std::string(65, 'w'), {8}, 0, 0).image(), Code::corrupt_data,
                 {"the limit is 64"});
}

TEST(HostileGguf, RefusesTypesThatItDoesNotUnpackByName) {
  expect_refused(one_tensor({256}, 10, 0).image(), Code::unsupported,
                 {"tensor 'w': type 10 (Q2_K) is not supported, known are F32, F16, BF16, Q4_0, "});
  expect_refused(one_tensor({32}, 39, 0).image(), Code::unsupported, {"type 39 (MXFP4)"});
  expect_refused(one_tensor({32}, 4, 0).image(), Code::unsupported, {"type 4 is not supported"});
  expect_refused(one_tensor({32}, 0xFFFFFFFFU, 0).image(), Code::unsupported, {"type 4294967295"});
}

TEST(HostileGguf, RefusesOneOfSeveralParts) {
  expect_refused(GgufImage().key("split.count", kU16, raw(std::uint16_t{3})).image(), Code::unsupported,
                 {"is one of 3 parts", "llama-gguf-split --merge"});
  EXPECT_TRUE(
      Gguf::parse(bytes_of(GgufImage().key("split.count", kU16, raw(std::uint16_t{1})).image()), "x.gguf"));
}

}  // namespace
}  // namespace outcrop::formats
