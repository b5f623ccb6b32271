#include "base/page_buffer.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include <gtest/gtest.h>

namespace outcrop {
namespace {

TEST(PageMemory, IsZeroedAndStartsAtAPage) {
  const auto memory = PageMemory::allocate(100'000);
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->bytes(), 100'000U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory->data()) % 4096, 0U);
  const auto* bytes = static_cast<const unsigned char*>(memory->data());
  EXPECT_TRUE(std::all_of(bytes, bytes + memory->bytes(), [](unsigned char b) { return b == 0; }));
}

TEST(PageMemory, OfNoBytesIsNothing) {
  const auto memory = PageMemory::allocate(0);
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->data(), nullptr);
  EXPECT_EQ(memory->bytes(), 0U);
}

TEST(PageMemory, SaysHowMuchItCouldNotGet) {
  const auto memory = PageMemory::allocate(std::size_t{1} << 62);
  ASSERT_FALSE(memory);
  EXPECT_EQ(memory.error().code, Code::out_of_memory);
  EXPECT_NE(memory.error().message.find("4611686018427387904 bytes"), std::string::npos);
}

TEST(PageBuffer, KeepsItsElementsWhenItMoves) {
  auto buffer = PageBuffer<std::int32_t>::allocate(1000);
  ASSERT_TRUE(buffer);
  buffer->span()[999] = 7;
  PageBuffer<std::int32_t> other;
  other = *std::move(buffer);
  EXPECT_EQ(other.size(), 1000);
  EXPECT_EQ(other.span()[999], 7);
  const PageBuffer<std::int32_t> third(std::move(other));
  EXPECT_EQ(third.span()[999], 7);
}

TEST(PageBuffer, RefusesACountWhoseBytesCannotBeCounted) {
  // 2^61 doubles are 2^64 bytes, which must not come out as none.
  for (const std::int64_t count :
       {std::int64_t{1} << 61, std::numeric_limits<std::int64_t>::max(), std::int64_t{-1}}) {
    const auto buffer = PageBuffer<double>::allocate(count);
    ASSERT_FALSE(buffer) << count;
    EXPECT_EQ(buffer.error().code, Code::out_of_memory);
  }
}

/// The same takes, whether on a plan or on memory.
std::pair<double*, char*> take_both(Arena& arena) {
  double* const numbers = arena.take<double>(5);
  char* const letters = arena.take<char>(3);
  return {numbers, letters};
}

TEST(Arena, HandsOutAlignedPiecesOfWhatWasPlanned) {
  Arena plan;
  EXPECT_EQ(take_both(plan).first, nullptr);
  EXPECT_EQ(plan.used(), 128U);
  auto memory = PageMemory::allocate(plan.used());
  ASSERT_TRUE(memory);
  Arena arena(*std::move(memory));
  const auto [numbers, letters] = take_both(arena);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(numbers) % 64, 0U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(letters) - reinterpret_cast<std::uintptr_t>(numbers), 64U);
  letters[2] = 'x';
  EXPECT_EQ(arena.used(), plan.used());
}

TEST(Arena, DiesWhenMoreIsTakenThanPlanned) {
  auto memory = PageMemory::allocate(64);
  ASSERT_TRUE(memory);
  Arena arena(*std::move(memory));
  arena.take<char>(64);
  EXPECT_DEATH(arena.take<char>(1), "arena is smaller than its plan");
}

TEST(Arena, PlansWhatNoMachineHasWithoutWrappingAround) {
  Arena plan;
  plan.take<double>(std::numeric_limits<std::int64_t>::max());
  plan.take<char>(100);
  plan.take<double>(std::int64_t{1} << 61);
  EXPECT_FALSE(PageMemory::allocate(plan.used())) << plan.used();
}

}  // namespace
}  // namespace outcrop
