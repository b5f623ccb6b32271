// The replacements of the C library's calls behind SystemCallWatch. Named _test so that it is part of this
// room's test program only.

#include "base/system_calls.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace outcrop::test {
namespace {

thread_local SystemCallWatch* watch = nullptr;

/// Of an open file; without its directory.
std::string name_of(int descriptor) {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(descriptor), ignored)
      .filename()
      .string();
}

std::string name_of(const char* path) {
  return std::filesystem::path(path).filename().string();
}

}  // namespace

SystemCallWatch::SystemCallWatch() {
  watch = this;
}

SystemCallWatch::~SystemCallWatch() {
  watch = nullptr;
}

void SystemCallWatch::fail(std::string call, int error, int successes) {
  failing_ = std::move(call);
  error_ = error;
  successes_ = successes;
}

SystemCallWatch* SystemCallWatch::current() {
  return watch;
}

int SystemCallWatch::error_for(const std::string& call, const std::string& names) {
  calls_.push_back(call + " " + names);
  if (call != failing_) return 0;
  return successes_-- > 0 ? 0 : error_;
}

bool SystemCallWatch::interrupts() {
  interrupted_ = interrupting_ && !interrupted_;
  return interrupted_;
}

std::size_t SystemCallWatch::allowed(std::size_t bytes) const {
  return std::min(bytes, most_bytes_);
}

namespace {

/// Whether the watch, if there is one, lets the call fail; then errno is set.
template <class... Names>
bool fails(const char* call, Names... names) {
  if (watch == nullptr) return false;
  std::string all;
  for (const std::string& name : {name_of(names)...}) all += (all.empty() ? "" : " ") + name;
  const int error = watch->error_for(call, all);
  if (error != 0) errno = error;
  return error != 0;
}

}  // namespace
}  // namespace outcrop::test

extern "C" {

int fsync(int descriptor) {
  if (outcrop::test::fails("fsync", descriptor)) return -1;
  return static_cast<int>(::syscall(SYS_fsync, descriptor));
}

int rename(const char* from, const char* to) noexcept {
  if (outcrop::test::fails("rename", from, to)) return -1;
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0U));
}

ssize_t write(int descriptor, const void* bytes, std::size_t size) {
  if (auto* watch = outcrop::test::SystemCallWatch::current()) {
    if (watch->interrupts()) {
      errno = EINTR;
      return -1;
    }
    if (outcrop::test::fails("write", descriptor)) return -1;
    size = watch->allowed(size);
  }
  return ::syscall(SYS_write, descriptor, bytes, size);
}

}  // extern "C"
