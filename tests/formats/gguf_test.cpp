// GGUF files that are read: the layout, byte by byte, and metadata of every kind.

#include "formats/gguf.h"

#include "formats/images.h"
#include "support/temporary_folder.h"

#include <string>

namespace outcrop::formats {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::Optional;

/// Tensors point into the image: a test that reads them keeps it.
Result<Gguf> parse(const std::string& image) {
  return Gguf::parse(bytes_of(image), "x.gguf");
}

/// The layout as the specification draws it.
TEST(Gguf, ReadsBytesWrittenByHand) {
  std::string image(
      "GGUF\x03\0\0\0"
      "\x01\0\0\0\0\0\0\0"
      "\x01\0\0\0\0\0\0\0"
      "\x04\0\0\0\0\0\0\0name\x08\0\0\0\x02\0\0\0\0\0\0\0hi"
      "\x01\0\0\0\0\0\0\0w\x02\0\0\0\x03\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
      24 + 12 + 4 + 10 + 9 + 4 + 16 + 4 + 8);
  image.resize(96);
  for (int i = 0; i < 6; ++i) image += raw(static_cast<float>(i));
  const auto file = parse(image);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_THAT(file->text("name"), Optional(std::string("hi")));
  ASSERT_EQ(file->tensors().size(), 1U);
  const GgufTensor* w = file->find("w");
  ASSERT_NE(w, nullptr);
  EXPECT_EQ(w->type, GgufType::f32);
  EXPECT_THAT(w->shape, ElementsAre(2, 3)) << "rows first, as PyTorch counts";
  EXPECT_EQ(w->elements(), 6);
  std::vector<float> values(6);
  dequantize(*w, 0, values);
  EXPECT_THAT(values, ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(file->find("v"), nullptr);
}

TEST(Gguf, ReadsTheSameFileAsVersionTwo) {
  GgufImage image;
  image.version = 2;
  EXPECT_TRUE(parse(image.key("a", kU8, "\x05").image()));
}

TEST(Gguf, ReadsEveryKindOfValue) {
  GgufImage image;
  image.key("u8", kU8, raw(std::uint8_t{200})).key("i8", kI8, raw(std::int8_t{-100}));
  image.key("u16", kU16, raw(std::uint16_t{60'000})).key("i16", kI16, raw(std::int16_t{-30'000}));
  image.key("u32", kU32, raw(std::uint32_t{4'000'000'000})).key("i32", kI32, raw(std::int32_t{-2'000'000'000}));
  image.key("u64", kU64, raw(~std::uint64_t{0})).key("i64", kI64, raw(std::int64_t{-1} << 62));
  image.key("f32", kF32, raw(0.5F)).key("f64", kF64, raw(0.1));
  image.key("no", kBool, std::string(1, '\0')).key("yes", kBool, "\x01");
  image.key("text", kString, GgufImage::text("t\xC3\xA9"));
  const auto file = parse(image.image());
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->metadata().size(), 13U);
  EXPECT_THAT(file->integer("u8"), Optional(200));
  EXPECT_THAT(file->integer("i8"), Optional(-100));
  EXPECT_THAT(file->integer("u16"), Optional(60'000));
  EXPECT_THAT(file->integer("i16"), Optional(-30'000));
  EXPECT_THAT(file->integer("u32"), Optional(4'000'000'000));
  EXPECT_THAT(file->integer("i32"), Optional(-2'000'000'000));
  EXPECT_EQ(file->integer("u64"), std::nullopt) << "past 2^63-1";
  EXPECT_THAT(file->number("u64"), Optional(0x1p64));
  EXPECT_THAT(file->integer("i64"), Optional(std::int64_t{-1} << 62));
  EXPECT_THAT(file->number("f32"), Optional(0.5));
  EXPECT_THAT(file->number("f64"), Optional(0.1));
  EXPECT_THAT(file->boolean("no"), Optional(false));
  EXPECT_THAT(file->boolean("yes"), Optional(true));
  EXPECT_THAT(file->text("text"), Optional(std::string("té")));
}

TEST(Gguf, AnswersNothingForAnotherKindOrKey) {
  const auto file = parse(GgufImage().key("n", kU32, raw(1U)).key("t", kString, GgufImage::text("x")).image());
  ASSERT_TRUE(file);
  EXPECT_FALSE(file->text("n") || file->boolean("n") || file->texts("n") != nullptr || file->numbers("n"));
  EXPECT_FALSE(file->integer("t") || file->number("t"));
  EXPECT_FALSE(file->text("none") || file->number("none"));
}

std::string array(std::uint32_t type, std::uint64_t count, const std::string& elements) {
  return raw(type) + raw(count) + elements;
}

TEST(Gguf, ReadsArraysOfEveryScalar) {
  GgufImage image;
  image.key("u8", kArray, array(kU8, 2, "\x01\xFF")).key("i8", kArray, array(kI8, 2, "\x01\xFF"));
  image.key("u16", kArray, array(kU16, 1, raw(std::uint16_t{7})))
      .key("i16", kArray, array(kI16, 1, raw(std::int16_t{-7})));
  image.key("u32", kArray, array(kU32, 1, raw(7U))).key("i32", kArray, array(kI32, 1, raw(-7)));
  image.key("u64", kArray, array(kU64, 1, raw(std::uint64_t{7})))
      .key("i64", kArray, array(kI64, 1, raw(std::int64_t{-7})));
  image.key("f32", kArray, array(kF32, 2, raw(0.5F) + raw(-2.0F))).key("f64", kArray, array(kF64, 1, raw(0.1)));
  image.key("bool", kArray, array(kBool, 2, std::string("\1\0", 2)));
  image.key("text", kArray, array(kString, 2, GgufImage::text("a") + GgufImage::text("")));
  image.key("empty", kArray, array(kF32, 0, ""));
  const auto file = parse(image.image());
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_THAT(file->numbers("u8"), Optional(ElementsAre(1.0, 255.0)));
  EXPECT_THAT(file->numbers("i8"), Optional(ElementsAre(1.0, -1.0)));
  for (const char* key : {"u16", "u32", "u64"})
    EXPECT_THAT(file->numbers(key), Optional(ElementsAre(7.0))) << key;
  for (const char* key : {"i16", "i32", "i64"})
    EXPECT_THAT(file->numbers(key), Optional(ElementsAre(-7.0))) << key;
  EXPECT_THAT(file->numbers("f32"), Optional(ElementsAre(0.5, -2.0)));
  EXPECT_THAT(file->numbers("f64"), Optional(ElementsAre(0.1)));
  EXPECT_THAT(file->numbers("empty"), Optional(ElementsAre()));
  EXPECT_EQ(file->numbers("bool"), std::nullopt);
  EXPECT_EQ(file->numbers("text"), std::nullopt);
  ASSERT_NE(file->texts("text"), nullptr);
  EXPECT_THAT(*file->texts("text"), ElementsAre("a", ""));
}

TEST(Gguf, HonoursTheFilesAlignment) {
  GgufImage builder;
  builder.key("general.alignment", kU32, raw(256U)).tensor("a", {4}, 0, 0).tensor("b", {1}, 0, 256);
  builder.data(raw(1.5F) + std::string(252, '\0') + raw(2.5F));
  const std::string image = builder.image(256);
  const auto file = parse(image);
  ASSERT_TRUE(file) << file.error().message;
  float value = 0.0F;
  dequantize(*file->find("b"), 0, {&value, 1});
  EXPECT_EQ(value, 2.5F);
}

TEST(Gguf, NamesTypesAsLlamaCppDoes) {
  EXPECT_EQ(to_string(GgufType::q4_k), "Q4_K");
  EXPECT_EQ(block_of(GgufType::q4_k).elements, 256);
  EXPECT_EQ(block_of(GgufType::q4_k).bytes, 144);
  EXPECT_EQ(block_of(GgufType::q8_0).bytes, 34);
  EXPECT_EQ(block_of(GgufType::bf16).elements, 1);
}

TEST(Gguf, OpensAFileThatStaysMapped) {
  const outcrop::test::TemporaryFolder folder;
  const Path path = folder / "m.gguf";
  ASSERT_TRUE(write_file_atomic(path, GgufImage().tensor("a", {1}, 0, 0).data(raw(3.0F)).image()));
  auto opened = Gguf::open(path);
  ASSERT_TRUE(opened) << opened.error().message;
  std::filesystem::remove(path);
  const Gguf file = *std::move(opened);
  float value = 0.0F;
  dequantize(file.tensors().front(), 0, {&value, 1});
  EXPECT_EQ(value, 3.0F);
  expect_error(Gguf::open(path), Code::not_found, {"m.gguf"});
  ASSERT_TRUE(write_file_atomic(path, ""));
  expect_error(Gguf::open(path), Code::corrupt_data, {path.c_str()});
}

}  // namespace
}  // namespace outcrop::formats
