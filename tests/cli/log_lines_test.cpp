#include "cli/log_lines.h"

#include <gtest/gtest.h>

namespace outcrop::cli {
namespace {

TEST(RenderLogLine, MakesASentenceOfMessageFieldsAndReason) {
  EXPECT_EQ(
      render_log_line(
          R"({"time":"t","level":"warning","message":"a broken checkpoint is left out","step":4,"reason":"cut short"})"),
      "outcrop: warning: a broken checkpoint is left out (step 4): cut short");
  EXPECT_EQ(render_log_line(R"({"time":"t","level":"error","message":"m","a":"x","b":true})"),
            "outcrop: error: m (a x, b true)");
  EXPECT_EQ(render_log_line(R"({"time":"t","level":"info","message":"m"})"), "outcrop: info: m");
}

TEST(RenderLogLine, LeavesWhatIsNoLogLineAsItIs) {
  EXPECT_EQ(render_log_line("hello"), "hello");
  EXPECT_EQ(render_log_line("[1]"), "[1]");
}

}  // namespace
}  // namespace outcrop::cli
