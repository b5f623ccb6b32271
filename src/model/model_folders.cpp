#include "model/model_folders.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace outcrop::model {
namespace {

constexpr std::string_view kStagingPrefix = ".outcrop-staging-";
constexpr auto kStaleAfter = std::chrono::hours(24);

/// Unique among the processes and threads of this machine.
Path staging_name(const Path& parent) {
  static std::atomic<std::uint64_t> counter{0};
  // Relaxed: only uniqueness matters.
  const std::uint64_t number = counter.fetch_add(1, std::memory_order_relaxed);
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  return parent / fmt::format("{}{}-{}-{}", kStagingPrefix, ::getpid(), number, now);
}

void remove_stale(const Path& parent) {
  std::error_code error;
  const auto now = std::filesystem::file_time_type::clock::now();
  for (auto entry = std::filesystem::directory_iterator(parent, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (!entry->path().filename().string().starts_with(kStagingPrefix)) continue;
    std::error_code ignored;
    const auto changed = entry->last_write_time(ignored);
    if (!ignored && now - changed > kStaleAfter) std::filesystem::remove_all(entry->path(), ignored);
  }
}

/// renameat2 where the file system has it: exchange and no-replace are one step there.
int rename_with(const Path& from, const Path& to, unsigned flags) {
  return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) == 0 ? 0 : errno;
}

}  // namespace

std::string folder_name(std::string_view id) {
  // A colon ends a path in lists of paths and is no file name elsewhere; '@' is in no id.
  std::string name(id);
  std::replace(name.begin(), name.end(), ':', '@');
  return name;
}

std::string id_of_folder(std::string_view name) {
  std::string id(name);
  std::replace(id.begin(), id.end(), '@', ':');
  return id;
}

Result<StagingFolder> StagingFolder::create(const Path& parent) {
  OUTCROP_CHECK_OK(make_directories(parent));
  remove_stale(parent);
  Path path = staging_name(parent);
  OUTCROP_CHECK_OK(make_directories(path));
  return StagingFolder(std::move(path));
}

StagingFolder::StagingFolder(StagingFolder&& other) noexcept : path_(std::move(other.path_)) {
  other.path_.clear();
}

StagingFolder::~StagingFolder() {
  if (path_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Status StagingFolder::publish(const Path& target, bool replace) {
  OUTCROP_CHECK_OK(sync_directory(path_));
  int error = rename_with(path_, target, RENAME_NOREPLACE);
  if (error == EEXIST && replace) {
    // What was there before is now at path_, and the destructor removes it.
    error = rename_with(path_, target, RENAME_EXCHANGE);
    if (error == 0) return sync_directory(target.parent_path());
  }
  if (error == EINVAL || error == ENOSYS) {  // a file system without these flags
    if (replace) OUTCROP_CHECK_OK(remove_folder(target));
    error = ::rename(path_.c_str(), target.c_str()) == 0 ? 0 : errno;
  }
  if (error == EEXIST || error == ENOTEMPTY) {
    return fail(Code::already_exists, fmt::format("'{}' exists already", target.filename().string()));
  }
  if (error != 0) return fail_errno(target, "make", error);
  path_.clear();
  return sync_directory(target.parent_path());
}

Status remove_folder(const Path& folder) {
  const Path hidden = staging_name(folder.parent_path());
  if (::rename(folder.c_str(), hidden.c_str()) != 0) {
    if (errno == ENOENT) return fail(Code::not_found, fmt::format("{} does not exist", folder.string()));
    return fail_errno(folder, "remove", errno);
  }
  std::error_code error;
  std::filesystem::remove_all(hidden, error);
  if (error) return fail_errno(hidden, "remove", error.value());
  return sync_directory(folder.parent_path());
}

Status copy_if_there(const Path& from, const Path& to) {
  std::error_code error;
  if (!std::filesystem::exists(from, error)) return {};
  constexpr std::size_t kPieceBytes = std::size_t{16} << 20;
  OUTCROP_TRY(const MappedFile source, MappedFile::open(from));
  OUTCROP_TRY(AtomicFile target, AtomicFile::create(to));
  for (std::span<const std::byte> rest = source.bytes(); !rest.empty();) {
    const auto piece = rest.first(std::min(kPieceBytes, rest.size()));
    OUTCROP_CHECK_OK(target.write(piece));
    rest = rest.subspan(piece.size());
  }
  return target.commit();
}

}  // namespace outcrop::model
