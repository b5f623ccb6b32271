#pragma once
// Files: whole reads, memory maps, and atomic writes that survive a crash at any moment.

#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace outcrop {

using Path = std::filesystem::path;

/// The error of a system call on `path` that set errno: "x: cannot write: No space left on device". A full
/// disk, a quota and a file size limit are quota_exceeded, a lack of rights permission_denied.
tl::unexpected<Error> fail_errno(const Path& path, std::string_view action, int error);

/// The whole file. Refuses more than `max_bytes` (quota_exceeded), directories and devices.
Result<std::string> read_file(const Path& path, std::uint64_t max_bytes = std::uint64_t{1} << 30);

/// A read-only map of a whole file. Movable; the bytes live as long as the object. An empty file maps to
/// an empty span. Thread-safe for reading.
class MappedFile {
 public:
  static Result<MappedFile> open(const Path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  std::string_view text() const noexcept { return {reinterpret_cast<const char*>(data_), size_}; }
  const Path& path() const noexcept { return path_; }

  /// Gives the pages back to the page cache; they are read again on the next touch.
  void drop_resident_pages() const noexcept;

 private:
  MappedFile(Path path, const std::byte* data, std::size_t size)
      : path_(std::move(path)), data_(data), size_(size) {}
  Path path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Writes a new file that appears whole or not at all: a temporary beside the target, then fsync, rename,
/// and fsync of the directory, on commit(). Destroyed without commit, it leaves nothing.
class AtomicFile {
 public:
  static Result<AtomicFile> create(const Path& target, unsigned mode = 0644);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  Status write(std::span<const std::byte> bytes);
  Status write(std::string_view text) { return write(std::as_bytes(std::span(text))); }
  /// Overwrites earlier bytes (a header whose sizes are known at the end).
  Status write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  std::uint64_t size() const noexcept { return size_; }
  Status commit();

 private:
  AtomicFile(Path target, Path temporary, int descriptor)
      : target_(std::move(target)), temporary_(std::move(temporary)), descriptor_(descriptor) {}
  Path target_;
  Path temporary_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

Status write_file_atomic(const Path& target, std::string_view content, unsigned mode = 0644);

/// Makes the directory and its parents; an existing one is fine.
Status make_directories(const Path& path);

/// Flushes a directory's entries (its renames) to disk.
Status sync_directory(const Path& path);

/// Appends whole lines to a log-like file; each append is one write(2), so a crash can cut only the last line.
class AppendFile {
 public:
  static Result<AppendFile> open(const Path& path);
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;
  ~AppendFile();
  Status append(std::string_view text);
  Status sync();

 private:
  AppendFile(Path path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  Path path_;
  int descriptor_ = -1;
};

}  // namespace outcrop
