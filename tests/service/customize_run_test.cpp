#include "service/customize_run.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outcrop::service {
namespace {

using ::testing::HasSubstr;

class CustomizeRun : public ::testing::Test {
 protected:
  CustomizeRun() {
    std::string name = (std::filesystem::temp_directory_path() / "outcrop-run-XXXXXX").string();
    home_ = ::mkdtemp(name.data());
  }
  ~CustomizeRun() override { std::filesystem::remove_all(home_); }
  static Json config(double rate = 0.1) {
    return Json::object(
        {{"created", Json("now")},
         {"base", Json("b")},
         {"training", Json::object({{"learning_rate", Json(rate)}, {"checkpoint_every", Json(1)}})}});
  }
  Path home_;
};

TEST_F(CustomizeRun, GoesFromAbsentToUnfinishedToFinished) {
  ASSERT_TRUE(RunLock::take(home_, "m"));
  const RunFolder run(home_, "m");
  EXPECT_EQ(run.state(), RunState::absent);
  ASSERT_TRUE(run.create(config()));
  EXPECT_EQ(run.state(), RunState::unfinished);
  ASSERT_TRUE(run.finish(Json::object({{"steps", Json(3)}})));
  EXPECT_EQ(run.state(), RunState::finished);
}

TEST_F(CustomizeRun, SaysWhatToDoWhenTheFolderForbidsTheStart) {
  ASSERT_TRUE(RunLock::take(home_, "m"));
  const RunFolder run(home_, "m");
  EXPECT_TRUE(run.check(/*resume=*/false, /*replace=*/false));
  EXPECT_EQ(run.check(/*resume=*/true, /*replace=*/false).error().code, Code::not_found);

  ASSERT_TRUE(run.create(config()));
  const auto unfinished = run.check(/*resume=*/false, /*replace=*/false);
  ASSERT_FALSE(unfinished);
  EXPECT_EQ(unfinished.error().code, Code::conflict);
  EXPECT_THAT(unfinished.error().message, HasSubstr("--resume"));
  EXPECT_TRUE(run.check(/*resume=*/true, /*replace=*/false));
  EXPECT_TRUE(run.check(/*resume=*/false, /*replace=*/true));

  ASSERT_TRUE(run.finish(Json::object()));
  EXPECT_EQ(run.check(/*resume=*/false, /*replace=*/false).error().code, Code::already_exists);
  EXPECT_EQ(run.check(/*resume=*/true, /*replace=*/false).error().code, Code::already_exists);
  EXPECT_TRUE(run.check(/*resume=*/false, /*replace=*/true));
}

TEST_F(CustomizeRun, StartsAnewInAnEmptyFolder) {
  ASSERT_TRUE(RunLock::take(home_, "m"));
  const RunFolder run(home_, "m");
  ASSERT_TRUE(run.create(config()));
  ASSERT_TRUE(write_file_atomic(run.path() / "old", "x"));
  ASSERT_TRUE(run.finish(Json::object()));
  ASSERT_TRUE(run.create(config()));
  EXPECT_EQ(run.state(), RunState::unfinished);
  EXPECT_FALSE(std::filesystem::exists(run.path() / "old"));
}

TEST_F(CustomizeRun, ClearsWhatAKilledStartLeft) {
  ASSERT_TRUE(RunLock::take(home_, "m"));
  const Path mine = home_ / "jobs" / ".m.new-1";
  const Path other = home_ / "jobs" / ".m2.new-1";
  ASSERT_TRUE(make_directories(mine / "deep"));
  ASSERT_TRUE(make_directories(other));
  ASSERT_TRUE(RunFolder(home_, "m").create(config()));
  EXPECT_FALSE(std::filesystem::exists(mine));
  EXPECT_TRUE(std::filesystem::exists(other));
}

TEST_F(CustomizeRun, NamesTheSettingThatDiffers) {
  ASSERT_TRUE(RunLock::take(home_, "m"));
  const RunFolder run(home_, "m");
  ASSERT_TRUE(run.create(config()));
  Json same = config();
  same.set("created", "later");
  EXPECT_TRUE(run.check_same_config(same));
  const auto other = run.check_same_config(config(0.2));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::conflict);
  EXPECT_THAT(other.error().message, HasSubstr("training.learning_rate: was 0.1, is 0.2"));
}

TEST_F(CustomizeRun, LetsOneProcessWorkAtATime) {
  auto first = RunLock::take(home_, "m");
  ASSERT_TRUE(first);
  const auto second = RunLock::take(home_, "m");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::conflict);
  EXPECT_TRUE(RunLock::take(home_, "other"));
  EXPECT_TRUE(std::filesystem::exists(home_ / "jobs" / ".m.lock"));
  { const RunLock gone = *std::move(first); }
  EXPECT_TRUE(RunLock::take(home_, "m"));
}

TEST_F(CustomizeRun, LeavesNoLockFileBehindAndMindsNoneOfAKilledProcess) {
  const Path file = home_ / "jobs" / ".m.lock";
  { ASSERT_TRUE(RunLock::take(home_, "m")); }
  EXPECT_FALSE(std::filesystem::exists(file));
  ASSERT_TRUE(write_file_atomic(file, ""));
  EXPECT_TRUE(RunLock::take(home_, "m"));
}

}  // namespace
}  // namespace outcrop::service
