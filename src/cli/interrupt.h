#pragma once
// Ctrl-C, SIGTERM and SIGHUP as a stop token, without work in a signal handler: the signals are blocked and one
// thread waits for them.

#include <atomic>
#include <csignal>
#include <mutex>
#include <stop_token>
#include <thread>

namespace outcrop::cli {

/// One a process, made before any other thread so that all inherit the blocked signals. Until begin() a signal
/// ends the process at once; after it the first requests stop and the second ends the process.
/// Signals that the parent set to be ignored (nohup, background jobs) stay ignored.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  /// A token for the work that begins now; forgets earlier signals.
  std::stop_token begin();
  /// Readable once a signal has arrived since begin(): for poll().
  int descriptor() const noexcept { return pipe_[0]; }

 private:
  void wait_for_signals();
  /// Does not return when the signal is one too many.
  std::stop_source source_to_stop();

  // Constant after construction.
  sigset_t signals_{};
  int pipe_[2] = {-1, -1};

  std::atomic<bool> closing_{false};  // relaxed: the signal that follows orders it

  std::mutex mu_;
  // Guarded by mu_.
  std::stop_source source_;
  bool working_ = false;

  std::thread thread_;
};

}  // namespace outcrop::cli
