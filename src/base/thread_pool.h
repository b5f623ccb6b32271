#pragma once
// The one pool of compute threads. Kernels and GEMM split their work over it; nothing else makes threads
// for computing. Callers: kernels, tensor, model, train, infer, data.

#include <cstdint>
#include <functional>
#include <memory>

namespace outcrop {

/// A non-owning reference to a callable, valid while the callable lives.
class RangeTask {
 public:
  template <class F>
  RangeTask(F& function)  // NOLINT: implicit by design
      : object_(&function), call_([](void* f, std::int64_t begin, std::int64_t end, int worker) {
          (*static_cast<F*>(f))(begin, end, worker);
        }) {}
  void operator()(std::int64_t begin, std::int64_t end, int worker) const {
    call_(object_, begin, end, worker);
  }

 private:
  void* object_;
  void (*call_)(void*, std::int64_t, std::int64_t, int);
};

/// Fork-join over fixed threads that spin briefly before they sleep. The calling thread works too, as
/// worker 0. One parallel region at a time: a second caller waits its turn; a nested call runs inline.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const noexcept;

  /// Calls task(begin, end, worker) on disjoint ranges that cover [0, count). Ranges are handed out in
  /// pieces of `grain` in order, so uneven work balances; which worker gets which piece is not fixed.
  /// The first exception that leaves the task (memory that ran out, in practice) is thrown again here, once
  /// every worker has stopped; pieces not yet handed out are then left undone.
  void run(std::int64_t count, std::int64_t grain, RangeTask task);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The process's pool: OUTCROP_THREADS, else the CPUs this process may use.
ThreadPool& compute_pool();

/// parallel_for(rows, 16, [&](std::int64_t begin, std::int64_t end) { … });
template <class F>
void parallel_for(std::int64_t count, std::int64_t grain, F&& function) {
  auto task = [&](std::int64_t begin, std::int64_t end, int) { function(begin, end); };
  compute_pool().run(count, grain, RangeTask(task));
}

/// The same with the worker's number (0 … size-1), for per-worker scratch.
template <class F>
void parallel_for_worker(std::int64_t count, std::int64_t grain, F&& function) {
  compute_pool().run(count, grain, RangeTask(function));
}

}  // namespace outcrop
