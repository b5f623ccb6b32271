#include "base/files.h"

#include "support/temporary_folder.h"

#include <cstring>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace outcrop {
namespace {

using testing::HasSubstr;

/// Drops root's rights while it lives, so that file modes count.
class WithoutRoot {
 public:
  WithoutRoot() {
    if (::geteuid() == 0) dropped_ = ::seteuid(kNobody) == 0;
  }
  ~WithoutRoot() {
    if (dropped_ && ::seteuid(0) != 0) std::abort();
  }
  WithoutRoot(const WithoutRoot&) = delete;
  WithoutRoot& operator=(const WithoutRoot&) = delete;

 private:
  static constexpr uid_t kNobody = 65534;
  bool dropped_ = false;
};

class FilesTest : public testing::Test {
 protected:
  Path write(const char* name, std::string_view content) const {
    EXPECT_TRUE(write_file_atomic(folder_ / name, content));
    return folder_ / name;
  }
  test::TemporaryFolder folder_;
};

template <class T>
void expect_error(const Result<T>& result, Code code, const char* part) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, code) << result.error().message;
  EXPECT_THAT(result.error().message, HasSubstr(part));
}

TEST_F(FilesTest, ReadsAWholeFile) {
  const std::string content("bytes\0and\nlines\xff", 16);
  EXPECT_EQ(*read_file(write("a", content)), content);
  EXPECT_EQ(*read_file(write("empty", "")), "");
}

TEST_F(FilesTest, ReadsUpToItsLimitAndNoFurther) {
  const Path path = write("a", "12345");
  EXPECT_EQ(*read_file(path, 5), "12345");
  expect_error(read_file(path, 4), Code::quota_exceeded, "a: file has 5 bytes, the limit is 4");
}

TEST_F(FilesTest, NamesAFileThatIsNotThere) {
  expect_error(read_file(folder_ / "none"), Code::not_found, "none: cannot open: ");
  expect_error(MappedFile::open(folder_ / "none"), Code::not_found, "none: cannot open: ");
  expect_error(read_file(write("a", "") / "below-a-file"), Code::not_found, "below-a-file");
}

TEST_F(FilesTest, RefusesFoldersDevicesAndPipes) {
  const Path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const Path& path : {folder_.path(), Path("/dev/zero"), pipe}) {
    expect_error(read_file(path), Code::invalid_argument, "is not a regular file");
    expect_error(MappedFile::open(path), Code::invalid_argument, "is not a regular file");
  }
}

TEST_F(FilesTest, ReportsAFileThatMayNotBeRead) {
  const Path path = write("secret", "x");
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  const WithoutRoot plain_user;
  expect_error(read_file(path), Code::permission_denied, "secret: cannot open: ");
  expect_error(MappedFile::open(path), Code::permission_denied, "secret: cannot open: ");
}

TEST_F(FilesTest, ReportsAFolderThatMayNotBeWritten) {
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0555), 0);
  {
    const WithoutRoot plain_user;
    expect_error(write_file_atomic(folder_ / "new", "x"), Code::permission_denied, "new: cannot create: ");
    expect_error(make_directories(folder_ / "sub"), Code::permission_denied, "sub: cannot make directory: ");
  }
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(FilesTest, MapsAWholeFile) {
  const auto file = MappedFile::open(write("a", "mapped"));
  ASSERT_TRUE(file);
  EXPECT_EQ(file->text(), "mapped");
  EXPECT_EQ(file->bytes().size(), 6U);
  EXPECT_EQ(file->path().filename(), "a");
}

TEST_F(FilesTest, MapsAnEmptyFileToNothing) {
  const auto file = MappedFile::open(write("empty", ""));
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->bytes().empty());
  EXPECT_EQ(file->text(), "");
  file->drop_resident_pages();
}

TEST_F(FilesTest, KeepsAMapWhenItsFileIsReplaced) {
  const Path path = write("a", "old");
  const auto file = MappedFile::open(path);
  ASSERT_TRUE(file);
  write("a", "newer");
  EXPECT_EQ(file->text(), "old");
}

TEST_F(FilesTest, MovesAMapWithItsBytes) {
  auto first = MappedFile::open(write("a", "first"));
  auto second = MappedFile::open(write("b", "second"));
  ASSERT_TRUE(first && second);
  MappedFile moved = *std::move(first);
  EXPECT_EQ(moved.text(), "first");
  EXPECT_TRUE(first->bytes().empty());
  moved = *std::move(second);
  EXPECT_EQ(moved.text(), "second");
  EXPECT_EQ(moved.path().filename(), "b");
}

TEST_F(FilesTest, ReadsPagesAgainAfterTheyWereDropped) {
  const std::string content(100'000, 'z');
  const auto file = MappedFile::open(write("a", content));
  ASSERT_TRUE(file);
  file->drop_resident_pages();
  EXPECT_EQ(file->text(), content);
}

TEST_F(FilesTest, MakesAFolderWithItsParents) {
  const Path deep = folder_ / "x/y/z";
  ASSERT_TRUE(make_directories(deep));
  EXPECT_TRUE(std::filesystem::is_directory(deep));
  EXPECT_TRUE(make_directories(deep)) << "one that is there is fine";
  expect_error(make_directories(write("file", "") / "sub"), Code::not_found, "sub: cannot make directory: ");
}

TEST_F(FilesTest, FlushesFoldersOnly) {
  EXPECT_TRUE(sync_directory(folder_.path()));
  expect_error(sync_directory(write("file", "")), Code::not_found, "file: cannot open: ");
}

TEST_F(FilesTest, WritesIntoTheCurrentFolderByABareName) {
  const Path before = std::filesystem::current_path();
  std::filesystem::current_path(folder_.path());
  const Status written = write_file_atomic("bare", "x");
  std::filesystem::current_path(before);
  EXPECT_TRUE(written);
  EXPECT_EQ(*read_file(folder_ / "bare"), "x");
}

}  // namespace
}  // namespace outcrop
