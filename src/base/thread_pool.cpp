#include "base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <sched.h>

namespace outcrop {
namespace {

/// Pauses before a waiting thread gives its processor away; some hundred microseconds.
constexpr int kSpins = 5000;

thread_local bool inside_region = false;

int default_threads() {
  if (const char* wanted = std::getenv("OUTCROP_THREADS")) {
    if (const int count = std::atoi(wanted); count > 0) return std::min(count, 1024);
  }
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

struct ThreadPool::State {
  // Constant after construction.
  int size = 1;
  std::vector<std::jthread> threads;

  // Held by the caller for a whole region.
  std::mutex region;

  // The region's work. Written by the caller before `generation` rises (release), read by workers after
  // they saw it rise (acquire).
  std::optional<RangeTask> task;
  std::int64_t count = 0;
  std::int64_t grain = 1;
  std::atomic<std::int64_t> next{0};         // relaxed: only hands out distinct pieces
  std::atomic<int> running{0};               // release by workers when done, acquire by the caller
  std::atomic<std::uint64_t> generation{0};  // release by the caller, acquire by workers
  std::atomic<bool> stop{false};             // relaxed, ordered by generation

  // The first exception of the region. Written once, by whoever raised `failed`; read by the caller after
  // `running` fell to zero.
  std::atomic_flag failed;
  std::exception_ptr failure;

  // For sleeping workers.
  std::mutex sleep;
  std::condition_variable wake;

  void work(int worker) noexcept {
    inside_region = true;
    try {
      for (;;) {
        const std::int64_t begin = next.fetch_add(grain, std::memory_order_relaxed);
        if (begin >= count) break;
        (*task)(begin, std::min(count, begin + grain), worker);
      }
    } catch (...) {
      next.store(count, std::memory_order_relaxed);
      if (!failed.test_and_set(std::memory_order_relaxed)) failure = std::current_exception();
    }
    inside_region = false;
  }

  void wait_for(std::uint64_t seen) {
    // Regions follow each other within microseconds during training: spin first, then sleep.
    for (int i = 0; i < kSpins; ++i) {
      if (generation.load(std::memory_order_acquire) != seen) return;
      relax();
    }
    std::unique_lock lock(sleep);
    wake.wait(lock, [&] { return generation.load(std::memory_order_acquire) != seen; });
  }

  void loop(int worker) {
    std::uint64_t seen = 0;
    for (;;) {
      wait_for(seen);
      seen = generation.load(std::memory_order_acquire);
      if (stop.load(std::memory_order_relaxed)) return;
      work(worker);
      running.fetch_sub(1, std::memory_order_release);
    }
  }

  void announce() {
    {
      // Taken so that a worker between its check and its wait cannot miss the change.
      const std::lock_guard lock(sleep);
      generation.fetch_add(1, std::memory_order_release);
    }
    wake.notify_all();
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  state_->size = std::max(1, threads);
  for (int worker = 1; worker < state_->size; ++worker) {
    state_->threads.emplace_back([state = state_.get(), worker] { state->loop(worker); });
  }
}

ThreadPool::~ThreadPool() {
  state_->stop.store(true, std::memory_order_relaxed);
  state_->announce();
}

int ThreadPool::size() const noexcept {
  return state_->size;
}

void ThreadPool::run(std::int64_t count, std::int64_t grain, RangeTask task) {
  if (count <= 0) return;
  if (inside_region || state_->size == 1 || count <= grain) {
    task(0, count, 0);
    return;
  }
  const std::lock_guard lock(state_->region);
  state_->task = task;
  state_->count = count;
  state_->grain = std::max<std::int64_t>(1, grain);
  state_->next.store(0, std::memory_order_relaxed);
  state_->running.store(state_->size - 1, std::memory_order_relaxed);
  state_->announce();
  state_->work(0);
  // On a busy machine the last worker may have lost its processor: after a while, offer it ours.
  for (int i = 0; state_->running.load(std::memory_order_acquire) != 0; ++i) {
    if (i < kSpins) {
      relax();
    } else {
      ::sched_yield();
    }
  }
  if (state_->failure) {
    state_->failed.clear(std::memory_order_relaxed);
    std::rethrow_exception(std::exchange(state_->failure, nullptr));
  }
}

ThreadPool& compute_pool() {
  static ThreadPool pool(default_threads());
  return pool;
}

}  // namespace outcrop
