#include "formats/gguf.h"
#include "formats/images.h"
#include "support/temporary_folder.h"

#include <limits>
#include <string>
#include <vector>

namespace outcrop::formats {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::Optional;

class GgufWriterTest : public testing::Test {
 protected:
  Path path() const { return folder_ / "w.gguf"; }
  void expect_refused(std::vector<GgufWriter::KeyValue> metadata, std::vector<GgufWriter::Declaration> tensors,
                      std::initializer_list<const char*> parts) const {
    expect_error(GgufWriter::create(path(), std::move(metadata), std::move(tensors)), Code::invalid_argument,
                 parts);
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
  }
  outcrop::test::TemporaryFolder folder_;
};

/// Sixty-four values that every type written holds exactly: a largest of -8 makes Q4_0's scale 1, and 127
/// Q8_0's.
std::vector<float> exact_values(GgufType type) {
  std::vector<float> values(64);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 16) - 8.0F;
  if (type == GgufType::q8_0) values[0] = values[32] = 127.0F;
  return values;
}

TEST_F(GgufWriterTest, EveryTypeComesBackAsItWasWritten) {
  const std::vector<GgufType> types{GgufType::f32, GgufType::f16, GgufType::bf16, GgufType::q8_0,
                                    GgufType::q4_0};
  std::vector<GgufWriter::Declaration> tensors;
  for (const GgufType type : types) tensors.push_back({std::string(to_string(type)), type, {2, 32}});
  auto writer = GgufWriter::create(path(), {}, tensors);
  ASSERT_TRUE(writer) << writer.error().message;
  for (const GgufType type : types) ASSERT_TRUE(writer->write(quantize(type, exact_values(type))));
  ASSERT_TRUE(writer->finish());
  const auto file = Gguf::open(path());
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->tensors().size(), types.size());
  for (std::size_t i = 0; i < types.size(); ++i) {
    const GgufTensor& tensor = file->tensors()[i];
    EXPECT_EQ(tensor.name, to_string(types[i]));
    EXPECT_EQ(tensor.type, types[i]);
    EXPECT_THAT(tensor.shape, ElementsAre(2, 32));
    std::vector<float> values(64);
    dequantize(tensor, 0, values);
    EXPECT_EQ(values, exact_values(types[i])) << tensor.name;
  }
}

TEST_F(GgufWriterTest, EveryKindOfValueComesBackAsItWasWritten) {
  auto writer = GgufWriter::create(path(),
                                   {{"u32", std::uint32_t{7}},
                                    {"i32", std::int32_t{-7}},
                                    {"f32", 0.5F},
                                    {"bool", true},
                                    {"text", std::string("té")},
                                    {"texts", std::vector<std::string>{"a", ""}},
                                    {"i32s", std::vector<std::int32_t>{1, -1}},
                                    {"f32s", std::vector<float>{0.25F}}},
                                   {});
  ASSERT_TRUE(writer && writer->finish());
  const auto file = Gguf::open(path());
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->metadata().size(), 8U);
  EXPECT_THAT(file->integer("u32"), Optional(7));
  EXPECT_THAT(file->integer("i32"), Optional(-7));
  EXPECT_THAT(file->number("f32"), Optional(0.5));
  EXPECT_THAT(file->boolean("bool"), Optional(true));
  EXPECT_THAT(file->text("text"), Optional(std::string("té")));
  EXPECT_THAT(*file->texts("texts"), ElementsAre("a", ""));
  EXPECT_THAT(file->numbers("i32s"), Optional(ElementsAre(1.0, -1.0)));
  EXPECT_THAT(file->numbers("f32s"), Optional(ElementsAre(0.25)));
}

TEST_F(GgufWriterTest, WritesTheBytesThatTheFormatAsksFor) {
  auto writer = GgufWriter::create(path(), {{"a", std::uint32_t{1}}},
                                   {{"w", GgufType::f16, {1, 3}}, {"v", GgufType::f32, {1}}});
  ASSERT_TRUE(writer && writer->write(bytes_of("sixbyt")) && writer->write(bytes_of("four")) &&
              writer->finish());
  GgufImage expected;
  expected.key("a", kU32, raw(1U)).tensor("w", {3, 1}, 1, 0).tensor("v", {1}, 0, 32);
  expected.data("sixbyt" + std::string(26, '\0') + "four" + std::string(28, '\0'));
  EXPECT_EQ(*read_file(path()), expected.image());
}

TEST_F(GgufWriterTest, TakesWholeTensorsInOrder) {
  {
    auto writer = GgufWriter::create(path(), {}, {{"a", GgufType::f32, {1}}, {"b", GgufType::f32, {2}}});
    ASSERT_TRUE(writer);
    expect_error(writer->write(bytes_of("eight by")), Code::internal,
                 {"tensor 0 of 2: got 8 bytes, declared 4"});
    ASSERT_TRUE(writer->write(bytes_of("four")));
    expect_error(writer->finish(), Code::internal, {"1 of 2 declared tensors were written"});
    ASSERT_TRUE(writer->write(bytes_of("eight by")));
    expect_error(writer->write(bytes_of("more")), Code::internal, {"tensor 2 of 2"});
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << "an unfinished file leaves nothing";
}

TEST_F(GgufWriterTest, RefusesRowsThatCutABlock) {
  expect_refused({}, {{"w", GgufType::q8_0, {4, 33}}},
                 {"w.gguf: tensor 'w': has rows that Q8_0 blocks of 32 do not fill"});
  expect_refused({}, {{"w", GgufType::q4_0, {32, 16}}}, {"Q4_0 blocks of 32"});
}

TEST_F(GgufWriterTest, RefusesShapesThatNoReaderWouldTake) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  expect_refused({}, {{"w", GgufType::f32, {}}}, {"tensor 'w'", "0 dimensions"});
  expect_refused({}, {{"w", GgufType::f32, {1, 1, 1, 1, 1}}}, {"tensor 'w'", "5 dimensions"});
  expect_refused({}, {{"w", GgufType::f32, {2, -1}}}, {"w.gguf: tensor 'w': is too large"});
  expect_refused({}, {{"w", GgufType::f32, {kMost, 2}}}, {"w.gguf: tensor 'w': is too large"});
  expect_refused({}, {{"w", GgufType::f32, {kMost}}}, {"w.gguf: tensor 'w': is too large"});
}

TEST_F(GgufWriterTest, RefusesNamesThatNoReaderWouldTake) {
  expect_refused({}, {{"", GgufType::f32, {1}}}, {"tensor name ''"});
  expect_refused({}, {{std::string(64, 'w'), GgufType::f32, {1}}}, {"tensor name 'ww"});
  expect_refused({}, {{"w", GgufType::f32, {1}}, {"w", GgufType::f32, {1}}}, {"tensor name 'w'"});
  expect_refused({{"", true}}, {}, {"key ''"});
  expect_refused({{"k", true}, {"k", false}}, {}, {"key 'k'"});
}

}  // namespace
}  // namespace outcrop::formats
