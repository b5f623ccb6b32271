#include "base/check.h"

#include <gtest/gtest.h>

namespace outcrop {
namespace {

TEST(Check, PassesOverWhatHolds) {
  int evaluations = 0;
  CHECK(++evaluations == 1, "the condition is evaluated once");
  EXPECT_EQ(evaluations, 1);
}

TEST(Check, AbortsAndNamesPlaceConditionAndMessage) {
  const int rows = 3;
  EXPECT_EXIT(CHECK(rows == 4, "rows must fit"), testing::KilledBySignal(SIGABRT),
              "check_test\\.cpp:[0-9]+: check failed: rows == 4: rows must fit");
}

TEST(Check, IsOneStatementInAnIfWithElse) {
  bool other_branch = false;
  if (other_branch)
    CHECK(false, "not reached");
  else
    other_branch = true;
  EXPECT_TRUE(other_branch);
}

TEST(Check, DebugChecksCostNothingInARelease) {
#ifdef NDEBUG
  int evaluations = 0;
  DCHECK(++evaluations == 2, "not evaluated");
  EXPECT_EQ(evaluations, 0);
#else
  EXPECT_DEATH(DCHECK(1 + 1 == 3, "arithmetic"), "check failed: 1 \\+ 1 == 3: arithmetic");
#endif
}

}  // namespace
}  // namespace outcrop
