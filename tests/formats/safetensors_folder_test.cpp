// Model folders: one file, shards behind an index, and the pickle files that are refused.

#include "formats/images.h"
#include "formats/safetensors.h"
#include "support/temporary_folder.h"

#include <string>

namespace outcrop::formats {
namespace {

using namespace test;

class SafetensorsFolderTest : public testing::Test {
 protected:
  void write(const char* name, std::string_view content) const {
    ASSERT_TRUE(write_file_atomic(folder_ / name, content));
  }
  /// A shard with one byte for each letter of `names`.
  void write_shard(const char* file, std::string_view names) const {
    std::string header = "{";
    for (std::size_t i = 0; i < names.size(); ++i) {
      header += (i == 0 ? "\"" : ",\"") + std::string(1, names[i]) +
                R"(":{"dtype":"U8","shape":[1],"data_offsets":[)" + std::to_string(i) + "," +
                std::to_string(i + 1) + "]}";
    }
    write(file, safetensors_image(header + "}", names));
  }
  void write_index(std::string_view weight_map) const {
    write("model.safetensors.index.json",
          "{\"metadata\":{\"total_size\":3},\"weight_map\":" + std::string(weight_map) + "}");
  }
  Result<Safetensors> open() const { return Safetensors::open_folder(folder_.path()); }

  outcrop::test::TemporaryFolder folder_;
};

TEST_F(SafetensorsFolderTest, OpensASingleFile) {
  write_shard("model.safetensors", "ab");
  write_index(R"({"a":"elsewhere.safetensors"})");
  const auto file = open();
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->tensors().size(), 2U);
}

TEST_F(SafetensorsFolderTest, SeesShardsAsOneFile) {
  write_shard("model-00001-of-00002.safetensors", "ac");
  write_shard("model-00002-of-00002.safetensors", "b");
  write_index(R"({"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors",)"
              R"("c":"model-00001-of-00002.safetensors"})");
  const auto file = open();
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->tensors().size(), 3U);
  for (const char name : {'a', 'b', 'c'}) {
    const auto* tensor = file->find({&name, 1});
    ASSERT_NE(tensor, nullptr) << name;
    EXPECT_EQ(static_cast<char>(tensor->bytes[0]), name);
  }
  file->drop_resident_pages();
}

TEST_F(SafetensorsFolderTest, RefusesShardsThatDisagreeWithTheIndex) {
  write_shard("1.safetensors", "ab");
  write_shard("2.safetensors", "c");
  write_index(R"({"a":"1.safetensors","c":"2.safetensors"})");
  expect_error(open(), Code::corrupt_data,
               {"index.json: tensor 'b' is in 1.safetensors, weight_map says nothing"});
  write_index(R"({"a":"1.safetensors","b":"2.safetensors","c":"2.safetensors"})");
  expect_error(open(), Code::corrupt_data, {"tensor 'b' is in 1.safetensors, weight_map says 2.safetensors"});
  write_index(R"({"a":"1.safetensors","b":"1.safetensors","c":"2.safetensors","d":"2.safetensors"})");
  expect_error(open(), Code::corrupt_data, {"weight_map names tensor 'd', 2.safetensors lacks it"});
}

TEST_F(SafetensorsFolderTest, RefusesATensorInTwoShards) {
  write_shard("1.safetensors", "a");
  write_shard("2.safetensors", "ab");
  write_index(R"({"a":"1.safetensors","b":"2.safetensors"})");
  expect_error(open(), Code::corrupt_data, {"2.safetensors: tensor 'a' is in an earlier shard too"});
}

TEST_F(SafetensorsFolderTest, NamesAShardThatIsMissingOrBroken) {
  write_index(R"({"a":"1.safetensors"})");
  expect_error(open(), Code::not_found, {"index.json: ", "1.safetensors: cannot open"});
  write("1.safetensors", "short");
  expect_error(open(), Code::corrupt_data, {"index.json: ", "1.safetensors: "});
}

TEST_F(SafetensorsFolderTest, LetsNoIndexReachOutOfTheFolder) {
  for (const char* name :
       {"../1.safetensors", "/etc/1.safetensors", "sub/1.safetensors", "sub\\\\1.safetensors",
        ".hidden.safetensors", "1.bin", "", "a\\u0000b.safetensors"}) {
    write_index("{\"a\":\"" + std::string(name) + "\"}");
    expect_error(open(), Code::corrupt_data,
                 {"weight_map['a'] must be the name of a .safetensors file beside it"});
  }
  write_index(R"({"a":7})");
  expect_error(open(), Code::corrupt_data, {"weight_map['a']", "found 7"});
}

TEST_F(SafetensorsFolderTest, RefusesAnIndexWithoutTensors) {
  for (const char* map : {"{}", "[]", "null", "\"x\""}) {
    write_index(map);
    expect_error(open(), Code::corrupt_data,
                 {"index.json: 'weight_map' must be an object with at least one tensor"});
  }
  write("model.safetensors.index.json", "{\n\"weight_map\": oops}");
  expect_error(open(), Code::corrupt_data, {"index.json: line 2"});
}

TEST_F(SafetensorsFolderTest, RefusesPickleByNameWithWhatToDo) {
  write("pytorch_model.bin", "PK");
  expect_error(open(), Code::unsupported,
               {"pytorch_model.bin: pickle files can run code", "safe_serialization=True"});
  for (const char* name : {"x.bin", "x.pt", "x.pth", "x.ckpt", "x.pkl", "x.pickle"}) {
    expect_error(Safetensors::open(folder_ / name), Code::unsupported, {name, "pickle"});
  }
}

TEST_F(SafetensorsFolderTest, RefusesPickleUnderAnotherName) {
  write("model.safetensors", std::string("PK\x03\x04\0\0\0\0\0\0archive/data.pkl", 26));
  expect_error(open(), Code::unsupported, {"model.safetensors: is a pickle (PyTorch) file"});
}

TEST_F(SafetensorsFolderTest, SaysWhatIsMissing) {
  expect_error(open(), Code::not_found, {"has neither model.safetensors nor model.safetensors.index.json"});
  expect_error(Safetensors::open_folder(folder_ / "none"), Code::not_found, {"none: cannot read folder"});
}

}  // namespace
}  // namespace outcrop::formats
