#include "service/customize_run.h"

#include "train/checkpoint.h"

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace outcrop::service {
namespace {

namespace fs = std::filesystem;

/// Members of config.json that say when and by what it was written, or that may change between starts.
bool may_differ(std::string_view key) {
  return key == "created" || key == "version" || key == "checkpoint_every" || key == "keep_checkpoints";
}

/// "training.learning_rate: was 0.001, is 0.002"; empty when all is the same.
std::string first_difference(const Json& stored, const Json& wanted, const std::string& prefix) {
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto [key, value] = wanted.member(i);
    if (may_differ(key)) continue;
    const Json& before = stored[key];
    if (before == value) continue;
    const std::string name = prefix + std::string(key);
    if (before.is_object() && value.is_object()) {
      if (std::string inner = first_difference(before, value, name + '.'); !inner.empty()) return inner;
      continue;
    }
    return fmt::format("{}: was {}, is {}", name, before.dump(), value.dump());
  }
  return {};
}

/// Whether `path` still names the file that was opened.
bool is_open_as(int descriptor, const Path& path) {
  struct stat opened {};
  struct stat named {};
  return ::fstat(descriptor, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

}  // namespace

Result<RunLock> RunLock::take(const Path& home, std::string_view name) {
  const Path jobs = home / "jobs";
  OUTCROP_CHECK_OK(make_directories(jobs));
  const Path path = jobs / fmt::format(".{}.lock", name);
  for (;;) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor < 0) return fail_errno(path, "open", errno);
    RunLock lock(descriptor, path);
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
      if (is_open_as(descriptor, path)) return lock;
      lock.path_.clear();  // its last holder took the file away after we opened it: a lock that nobody sees
      continue;
    }
    const int error = errno;
    lock.path_.clear();
    if (error != EWOULDBLOCK) return fail_errno(path, "lock", error);
    return fail(
        Code::conflict,
        fmt::format("run '{}' is being worked on by another process: wait for it, or choose another name",
                    name));
  }
}

RunLock::RunLock(RunLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::exchange(other.path_, {})) {}

RunLock::~RunLock() {
  if (descriptor_ < 0) return;
  if (!path_.empty()) ::unlink(path_.c_str());
  ::close(descriptor_);
}

RunFolder::RunFolder(const Path& home, std::string_view name) : name_(name), path_(home / "jobs" / name) {}

RunState RunFolder::state() const {
  std::error_code ignored;
  if (!fs::exists(path_, ignored)) return RunState::absent;
  return fs::exists(path_ / "result.json", ignored) ? RunState::finished : RunState::unfinished;
}

Status RunFolder::check(bool resume, bool replace) const {
  switch (state()) {
    case RunState::absent:
      if (resume) {
        return fail(Code::not_found,
                    fmt::format("there is no run '{}' to resume ({} does not exist); start it without "
                                "--resume",
                                name_, path_.string()));
      }
      return {};
    case RunState::unfinished: {
      if (resume || replace) return {};
      const auto step = train::Checkpoints::newest_step(path_ / "checkpoints");
      return fail(Code::conflict,
                  fmt::format("run '{}' is unfinished ({}): go on with --resume, or start anew with --replace",
                              name_, step ? fmt::format("checkpoint of step {}", *step) : "no checkpoint yet"));
    }
    case RunState::finished:
      if (replace) return {};
      return fail(Code::already_exists,
                  fmt::format("run '{}' is finished: {}", name_,
                              resume ? "there is nothing to resume"
                                     : "choose another name, or start anew with --replace"));
  }
  return {};
}

void RunFolder::remove_leftovers() const {
  // What a start that was killed left of its temporary folders; the lock says that none is in use.
  std::error_code error;
  std::vector<Path> leftovers;
  for (fs::directory_iterator it(path_.parent_path(), error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    for (const char* kind : {"new", "removed"}) {
      if (name.starts_with(fmt::format(".{}.{}-", name_, kind))) leftovers.push_back(it->path());
    }
  }
  for (const Path& path : leftovers) fs::remove_all(path, error);
}

Status RunFolder::create(const Json& config) const {
  remove_leftovers();
  std::error_code error;
  if (fs::exists(path_, error)) {
    // Renamed first: what a crash leaves of a removal must not look like a run.
    const Path trash = path_.parent_path() / fmt::format(".{}.removed-{}", name_, ::getpid());
    fs::remove_all(trash, error);
    fs::rename(path_, trash, error);
    if (error) return fail_errno(path_, "remove", error.value());
    fs::remove_all(trash, error);
  }
  // Built beside and renamed, so that a run folder always has its configuration.
  const Path fresh = path_.parent_path() / fmt::format(".{}.new-{}", name_, ::getpid());
  fs::remove_all(fresh, error);
  OUTCROP_CHECK_OK(make_directories(fresh));
  OUTCROP_CHECK_OK(write_file_atomic(fresh / "config.json", config.dump(2) + '\n'));
  fs::rename(fresh, path_, error);
  if (error) return fail_errno(path_, "make", error.value());
  return sync_directory(path_.parent_path());
}

Status RunFolder::check_same_config(const Json& config) const {
  const Path file = path_ / "config.json";
  OUTCROP_TRY(const std::string text, read_file(file));
  auto stored = Json::parse(text);
  if (!stored) return forward_error(stored, file.string());
  const std::string difference = first_difference(*stored, config, "");
  if (difference.empty()) return {};
  return fail(
      Code::conflict,
      fmt::format("run '{}' cannot go on with other settings: {}; give the same as before, or start anew with "
                  "--replace",
                  name_, difference));
}

Status RunFolder::finish(const Json& result) const {
  return write_file_atomic(path_ / "result.json", result.dump(2) + '\n');
}

}  // namespace outcrop::service
