#include "kernels/isa.h"

#include <cstdlib>

#include <gtest/gtest.h>

namespace outcrop::kernels {
namespace {

TEST(Isa, SelectedLevelIsNeverAboveTheBest) {
  EXPECT_LE(selected_isa(), best_isa());
}

TEST(Isa, ForcedLevelIsTheOneDispatched) {
  const Isa before = selected_isa();
  for (const Isa isa : {Isa::generic, Isa::avx2, Isa::avx512, Isa::avx512bf16}) {
    if (isa > best_isa()) continue;
    force_isa(isa);
    EXPECT_EQ(selected_isa(), isa);
    EXPECT_EQ(with_isa([]<Isa level>() { return level; }), isa);
  }
  force_isa(before);
}

TEST(IsaDeathTest, ForcingALevelThatTheProcessorLacksAborts) {
  if (best_isa() == Isa::avx512bf16) GTEST_SKIP() << "this processor has every level";
  EXPECT_DEATH(force_isa(Isa::avx512bf16), "lacks the level");
}

// Each in a process of its own, since the choice is made once.
[[noreturn]] void exit_with_level(const char* wanted) {
  setenv("OUTCROP_ISA", wanted, /*overwrite=*/1);
  std::_Exit(10 + static_cast<int>(selected_isa()));
}

TEST(IsaDeathTest, EnvironmentNamesTheLevel) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(exit_with_level("generic"), testing::ExitedWithCode(10), "");
  const int best = 10 + static_cast<int>(best_isa());
  EXPECT_EXIT(exit_with_level("no-such-level"), testing::ExitedWithCode(best), "");
  if (best_isa() >= Isa::avx2) {
    EXPECT_EXIT(exit_with_level("avx2"), testing::ExitedWithCode(11), "");
  }
}

TEST(Isa, NamesAreThoseOfTheEnvironment) {
  EXPECT_EQ(to_string(Isa::generic), "generic");
  EXPECT_EQ(to_string(Isa::avx2), "avx2");
  EXPECT_EQ(to_string(Isa::avx512), "avx512");
  EXPECT_EQ(to_string(Isa::avx512bf16), "avx512bf16");
}

}  // namespace
}  // namespace outcrop::kernels
