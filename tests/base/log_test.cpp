#include "base/log.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace outcrop::log {
namespace {

/// Catches all lines of a test; every level is written unless the test says otherwise.
class LogTest : public testing::Test {
 protected:
  LogTest() {
    set_level(Level::debug);
    set_sink(
        [](std::string_view line, void* context) {
          auto& self = *static_cast<LogTest*>(context);
          const std::lock_guard lock(self.mutex_);
          self.lines_.emplace_back(line);
        },
        this);
  }
  ~LogTest() override {
    set_sink(nullptr, nullptr);
    set_level(Level::warning);
  }

  /// The only line, without its time.
  std::string line() const {
    EXPECT_EQ(lines_.size(), 1U);
    if (lines_.empty()) return "";
    const std::string& whole = lines_.front();
    return "{" + whole.substr(whole.find(",\"level\"") + 1);
  }

  std::mutex mutex_;
  std::vector<std::string> lines_;
};

TEST_F(LogTest, WritesOneObjectWithTheFieldsInOrder) {
  info("job started", {{"job", "a1"}, {"steps", 12}, {"loss", 0.5}});
  EXPECT_EQ(line(), R"({"level":"info","message":"job started","job":"a1","steps":12,"loss":0.5})");
}

TEST_F(LogTest, StampsTheTimeInUtcWithMilliseconds) {
  info("now");
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_THAT(
      lines_.front(),
      testing::MatchesRegex(
          R"(\{"time":"20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{3}Z",.*\})"));
}

TEST_F(LogTest, EscapesTextsSoThatALineStaysALine) {
  warning("bad\nname", {{"na\"me", "line\n\"quoted\"\\\x01"}, {"bytes", "\xff"}});
  EXPECT_EQ(
      line(),
      "{\"level\":\"warning\",\"message\":\"bad\\nname\",\"na\\\"me\":\"line\\n\\\"quoted\\\"\\\\\\u0001\","
      "\"bytes\":\"\xEF\xBF\xBD\"}");
}

TEST_F(LogTest, WritesNumbersAsNumbers) {
  info("n", {{"least", std::numeric_limits<std::int64_t>::min()},
             {"most", std::numeric_limits<std::uint64_t>::max()},
             {"tiny", 1e-7},
             {"nan", std::nan("")},
             {"inf", std::numeric_limits<double>::infinity()}});
  EXPECT_EQ(line(), R"({"level":"info","message":"n","least":-9223372036854775808,"most":18446744073709551615,)"
                    R"("tiny":1e-07,"nan":null,"inf":null})");
}

TEST_F(LogTest, LeavesOutLevelsBelowTheSetOne) {
  set_level(Level::warning);
  debug("d");
  info("i");
  EXPECT_TRUE(lines_.empty());
  warning("w");
  error("e");
  EXPECT_EQ(lines_.size(), 2U);
  set_level(Level::off);
  error("e");
  EXPECT_EQ(lines_.size(), 2U);
}

TEST_F(LogTest, NamesEveryLevel) {
  debug("m");
  info("m");
  warning("m");
  error("m");
  EXPECT_THAT(lines_, testing::ElementsAre(testing::HasSubstr("\"level\":\"debug\""),
                                           testing::HasSubstr("\"level\":\"info\""),
                                           testing::HasSubstr("\"level\":\"warning\""),
                                           testing::HasSubstr("\"level\":\"error\"")));
}

TEST_F(LogTest, ScopesAddTheirFieldsWhileTheyLive) {
  {
    const Scope job({"job", "a1"});
    {
      const Scope step({"step", 3});
      info("inner", {{"x", 1}});
    }
    info("outer");
  }
  info("none");
  ASSERT_EQ(lines_.size(), 3U);
  EXPECT_TRUE(lines_[0].ends_with(R"("message":"inner","job":"a1","step":3,"x":1})")) << lines_[0];
  EXPECT_TRUE(lines_[1].ends_with(R"("message":"outer","job":"a1"})")) << lines_[1];
  EXPECT_TRUE(lines_[2].ends_with(R"("message":"none"})")) << lines_[2];
}

TEST_F(LogTest, ThreadsHaveScopesOfTheirOwn) {
  const Scope mine({"request", "main"});
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      const Scope theirs({"request", t});
      for (int i = 0; i < 50; ++i) info("work");
    });
  }
  threads.clear();
  ASSERT_EQ(lines_.size(), 200U);
  for (int t = 0; t < 4; ++t) {
    EXPECT_THAT(lines_,
                testing::Contains(testing::EndsWith("\"request\":" + std::to_string(t) + "}")).Times(50));
  }
}

/// A process of its own: the level is read from the environment once, at the first line.
class LogDeathTest : public testing::Test {
 protected:
  LogDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

[[noreturn]] void write_both(const char* level) {
  ::setenv("OUTCROP_LOG", level, 1);
  info("an info");
  warning("a warning");
  ::_exit(0);
}

TEST_F(LogDeathTest, WritesToStandardErrorALineEach) {
  EXPECT_EXIT(write_both("info"), testing::ExitedWithCode(0), "\"an info\"}\n\\{.*\"a warning\"}\n");
}

TEST_F(LogDeathTest, TakesTheLevelFromTheEnvironment) {
  const testing::Matcher<const std::string&> only_warning =
      testing::AllOf(testing::HasSubstr("a warning"), testing::Not(testing::HasSubstr("an info")));
  EXPECT_EXIT(write_both("warning"), testing::ExitedWithCode(0), only_warning);
  EXPECT_EXIT(write_both("loud"), testing::ExitedWithCode(0), only_warning) << "an unknown name";
  EXPECT_EXIT(write_both("error"), testing::ExitedWithCode(0), testing::Not(testing::HasSubstr("a warning")));
  EXPECT_EXIT(write_both("off"), testing::ExitedWithCode(0), testing::Not(testing::HasSubstr("a warning")));
  EXPECT_EXIT(write_both("debug"), testing::ExitedWithCode(0), testing::HasSubstr("an info"));
}

}  // namespace
}  // namespace outcrop::log
