#pragma once
// The threads that run handlers: as many as are needed up to a bound, with a bounded line of waiting requests.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace outcrop::http {

/// Thread-safe. These threads wait (for bodies, models, clients); computing is the compute pool's business.
class WorkerPool {
 public:
  WorkerPool(std::size_t max_threads, std::size_t max_waiting)
      : max_threads_(max_threads), max_waiting_(max_waiting) {}
  ~WorkerPool() { join(); }

  /// Runs what waits and takes nothing new. Idempotent; the owner makes sure that tasks end.
  void join();

  /// false when every thread is busy and the line is full.
  bool try_submit(std::function<void()> task);

 private:
  void work();

  const std::size_t max_threads_;
  const std::size_t max_waiting_;
  std::mutex mu_;
  std::condition_variable changed_;
  // guarded by mu_
  std::deque<std::function<void()>> waiting_;
  std::size_t idle_ = 0;
  bool ending_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace outcrop::http
