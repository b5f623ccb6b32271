#include "formats/images.h"
#include "formats/safetensors.h"
#include "support/temporary_folder.h"

#include <limits>
#include <string>

namespace outcrop::formats {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;

class SafetensorsWriterTest : public testing::Test {
 protected:
  Path path() const { return folder_ / "w.safetensors"; }
  bool folder_is_empty() const { return std::filesystem::is_empty(folder_.path()); }
  outcrop::test::TemporaryFolder folder_;
};

TEST_F(SafetensorsWriterTest, WritesWhatTheReaderReads) {
  auto writer = SafetensorsWriter::create(
      path(), {{"m", DType::bf16, {2, 3}}, {"v", DType::f32, {1}}, {"e", DType::i64, {0}}}, {{"step", "7"}});
  ASSERT_TRUE(writer) << writer.error().message;
  ASSERT_TRUE(writer->write(bytes_of("0123")));
  ASSERT_TRUE(writer->write(bytes_of("456789ab")));
  ASSERT_TRUE(writer->write(bytes_of("floa")));
  ASSERT_TRUE(writer->finish());
  const auto file = Safetensors::open(path());
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->tensors().size(), 3U);
  const TensorEntry& m = *file->find("m");
  EXPECT_EQ(m.dtype, DType::bf16);
  EXPECT_THAT(m.shape, ElementsAre(2, 3));
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(m.bytes.data()), m.bytes.size()), "0123456789ab");
  EXPECT_EQ(file->find("e")->elements(), 0);
  EXPECT_THAT(file->metadata(), ElementsAre(testing::Pair("format", "pt"), testing::Pair("step", "7")));
}

TEST_F(SafetensorsWriterTest, WritesTheSameBytesEveryTime) {
  auto writer = SafetensorsWriter::create(path(), {{"a", DType::u8, {2}}});
  ASSERT_TRUE(writer && writer->write(bytes_of("xy")) && writer->finish());
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})";
  EXPECT_EQ(*read_file(path()),
            safetensors_image(header + std::string((8 - header.size() % 8) % 8, ' '), "xy"));
}

TEST_F(SafetensorsWriterTest, StartsTheDataAtAMultipleOfEight) {
  for (std::size_t length = 1; length <= 9; ++length) {
    auto writer = SafetensorsWriter::create(path(), {{std::string(length, 'n'), DType::u8, {1}}});
    ASSERT_TRUE(writer && writer->write(bytes_of("x")) && writer->finish());
    EXPECT_EQ(std::filesystem::file_size(path()) % 8, 1U) << length;
  }
}

TEST_F(SafetensorsWriterTest, KeepsAFormatThatIsGiven) {
  auto writer = SafetensorsWriter::create(path(), {}, {{"format", "np"}});
  ASSERT_TRUE(writer && writer->finish());
  EXPECT_EQ(Safetensors::open(path())->metadata().at("format"), "np");
}

TEST_F(SafetensorsWriterTest, RefusesTooManyAndTooFewBytes) {
  {
    auto writer = SafetensorsWriter::create(path(), {{"a", DType::f32, {2}}});
    ASSERT_TRUE(writer);
    expect_error(writer->write(bytes_of("123456789")), Code::invalid_argument, {"1 bytes more"});
    ASSERT_TRUE(writer->write(bytes_of("1234567")));
    expect_error(writer->finish(), Code::invalid_argument,
                 {"1 bytes of the declared tensors were not written"});
  }
  EXPECT_TRUE(folder_is_empty()) << "an unfinished file leaves nothing";
}

TEST_F(SafetensorsWriterTest, RefusesNamesThatNoReaderWouldTake) {
  expect_error(SafetensorsWriter::create(path(), {{"a", DType::u8, {1}}, {"a", DType::u8, {1}}}),
               Code::invalid_argument, {"w.safetensors: tensor name 'a'"});
  expect_error(SafetensorsWriter::create(path(), {{"", DType::u8, {1}}}), Code::invalid_argument,
               {"tensor name ''"});
  expect_error(SafetensorsWriter::create(path(), {{"__metadata__", DType::u8, {1}}}), Code::invalid_argument,
               {"reserved"});
  EXPECT_TRUE(folder_is_empty());
}

TEST_F(SafetensorsWriterTest, RefusesSizesThatCannotBeCounted) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  for (const std::vector<std::int64_t>& shape : {std::vector<std::int64_t>{kMost, 2}, {kMost}, {-1}}) {
    expect_error(SafetensorsWriter::create(path(), {{"a", DType::f32, shape}}), Code::invalid_argument,
                 {"w.safetensors: tensor 'a' is too large"});
  }
  constexpr std::int64_t kQuarter = std::int64_t{1} << 62;
  expect_error(
      SafetensorsWriter::create(
          path(), {{"a", DType::u8, {kQuarter}}, {"b", DType::u8, {kQuarter}}, {"c", DType::u8, {kQuarter}}}),
      Code::invalid_argument, {"is too large"});
  EXPECT_TRUE(folder_is_empty());
}

TEST_F(SafetensorsWriterTest, ReplacesAFileOnlyWhenFinished) {
  ASSERT_TRUE(write_file_atomic(path(), "old"));
  auto writer = SafetensorsWriter::create(path(), {{"a", DType::u8, {1}}});
  ASSERT_TRUE(writer && writer->write(bytes_of("x")));
  EXPECT_EQ(*read_file(path()), "old");
  ASSERT_TRUE(writer->finish());
  EXPECT_NE(*read_file(path()), "old");
}

}  // namespace
}  // namespace outcrop::formats
