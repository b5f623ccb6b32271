// AtomicFile and AppendFile: what a crash, a full disk or an interrupted call leaves behind.

#include "base/files.h"
#include "base/system_calls.h"
#include "support/temporary_folder.h"

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace outcrop {
namespace {

using test::SystemCallWatch;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

class AtomicFileTest : public testing::Test {
 protected:
  Path target() const { return folder_ / "target.json"; }
  /// Names of everything in the folder.
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      found.push_back(entry.path().filename().string());
    return found;
  }
  std::string content() const { return read_file(target()).value_or("(cannot be read)"); }

  test::TemporaryFolder folder_;
};

TEST_F(AtomicFileTest, AppearsOnCommitOnly) {
  auto file = AtomicFile::create(target());
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write("hello "));
  ASSERT_TRUE(file->write("world"));
  EXPECT_EQ(file->size(), 11U);
  EXPECT_FALSE(std::filesystem::exists(target()));
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(content(), "hello world");
  EXPECT_THAT(names(), ElementsAre("target.json"));
}

TEST_F(AtomicFileTest, FlushesTheFileThenRenamesThenFlushesTheFolder) {
  const SystemCallWatch watch;
  ASSERT_TRUE(write_file_atomic(target(), "content"));
  EXPECT_THAT(watch.calls(),
              ElementsAre(StartsWith("write target.json.tmp-"), StartsWith("fsync target.json.tmp-"),
                          MatchesRegex("rename target.json.tmp-.* target.json"),
                          "fsync " + folder_.path().filename().string()));
}

TEST_F(AtomicFileTest, LeavesNothingWithoutCommit) {
  {
    auto file = AtomicFile::create(target());
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("half"));
    EXPECT_THAT(names(), ElementsAre(StartsWith("target.json.tmp-")));
  }
  EXPECT_TRUE(names().empty());
}

/// Each step of replacing a file fails once: the old content stays and no temporary.
TEST_F(AtomicFileTest, AFailedStepLeavesTheOldFileAndNoTemporary) {
  for (const auto& [call, error, code] :
       {std::tuple{"write", ENOSPC, Code::quota_exceeded}, std::tuple{"fsync", EIO, Code::io},
        std::tuple{"rename", EACCES, Code::permission_denied}}) {
    ASSERT_TRUE(write_file_atomic(target(), "old"));
    SystemCallWatch watch;
    watch.fail(call, error);
    const Status failed = write_file_atomic(target(), "new");
    ASSERT_FALSE(failed) << call;
    EXPECT_EQ(failed.error().code, code) << call;
    EXPECT_THAT(failed.error().message, HasSubstr("target.json: cannot "));
    EXPECT_EQ(content(), "old") << call;
    EXPECT_THAT(names(), ElementsAre("target.json")) << call;
  }
}

TEST_F(AtomicFileTest, SaysSoWhenOnlyTheFolderCouldNotBeFlushed) {
  SystemCallWatch watch;
  watch.fail("fsync", EIO, /*successes=*/1);
  const Status failed = write_file_atomic(target(), "new");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::io);
  EXPECT_THAT(failed.error().message, HasSubstr("cannot flush"));
  EXPECT_THAT(names(), ElementsAre("target.json"));
}

TEST_F(AtomicFileTest, GoesOnAfterShortAndInterruptedWrites) {
  SystemCallWatch watch;
  watch.shorten_writes(3);
  watch.interrupt_writes();
  ASSERT_TRUE(write_file_atomic(target(), "a longer content"));
  EXPECT_EQ(content(), "a longer content");
}

TEST_F(AtomicFileTest, OverwritesEarlierBytesInPlace) {
  auto file = AtomicFile::create(target());
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write("????body"));
  ASSERT_TRUE(file->write_at(0, std::as_bytes(std::span("head", 4))));
  EXPECT_EQ(file->size(), 8U);
  ASSERT_TRUE(file->write("!"));
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(content(), "headbody!");
}

TEST_F(AtomicFileTest, SetsTheModeOfTheNewFile) {
  ASSERT_TRUE(write_file_atomic(target(), "secret", 0600));
  struct stat info {};
  ASSERT_EQ(::stat(target().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(AtomicFileTest, MovesToAnotherOwner) {
  auto file = AtomicFile::create(target());
  ASSERT_TRUE(file);
  AtomicFile owner = *std::move(file);
  ASSERT_TRUE(owner.write("moved"));
  ASSERT_TRUE(owner.commit());
  EXPECT_EQ(content(), "moved");
}

TEST_F(AtomicFileTest, TwoWritersOfOneTargetDoNotMeet) {
  auto first = AtomicFile::create(target());
  auto second = AtomicFile::create(target());
  ASSERT_TRUE(first && second);
  ASSERT_TRUE(first->write("first") && second->write("second"));
  ASSERT_TRUE(second->commit() && first->commit());
  EXPECT_EQ(content(), "first");
  EXPECT_THAT(names(), ElementsAre("target.json"));
}

TEST_F(AtomicFileTest, RefusesAFolderThatIsNotThere) {
  const auto file = AtomicFile::create(folder_ / "missing" / "x");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Code::not_found);
  EXPECT_THAT(file.error().message, HasSubstr("missing/x: cannot create"));
}

TEST_F(AtomicFileTest, RefusesAFolderInPlaceOfTheTarget) {
  std::filesystem::create_directory(target());
  EXPECT_FALSE(write_file_atomic(target(), "content"));
  EXPECT_THAT(names(), ElementsAre("target.json"));
}

TEST_F(AtomicFileTest, AppendFileAddsEachTextInOneWrite) {
  ASSERT_TRUE(write_file_atomic(target(), "1\n"));
  auto file = AppendFile::open(target());
  ASSERT_TRUE(file);
  const SystemCallWatch watch;
  ASSERT_TRUE(file->append("2\n") && file->append("3\n") && file->sync());
  EXPECT_THAT(watch.calls(), ElementsAre("write target.json", "write target.json", "fsync target.json"));
  EXPECT_EQ(content(), "1\n2\n3\n");
}

TEST_F(AtomicFileTest, AppendFileMakesAFileAndMoves) {
  auto opened = AppendFile::open(target());
  ASSERT_TRUE(opened);
  AppendFile file = *std::move(opened);
  ASSERT_TRUE(file.append("a"));
  auto other = AppendFile::open(folder_ / "other");
  ASSERT_TRUE(other);
  file = *std::move(other);
  ASSERT_TRUE(file.append("b"));
  EXPECT_EQ(content(), "a");
  EXPECT_EQ(*read_file(folder_ / "other"), "b");
}

TEST_F(AtomicFileTest, AppendFileReportsAFullDisk) {
  auto file = AppendFile::open(target());
  ASSERT_TRUE(file);
  SystemCallWatch watch;
  watch.fail("write", ENOSPC);
  const Status failed = file->append("text");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::quota_exceeded);
  EXPECT_THAT(failed.error().message, HasSubstr("target.json: cannot write: "));
}

}  // namespace
}  // namespace outcrop
