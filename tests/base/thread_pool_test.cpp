#include "base/thread_pool.h"

#include "base/check.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>
#include <numeric>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

namespace outcrop {
namespace {

/// How often each index of [0, count) was visited.
std::vector<int> visits(ThreadPool& pool, std::int64_t count, std::int64_t grain) {
  std::vector<std::atomic<int>> seen(static_cast<std::size_t>(count));
  auto task = [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) seen[static_cast<std::size_t>(i)].fetch_add(1);
  };
  pool.run(count, grain, RangeTask(task));
  return {seen.begin(), seen.end()};
}

TEST(ThreadPool, VisitsEveryIndexOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    for (const std::int64_t count : {1, 2, 7, 64, 1000}) {
      for (const std::int64_t grain : {1, 3, 64, 5000}) {
        EXPECT_EQ(visits(pool, count, grain), std::vector<int>(static_cast<std::size_t>(count), 1))
            << threads << " threads, " << count << " indices, grain " << grain;
      }
    }
  }
}

TEST(ThreadPool, DoesNothingForNoIndices) {
  ThreadPool pool(3);
  int calls = 0;
  auto task = [&](std::int64_t, std::int64_t, int) { ++calls; };
  pool.run(0, 1, RangeTask(task));
  pool.run(-5, 1, RangeTask(task));
  EXPECT_EQ(calls, 0);
}

TEST(ThreadPool, TakesAGrainBelowOneAsOne) {
  ThreadPool pool(2);
  EXPECT_EQ(visits(pool, 10, 0), std::vector<int>(10, 1));
  EXPECT_EQ(visits(pool, 10, -4), std::vector<int>(10, 1));
}

TEST(ThreadPool, HasAtLeastTheCaller) {
  EXPECT_EQ(ThreadPool(0).size(), 1);
  EXPECT_EQ(ThreadPool(-3).size(), 1);
  EXPECT_EQ(ThreadPool(4).size(), 4);
}

TEST(ThreadPool, CutsPiecesAtMultiplesOfTheGrain) {
  ThreadPool pool(4);
  std::atomic<int> wrong = 0;
  auto task = [&](std::int64_t begin, std::int64_t end, int) {
    if (begin % 16 != 0 || (end != begin + 16 && end != 1000)) ++wrong;
  };
  pool.run(1000, 16, RangeTask(task));
  EXPECT_EQ(wrong, 0);
}

TEST(ThreadPool, NumbersItsWorkersAndNeverRunsOneTwiceAtOnce) {
  ThreadPool pool(4);
  std::vector<std::atomic<int>> busy(4);
  std::atomic<int> wrong = 0;
  auto task = [&](std::int64_t, std::int64_t, int worker) {
    if (worker < 0 || worker >= 4 || busy[static_cast<std::size_t>(worker)].fetch_add(1) != 0) ++wrong;
    std::this_thread::yield();
    busy[static_cast<std::size_t>(worker)].fetch_sub(1);
  };
  pool.run(2000, 1, RangeTask(task));
  EXPECT_EQ(wrong, 0);
}

TEST(ThreadPool, RunsANestedCallInline) {
  ThreadPool pool(3);
  std::atomic<std::int64_t> sum = 0;
  std::atomic<int> foreign = 0;
  auto outer = [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto self = std::this_thread::get_id();
      auto inner = [&](std::int64_t from, std::int64_t to, int) {
        if (std::this_thread::get_id() != self) ++foreign;
        sum += to - from;
      };
      pool.run(100, 1, RangeTask(inner));
    }
  };
  pool.run(50, 1, RangeTask(outer));
  EXPECT_EQ(sum, 50 * 100);
  EXPECT_EQ(foreign, 0);
}

TEST(ThreadPool, LetsASecondCallerWaitItsTurn) {
  ThreadPool pool(3);
  std::atomic<std::int64_t> total = 0;
  {
    std::vector<std::jthread> callers;
    for (int c = 0; c < 4; ++c) {
      callers.emplace_back([&] {
        auto task = [&](std::int64_t begin, std::int64_t end, int) { total += end - begin; };
        for (int i = 0; i < 100; ++i) pool.run(97, 5, RangeTask(task));
      });
    }
  }
  EXPECT_EQ(total, 4 * 100 * 97);
}

TEST(ThreadPool, SurvivesManyShortRegionsAndPauses) {
  ThreadPool pool(3);
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(visits(pool, 10, 1), std::vector<int>(10, 1)) << i;
    // Longer than the workers spin, so that some regions begin with sleepers.
    if (i % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

// What kernels do: each piece has a result of its own, and pieces are combined in order.
TEST(ThreadPool, GivesTheSameSumForAnyNumberOfThreads) {
  constexpr std::int64_t kCount = 10'007;
  constexpr std::int64_t kGrain = 64;
  const auto sum_with = [=](int threads) {
    ThreadPool pool(threads);
    std::vector<float> parts((kCount + kGrain - 1) / kGrain);
    auto task = [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t piece = begin; piece < end; ++piece) {
        const std::int64_t stop = std::min(kCount, (piece + 1) * kGrain);
        for (std::int64_t i = piece * kGrain; i < stop; ++i) {
          parts[static_cast<std::size_t>(piece)] += 1.0F / static_cast<float>(i + 1);
        }
      }
    };
    pool.run(static_cast<std::int64_t>(parts.size()), 1, RangeTask(task));
    return std::accumulate(parts.begin(), parts.end(), 0.0F);
  };
  const float one = sum_with(1);
  for (const int threads : {2, 3, 7}) EXPECT_EQ(sum_with(threads), one) << threads;
}

TEST(ThreadPool, ThrowsTheTasksExceptionToTheCaller) {
  for (const int threads : {1, 2, 4}) {
    ThreadPool pool(threads);
    auto task = [](std::int64_t, std::int64_t end, int) {
      if (end > 40) throw std::bad_alloc();
    };
    for (int i = 0; i < 20; ++i) EXPECT_THROW(pool.run(100, 1, RangeTask(task)), std::bad_alloc) << threads;
    EXPECT_EQ(visits(pool, 100, 1), std::vector<int>(100, 1)) << "the pool goes on";
  }
}

TEST(ThreadPool, WaitsForEveryWorkerBeforeItThrows) {
  ThreadPool pool(4);
  std::atomic<int> inside = 0;
  auto task = [&](std::int64_t begin, std::int64_t, int) {
    ++inside;
    if (begin == 0) {
      --inside;
      throw std::bad_alloc();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    --inside;
  };
  EXPECT_THROW(pool.run(8, 1, RangeTask(task)), std::bad_alloc);
  EXPECT_EQ(inside, 0);
}

TEST(ParallelFor, CoversItsRangeOnTheProcessPool) {
  std::vector<std::atomic<int>> seen(1000);
  parallel_for(1000, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
  });
  EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](const auto& count) { return count == 1; }));
}

TEST(ParallelFor, NumbersWorkersBelowThePoolsSize) {
  std::atomic<int> largest = 0;
  parallel_for_worker(1000, 1, [&](std::int64_t, std::int64_t, int worker) {
    int seen = largest;
    while (worker > seen && !largest.compare_exchange_weak(seen, worker)) {
    }
  });
  EXPECT_LT(largest, compute_pool().size());
}

/// Processes of their own: the pool is made once, and a failed CHECK ends everything.
class ThreadPoolDeathTest : public testing::Test {
 protected:
  ThreadPoolDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

[[noreturn]] void leave_with_pool_size(const char* threads) {
  ::setenv("OUTCROP_THREADS", threads, 1);
  ::_exit(compute_pool().size());
}

TEST_F(ThreadPoolDeathTest, TakesItsSizeFromTheEnvironment) {
  EXPECT_EXIT(leave_with_pool_size("3"), testing::ExitedWithCode(3), "");
  EXPECT_EXIT(leave_with_pool_size("1"), testing::ExitedWithCode(1), "");
}

TEST_F(ThreadPoolDeathTest, UsesTheProcessorsOfThisProcessForASizeThatIsNone) {
  const auto at_least_one = [](int status) { return WIFEXITED(status) && WEXITSTATUS(status) >= 1; };
  EXPECT_EXIT(leave_with_pool_size("0"), at_least_one, "");
  EXPECT_EXIT(leave_with_pool_size("-2"), at_least_one, "");
  EXPECT_EXIT(leave_with_pool_size("many"), at_least_one, "");
}

void fail_on_every_piece(int threads) {
  ThreadPool pool(threads);
  auto task = [](std::int64_t, std::int64_t, int) { CHECK(false, "a kernel found a bug"); };
  pool.run(100, 1, RangeTask(task));
}

TEST_F(ThreadPoolDeathTest, AFailedCheckInAnyWorkerEndsTheProgram) {
  for (const int threads : {1, 4}) {
    EXPECT_EXIT(fail_on_every_piece(threads), testing::KilledBySignal(SIGABRT), "a kernel found a bug");
  }
}

}  // namespace
}  // namespace outcrop
