#include "cli/interrupt.h"

#include "base/check.h"
#include "cli/exit_codes.h"

#include <cstdio>

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

namespace outcrop::cli {

Interrupts::Interrupts() {
  CHECK(pipe2(pipe_, O_CLOEXEC | O_NONBLOCK) == 0, "no pipe for signals");
  sigemptyset(&signals_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction now {};
    if (sigaction(signal, nullptr, &now) == 0 && now.sa_handler != SIG_IGN) sigaddset(&signals_, signal);
  }
  // Wakes the thread when all signals above are ignored.
  sigaddset(&signals_, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  thread_ = std::thread([this] { wait_for_signals(); });
}

Interrupts::~Interrupts() {
  closing_.store(true, std::memory_order_relaxed);
  pthread_kill(thread_.native_handle(), SIGUSR1);
  thread_.join();
  close(pipe_[0]);
  close(pipe_[1]);
}

std::stop_token Interrupts::begin() {
  const std::lock_guard lock(mu_);
  source_ = std::stop_source();
  working_ = true;
  char drained[16];
  while (read(pipe_[0], drained, sizeof drained) > 0) {
  }
  return source_.get_token();
}

std::stop_source Interrupts::source_to_stop() {
  const std::lock_guard lock(mu_);
  if (!working_ || source_.stop_requested()) {
    if (isatty(STDERR_FILENO) != 0) (void)!write(STDERR_FILENO, "\n", 1);
    _exit(kCancelled);
  }
  return source_;
}

void Interrupts::wait_for_signals() {
  for (;;) {
    int signal = 0;
    if (sigwait(&signals_, &signal) != 0) continue;
    if (signal == SIGUSR1) {
      if (closing_.load(std::memory_order_relaxed)) return;
      continue;
    }
    source_to_stop().request_stop();
    (void)!write(pipe_[1], "x", 1);
  }
}

}  // namespace outcrop::cli
