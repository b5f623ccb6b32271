#include "cli/terminal.h"

#include <gtest/gtest.h>

namespace outcrop::cli {
namespace {

TEST(RenderProgress, ShowsLabelPercentBarAndDetails) {
  EXPECT_EQ(render_progress("training", 0.5, "loss 1.20", 80),
            "training  50% [###############---------------]  loss 1.20");
  EXPECT_EQ(render_progress("x", 0.0, "", 20), "x   0% [-----------]");
  EXPECT_EQ(render_progress("x", 1.0, "", 20), "x 100% [###########]");
}

TEST(RenderProgress, NeverPassesTheWidth) {
  for (std::size_t width = 1; width < 100; ++width) {
    EXPECT_LE(
        display_width(render_progress("training", 0.42, "loss 1.234, 900 tokens/s, 3 min 2 s left", width)),
        width);
  }
}

TEST(RenderProgress, ANarrowTerminalLosesTheBarBeforeTheDetails) {
  EXPECT_EQ(render_progress("training", 0.42, "loss 1.20", 28), "training  42%  loss 1.20");
  EXPECT_EQ(render_progress("training", 0.42, "loss 1.20", 10), "training  ");
}

TEST(RenderProgress, OddFractionsStayInTheBar) {
  EXPECT_EQ(render_progress("x", 7.0, "", 20), render_progress("x", 1.0, "", 20));
  EXPECT_EQ(render_progress("x", -1.0, "", 20), render_progress("x", 0.0, "", 20));
  EXPECT_EQ(render_progress("x", 0.0 / 0.0, "", 20), render_progress("x", 0.0, "", 20));
}

TEST(RenderProgress, CutsAtCharacters) {
  EXPECT_EQ(render_progress("é", 0.0, "éé", 8), "é   0%  ");
  EXPECT_EQ(render_progress("é", 0.0, "éé", 9), "é   0%  é");
}

TEST(Table, AlignsColumnsByCharacters) {
  Table table({"NAME", "COUNT"}, {1});
  table.add({"é", "5"});
  table.add({"longer", "1000"});
  EXPECT_EQ(table.render(),
            "NAME    COUNT\n"
            "é           5\n"
            "longer   1000\n");
}

TEST(RenderFields, PutsValuesInOneColumn) {
  EXPECT_EQ(render_fields({{"id", "a"}, {"base", "b"}}, "  "), "  id    a\n  base  b\n");
}

TEST(ProgressLine, QuietIsSilent) {
  testing::internal::CaptureStderr();
  {
    ProgressLine line(ProgressLine::mode_for(/*quiet=*/true));
    line.update("working", 0.5, "x");
    line.note("y");
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(ProgressLine, WithoutATerminalOnlyNotesAreWritten) {
  testing::internal::CaptureStderr();
  {
    ProgressLine line(ProgressLine::Mode::notes_only);
    for (int i = 1; i < 100; ++i) line.update("working", i / 100.0, "x");
    line.note("remark");
    line.update("working", 1.0, "done");
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "remark\n");
}

TEST(ProgressLine, RedrawnModeTakesItsLineAwayForANote) {
  testing::internal::CaptureStderr();
  {
    ProgressLine line(ProgressLine::Mode::redrawn);
    line.update("working", 0.5, "x");
    line.note("remark");
  }
  const std::string shown = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(shown.starts_with("\rworking  50% ")) << shown;
  EXPECT_TRUE(shown.ends_with("\x1b[K\r\x1b[Kremark\n")) << shown;
}

}  // namespace
}  // namespace outcrop::cli
