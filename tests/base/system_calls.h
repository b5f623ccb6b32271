#pragma once
// Watches the file system calls of the code under test, and makes one of them fail. The test program defines
// fsync, rename and write in place of the C library's (system_calls.cpp), which forward to the kernel.

#include <string>
#include <vector>

namespace outcrop::test {

/// Records calls while it lives; one watch at a time, for the thread that made it.
class SystemCallWatch {
 public:
  SystemCallWatch();
  ~SystemCallWatch();
  SystemCallWatch(const SystemCallWatch&) = delete;
  SystemCallWatch& operator=(const SystemCallWatch&) = delete;

  /// "fsync NAME", "rename NAME NAME", "write NAME", where NAME is the last part of the file's path.
  const std::vector<std::string>& calls() const { return calls_; }

  /// From now on calls of this name fail with `error`, after `successes` good ones.
  void fail(std::string call, int error, int successes = 0);
  /// From now on writes take at most so many bytes.
  void shorten_writes(std::size_t most) { most_bytes_ = most; }
  /// From now on every other write is interrupted by a signal first.
  void interrupt_writes() { interrupting_ = true; }

  // For the replacements.
  static SystemCallWatch* current();
  int error_for(const std::string& call, const std::string& names);
  bool interrupts();
  std::size_t allowed(std::size_t bytes) const;

 private:
  std::vector<std::string> calls_;
  std::string failing_;
  int error_ = 0;
  int successes_ = 0;
  std::size_t most_bytes_ = ~std::size_t{0};
  bool interrupting_ = false;
  bool interrupted_ = false;
};

}  // namespace outcrop::test
