#include "http/exchange/worker_pool.h"

namespace outcrop::http {

void WorkerPool::join() {
  std::vector<std::jthread> threads;
  {
    const std::lock_guard lock(mu_);
    ending_ = true;
    threads.swap(threads_);
  }
  changed_.notify_all();
}

bool WorkerPool::try_submit(std::function<void()> task) {
  {
    const std::lock_guard lock(mu_);
    if (ending_) return false;
    const bool needs_thread = idle_ <= waiting_.size();
    if (needs_thread && threads_.size() < max_threads_) {
      threads_.emplace_back([this] { work(); });
    } else if (needs_thread && waiting_.size() - idle_ >= max_waiting_) {
      return false;
    }
    waiting_.push_back(std::move(task));
  }
  changed_.notify_one();
  return true;
}

void WorkerPool::work() {
  std::unique_lock lock(mu_);
  while (true) {
    ++idle_;
    changed_.wait(lock, [this] { return !waiting_.empty() || ending_; });
    --idle_;
    if (waiting_.empty()) return;
    const std::function<void()> task = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    task();
    lock.lock();
  }
}

}  // namespace outcrop::http
