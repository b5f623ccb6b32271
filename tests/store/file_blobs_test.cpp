#include "conformance.h"
#include "store/blob_store.h"

#include <filesystem>

#include <sys/stat.h>

namespace outcrop::store::test {
namespace {

std::string write_blob(BlobStore& blobs, std::string_view bytes) {
  auto writer = value_of(blobs.create());
  EXPECT_OK(writer->write(std::as_bytes(std::span(bytes))));
  return value_of(writer->commit());
}

std::string read_blob(BlobStore& blobs, const std::string& id, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  EXPECT_OK(value_of(blobs.open(id))->read(offset, std::as_writable_bytes(std::span(bytes))));
  return bytes;
}

TEST(FileBlobs, GivesBackPiecesOfABlob) {
  const TestFolder folder;
  auto blobs = value_of(open_file_blobs(folder.path() / "objects"));
  const std::string id = write_blob(*blobs, "0123456789");
  EXPECT_EQ(read_blob(*blobs, id, 0, 10), "0123456789");
  EXPECT_EQ(read_blob(*blobs, id, 3, 4), "3456");
  std::array<std::byte, 4> buffer{};
  EXPECT_EQ(code_of(value_of(blobs->open(id))->read(8, buffer)), Code::corrupt_data);
}

TEST(FileBlobs, AreForTheirOwnerOnly) {
  const TestFolder folder;
  auto blobs = value_of(open_file_blobs(folder.path() / "objects"));
  const std::string id = write_blob(*blobs, "secret");
  struct stat info {};
  ASSERT_EQ(::stat((folder.path() / "objects" / id.substr(0, 2) / id).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat((folder.path() / "objects").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
}

TEST(FileBlobs, AreRemovedWhileAReaderGoesOn) {
  const TestFolder folder;
  auto blobs = value_of(open_file_blobs(folder.path()));
  const std::string id = write_blob(*blobs, "bytes");
  const auto reader = value_of(blobs->open(id));
  EXPECT_OK(blobs->remove(id));
  EXPECT_OK(blobs->remove(id));
  EXPECT_EQ(code_of(blobs->open(id)), Code::not_found);
  std::array<std::byte, 5> buffer{};
  EXPECT_OK(reader->read(0, buffer));
}

TEST(FileBlobs, ClearsOrphansAndDraftsOnly) {
  const TestFolder folder;
  auto blobs = value_of(open_file_blobs(folder.path()));
  const std::string kept = write_blob(*blobs, "kept");
  const std::string orphan = write_blob(*blobs, "orphan");
  ASSERT_TRUE(write_file_atomic(folder.path() / orphan.substr(0, 2) / (orphan + ".tmp-1-1"), "draft"));
  EXPECT_EQ(value_of(blobs->clear_orphans([&](std::string_view id) -> Result<bool> { return id == kept; })),
            2U);
  EXPECT_EQ(read_blob(*blobs, kept, 0, 4), "kept");
  EXPECT_EQ(code_of(blobs->open(orphan)), Code::not_found);
}

TEST(FileBlobs, ClearNothingWhileSomeoneElseHasThemOpen) {
  const TestFolder folder;
  auto blobs = value_of(open_file_blobs(folder.path()));
  const std::string being_written = write_blob(*blobs, "not referred to yet");
  const auto nothing_is = [](std::string_view) -> Result<bool> { return false; };
  {
    auto other = value_of(open_file_blobs(folder.path()));
    EXPECT_EQ(value_of(other->clear_orphans(nothing_is)), 0U);
    EXPECT_EQ(value_of(blobs->clear_orphans(nothing_is)), 0U);
    EXPECT_EQ(read_blob(*blobs, being_written, 0, 3), "not");
  }
  EXPECT_EQ(value_of(blobs->clear_orphans(nothing_is)), 1U);
}

TEST(FileBlobs, KeepEverythingWhenTheCatalogueDoesNotAnswer) {
  const TestFolder folder;
  auto blobs = value_of(open_file_blobs(folder.path()));
  const std::string id = write_blob(*blobs, "bytes");
  EXPECT_EQ(code_of(blobs->clear_orphans(
                [](std::string_view) -> Result<bool> { return fail(Code::unavailable, "busy"); })),
            Code::unavailable);
  EXPECT_EQ(read_blob(*blobs, id, 0, 5), "bytes");
}

}  // namespace
}  // namespace outcrop::store::test
