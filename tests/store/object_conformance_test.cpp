#include "object_conformance.h"

#include <filesystem>

namespace outcrop::store::test {

void ObjectConformance::SetUp() {
  DatabaseConformance::SetUp();
  auto opened = ObjectService::open(database_->objects(), value_of(open_file_blobs(folder_.path() / "objects")),
                                    {.max_put_bytes = 8 << 20, .clock = clock_.clock()});
  ASSERT_TRUE(opened) << opened.error().message;
  service_ = *std::move(opened);
  ASSERT_TRUE(service_->create_bucket(kAccount, kBucket));
}

S3Result<ObjectInfo> ObjectConformance::put(PutRequest request, std::string_view bytes) {
  OUTCROP_TRY(ObjectWriter writer, service_->put(std::move(request)));
  OUTCROP_CHECK_OK(writer.write(bytes.substr(0, bytes.size() / 2)));
  OUTCROP_CHECK_OK(writer.write(bytes.substr(bytes.size() / 2)));
  return writer.commit();
}

ObjectInfo ObjectConformance::put(std::string_view key, std::string_view bytes) {
  return value_of(put(PutRequest{.name = named(key)}, bytes));
}

std::string ObjectConformance::get(const GetRequest& request) {
  ObjectReader reader = value_of(service_->get(request));
  std::string bytes;
  std::array<std::byte, 1000> buffer{};
  while (true) {
    const std::size_t got = value_of(reader.read(buffer));
    if (got == 0) break;
    bytes.append(reinterpret_cast<const char*>(buffer.data()), got);
  }
  EXPECT_EQ(bytes.size(), reader.head().size);
  return bytes;
}

std::string ObjectConformance::upload_part(const ObjectName& name, const std::string& upload_id, int number,
                                           std::string_view bytes) {
  PartWriter writer =
      value_of(service_->upload_part({.name = name, .upload_id = upload_id, .part_number = number}));
  EXPECT_OK(writer.write(bytes));
  return value_of(writer.commit()).etag;
}

std::size_t ObjectConformance::blob_files() const {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path() / "objects")) {
    if (entry.is_regular_file() && entry.path().filename() != ".lock") ++count;
  }
  return count;
}

}  // namespace outcrop::store::test
