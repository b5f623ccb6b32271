#include "formats/safetensors.h"

#include "formats/images.h"
#include "support/temporary_folder.h"

#include <string>

namespace outcrop::formats {
namespace {

using namespace test;
using testing::ElementsAre;

/// Tensors point into the image: a test that reads them keeps it.
Result<Safetensors> parse(std::string_view image) {
  return Safetensors::parse(bytes_of(image), "x.safetensors");
}

Result<Safetensors> parse(std::string_view header, std::string_view data) {
  return parse(safetensors_image(header, data));
}

/// The file of the format's own description: a length, a header, the values.
TEST(Safetensors, ReadsBytesWrittenByHand) {
  const std::string image(
      "\x5B\0\0\0\0\0\0\0"
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"__metadata__":{"format":"pt"}})"
      "      "
      "\x00\x00\x80\x3F"
      "\x00\x00\x20\xC0",
      8 + 91 + 8);
  const auto file = parse(image);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->tensors().size(), 1U);
  const TensorEntry& a = file->tensors().front();
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.dtype, DType::f32);
  EXPECT_THAT(a.shape, ElementsAre(2));
  EXPECT_EQ(a.elements(), 2);
  std::array<float, 2> values{};
  std::memcpy(values.data(), a.bytes.data(), a.bytes.size());
  EXPECT_THAT(values, ElementsAre(1.0F, -2.5F));
  EXPECT_EQ(file->metadata().at("format"), "pt");
}

TEST(Safetensors, ListsTensorsInTheOrderOfTheirData) {
  const std::string image = safetensors_image(
      R"({"late":{"dtype":"U8","shape":[2],"data_offsets":[3,5]},"early":{"dtype":"I8","shape":[3],"data_offsets":[0,3]}})",
      "abcde");
  const auto file = parse(image);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->tensors().size(), 2U);
  EXPECT_EQ(file->tensors()[0].name, "early");
  ASSERT_NE(file->find("late"), nullptr);
  EXPECT_EQ(static_cast<char>(file->find("late")->bytes[0]), 'd');
  EXPECT_EQ(file->find("lat"), nullptr);
}

TEST(Safetensors, ReadsScalarsEmptyTensorsAndFilesWithoutAny) {
  const auto file = parse(
      R"({"e":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},"s":{"dtype":"BOOL","shape":[],"data_offsets":[0,1]}})",
      "\x01");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->find("e")->elements(), 0);
  EXPECT_EQ(file->find("s")->elements(), 1);
  EXPECT_TRUE(parse("{}", "")->tensors().empty());
}

TEST(Safetensors, KnowsEveryElementType) {
  for (const auto& [name, size] : {std::pair{"F64", 8},
                                   {"F32", 4},
                                   {"F16", 2},
                                   {"BF16", 2},
                                   {"I64", 8},
                                   {"I32", 4},
                                   {"I16", 2},
                                   {"I8", 1},
                                   {"U8", 1},
                                   {"BOOL", 1}}) {
    const std::string header = std::string(R"({"t":{"dtype":")") + name +
                               R"(","shape":[3],"data_offsets":[0,)" + std::to_string(3 * size) + "]}}";
    const auto file = parse(header, std::string(static_cast<std::size_t>(3 * size), 'x'));
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(to_string(file->tensors()[0].dtype), name);
  }
}

TEST(Safetensors, RefusesALengthBeyondTheFile) {
  expect_error(parse(""), Code::corrupt_data, {"x.safetensors: ", "0 bytes"});
  expect_error(parse("\x02\0\0"), Code::corrupt_data, {"x.safetensors: "});
  expect_error(parse(raw(std::uint64_t{3}) + "{}"), Code::corrupt_data, {"header says 3 bytes", "file has 2"});
  expect_error(parse(raw(~std::uint64_t{0}) + "{}"), Code::corrupt_data,
               {"header says 18446744073709551615 bytes"});
  expect_error(parse(raw(std::uint64_t{100'000'001}) + "{}"), Code::corrupt_data, {"the limit is 100000000"});
  expect_error(parse(raw(std::uint64_t{1} << 63) + "{}"), Code::corrupt_data, {"the limit is 100000000"});
}

TEST(Safetensors, RefusesAHeaderThatIsNoObject) {
  for (const std::string_view header : {"", " {}", "[]", "null", "\"{\"", "x"}) {
    expect_error(parse(header, ""), Code::corrupt_data, {"x.safetensors: header does not start with '{'"});
  }
  expect_error(parse("{\"a\":", ""), Code::corrupt_data, {"x.safetensors: header: line 1, column "});
  expect_error(parse("{} {}", ""), Code::corrupt_data, {"x.safetensors: header: "});
  expect_error(parse("{\"\xff\":{}}", ""), Code::corrupt_data, {"x.safetensors: header: "});
}

TEST(Safetensors, RefusesDeepNestingWithoutFollowingIt) {
  expect_error(parse("{\"a\":" + std::string(1'000'000, '['), ""), Code::corrupt_data, {"deeper than 8"});
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  expect_error(parse(objects, ""), Code::corrupt_data, {"deeper than 8"});
}

TEST(Safetensors, RefusesTwoTensorsOfOneName) {
  expect_error(parse(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                     R"("a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                     "ab"),
               Code::corrupt_data, {"x.safetensors: header: ", "duplicate key \"a\""});
}

/// One tensor named 'w' with members in place of the good ones, over four bytes of data.
Result<Safetensors> one(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return parse("{\"w\":{\"dtype\":" + std::string(dtype) + ",\"shape\":" + std::string(shape) +
                   ",\"data_offsets\":" + std::string(offsets) + "}}",
               "four");
}

TEST(Safetensors, RefusesOffsetsOutsideTheData) {
  EXPECT_TRUE(one(R"("U8")", "[4]", "[0,4]"));
  for (const char* offsets :
       {"[0,5]", "[4,3]", "[5,9]", "[0,18446744073709551615]", "[18446744073709551612,4]"}) {
    expect_error(one(R"("U8")", "[4]", offsets), Code::corrupt_data,
                 {"x.safetensors: tensor 'w': data_offsets [", "outside the 4 bytes of data"});
  }
}

TEST(Safetensors, RefusesOffsetsThatAreNotTwoNaturalNumbers) {
  for (const char* offsets : {"[]", "[0]", "[0,4,4]", "[-1,4]", "[0,4.0]", "[0,\"4\"]", "null", "4", "{}",
                              "[0,18446744073709551616]"}) {
    expect_error(one(R"("U8")", "[4]", offsets), Code::corrupt_data,
                 {"x.safetensors: tensor 'w': 'data_offsets' must be two offsets"});
  }
}

TEST(Safetensors, RefusesOffsetsThatDoNotFitShapeAndType) {
  expect_error(one(R"("U8")", "[3]", "[0,4]"), Code::corrupt_data,
               {"tensor 'w': shape [3] of U8 needs 3 bytes, data_offsets hold 4"});
  expect_error(one(R"("F32")", "[2,1]", "[0,4]"), Code::corrupt_data,
               {"tensor 'w': shape [2, 1] of F32 needs 8 bytes, data_offsets hold 4"});
}

TEST(Safetensors, RefusesShapesWhoseProductOverflows) {
  // Modulo 2^64 these products are 4 bytes or none.
  for (const char* shape : {"[4294967296,4294967296]", "[9223372036854775807,2]", "[4611686018427387905,4]",
                            "[2305843009213693953,2,2,2,1]"}) {
    expect_error(one(R"("U8")", shape, "[0,4]"), Code::corrupt_data,
                 {"tensor 'w': shape [", "needs over 2^63 bytes"});
  }
  expect_error(one(R"("F32")", "[4611686018427387905]", "[0,4]"), Code::corrupt_data,
               {"needs over 2^63 bytes"});
}

TEST(Safetensors, RefusesShapesThatAreNotNaturalNumbers) {
  for (const char* size : {"-1", "1.5", "\"4\"", "null", "[4]", "9223372036854775808"}) {
    expect_error(one(R"("U8")", "[2," + std::string(size) + "]", "[0,4]"), Code::corrupt_data,
                 {"x.safetensors: tensor 'w': shape[1] must be an integer from 0 to 2^63-1, found ", size});
  }
  expect_error(one(R"("U8")", "4", "[0,4]"), Code::corrupt_data, {"tensor 'w': 'shape' must be an array"});
}

TEST(Safetensors, RefusesUnknownTypesByName) {
  expect_error(
      one(R"("F8_E4M3")", "[4]", "[0,4]"), Code::unsupported,
      {"x.safetensors: tensor 'w': dtype 'F8_E4M3' is not supported, known are F64, F32, F16, BF16, "});
  expect_error(one(R"("f32")", "[1]", "[0,4]"), Code::unsupported, {"dtype 'f32'"});
  expect_error(one("32", "[1]", "[0,4]"), Code::corrupt_data, {"tensor 'w': 'dtype' must be a string"});
  expect_error(parse(R"({"w":{}})", ""), Code::corrupt_data, {"tensor 'w': 'dtype' must be a string"});
  expect_error(parse(R"({"w":[]})", ""), Code::corrupt_data, {"x.safetensors: tensor 'w': must be an object"});
}

constexpr std::string_view kTwo =
    R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[%a,%b]},"b":{"dtype":"U8","shape":[2],"data_offsets":[%c,%d]}})";

Result<Safetensors> two(std::initializer_list<int> offsets, std::size_t data_bytes) {
  std::string header(kTwo);
  char mark = 'a';
  for (const int offset : offsets) header.replace(header.find({'%', mark++}), 2, std::to_string(offset));
  return parse(header, std::string(data_bytes, 'x'));
}

TEST(Safetensors, RefusesOverlapsHolesAndLeftovers) {
  EXPECT_TRUE(two({0, 2, 2, 4}, 4));
  EXPECT_TRUE(two({2, 4, 0, 2}, 4));
  expect_error(two({0, 2, 1, 3}, 3), Code::corrupt_data,
               {"x.safetensors: tensor 'b' starts at byte 1 of the data, the one before ends at 2"});
  expect_error(two({0, 2, 0, 2}, 2), Code::corrupt_data, {"tensor 'b' starts at byte 0"});
  expect_error(two({0, 2, 3, 5}, 5), Code::corrupt_data, {"tensor 'b' starts at byte 3", "ends at 2"});
  expect_error(two({1, 3, 3, 5}, 5), Code::corrupt_data, {"tensor 'a' starts at byte 1", "ends at 0"});
  expect_error(two({0, 2, 2, 4}, 9), Code::corrupt_data, {"tensors end at byte 4, data has 9"});
}

TEST(Safetensors, RefusesMetadataThatIsNotTexts) {
  expect_error(parse(R"({"__metadata__":[]})", ""), Code::corrupt_data, {"'__metadata__' must be an object"});
  expect_error(parse(R"({"__metadata__":{"steps":3}})", ""), Code::corrupt_data,
               {"x.safetensors: __metadata__['steps'] must be a string"});
}

TEST(Safetensors, ReadsManyTensorsAndNamesTheBadOne) {
  std::string header = "{";
  constexpr int kCount = 20'000;
  for (int i = 0; i < kCount; ++i) {
    header += "\"t" + std::to_string(i) + R"(":{"dtype":"U8","shape":[1],"data_offsets":[)" +
              std::to_string(i) + "," + std::to_string(i + 1) + "]},";
  }
  header.back() = '}';
  const std::string data(kCount, 'x');
  const auto file = parse(header, data);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->tensors().size(), static_cast<std::size_t>(kCount));
  EXPECT_NE(file->find("t19999"), nullptr);
  expect_error(parse(header, data.substr(1)), Code::corrupt_data,
               {"tensor 't19999': data_offsets [19999, 20000]"});
}

TEST(Safetensors, KeepsErrorsShortWhateverTheNames) {
  const std::string name(1'000'000, 'n');
  const auto file =
      parse("{\"" + name + R"(":{"dtype":")" + name + R"(","shape":[1],"data_offsets":[0,1]}})", "x");
  ASSERT_FALSE(file);
  EXPECT_LT(file.error().message.size(), 1000U);
}

TEST(Safetensors, SaysWhatAWrongFileIs) {
  const std::string pickle_middle("\x8A\nl\xFC\x9C\x46\xF9 j\xA8P\x19.", 14);
  for (const std::string& image :
       {std::string("PK\x03\x04\0\0\0\0\0\0archive/data.pkl", 26), "\x80\x02" + pickle_middle,
        std::string("\x80\x04\x95\x10\0\0\0\0\0\0\0}", 12),
        std::string("\x80\x05\x95\x10\0\0\0\0\0\0\0}", 12)}) {
    expect_error(parse(image), Code::unsupported, {"x.safetensors: is a pickle (PyTorch) file"});
  }
  expect_error(parse("version https://git-lfs.github.com/spec/v1\noid sha256:0"), Code::unsupported,
               {"Git LFS pointer"});
  expect_error(parse(GgufImage().image()), Code::unsupported, {"is a GGUF file"});
  expect_error(parse("<!DOCTYPE html><html>"), Code::unsupported, {"is a web page"});
}

/// A header's length may have the bytes of another format's magic: 0x3C bytes is '<'.
TEST(Safetensors, TakesNoLengthForAMagic) {
  std::string header = "{}";
  header.resize(0x3C, ' ');
  EXPECT_TRUE(parse(header, ""));
}

TEST(Safetensors, OpensAFileAndNamesItsPathInErrors) {
  const outcrop::test::TemporaryFolder folder;
  const Path path = folder / "weights.safetensors";
  ASSERT_TRUE(write_file_atomic(
      path, safetensors_image(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "ab")));
  auto opened = Safetensors::open(path);
  ASSERT_TRUE(opened) << opened.error().message;
  const Safetensors file = *std::move(opened);
  file.drop_resident_pages();
  EXPECT_EQ(static_cast<char>(file.find("a")->bytes[1]), 'b');
  ASSERT_TRUE(write_file_atomic(path, ""));
  expect_error(Safetensors::open(path), Code::corrupt_data, {path.c_str()});
  expect_error(Safetensors::open(folder / "none"), Code::not_found, {"none"});
}

}  // namespace
}  // namespace outcrop::formats
