#include "base/files.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace outcrop {
namespace {

Code code_of_errno(int error) noexcept {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return Code::not_found;
    case EACCES:
    case EPERM:
    case EROFS:
      return Code::permission_denied;
    case EEXIST:
      return Code::already_exists;
    case ENOMEM:
      return Code::out_of_memory;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Code::quota_exceeded;
    default:
      return Code::io;
  }
}

/// Closes on leaving the scope.
class Descriptor {
 public:
  explicit Descriptor(int value) noexcept : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const noexcept { return value_; }
  int release() noexcept { return std::exchange(value_, -1); }

 private:
  int value_;
};

struct OpenedFile {
  int descriptor;
  std::uint64_t size;
};

Result<OpenedFile> open_regular(const Path& path) {
  // O_NONBLOCK: a named pipe in place of a file must not hang the open.
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return fail_errno(path, "open", errno);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return fail_errno(path, "stat", errno);
  if (!S_ISREG(info.st_mode))
    return fail(Code::invalid_argument, fmt::format("{}: is not a regular file", path.string()));
  const auto size = static_cast<std::uint64_t>(info.st_size);
  return OpenedFile{fd.release(), size};
}

Status write_all(int descriptor, const Path& path, const std::byte* data, std::size_t size) {
  while (size > 0) {
    const ssize_t done = ::write(descriptor, data, size);
    if (done < 0) {
      if (errno == EINTR) continue;
      return fail_errno(path, "write", errno);
    }
    data += done;
    size -= static_cast<std::size_t>(done);
  }
  return {};
}

}  // namespace

tl::unexpected<Error> fail_errno(const Path& path, std::string_view action, int error) {
  return fail(code_of_errno(error),
              fmt::format("{}: cannot {}: {}", path.string(), action, std::strerror(error)));
}

Result<std::string> read_file(const Path& path, std::uint64_t max_bytes) {
  OUTCROP_TRY(const OpenedFile file, open_regular(path));
  const Descriptor fd(file.descriptor);
  if (file.size > max_bytes) {
    return fail(Code::quota_exceeded,
                fmt::format("{}: file has {} bytes, the limit is {}", path.string(), file.size, max_bytes));
  }
  std::string content(file.size, '\0');
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t got = ::read(fd.get(), content.data() + done, content.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(path, "read", errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  content.resize(done);
  return content;
}

Result<MappedFile> MappedFile::open(const Path& path) {
  OUTCROP_TRY(const OpenedFile file, open_regular(path));
  const Descriptor fd(file.descriptor);
  if (file.size == 0) return MappedFile(path, nullptr, 0);
  void* data = ::mmap(nullptr, file.size, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (data == MAP_FAILED) return fail_errno(path, "map", errno);
  return MappedFile(path, static_cast<const std::byte*>(data), file.size);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::drop_resident_pages() const noexcept {
  if (data_ != nullptr) ::madvise(const_cast<std::byte*>(data_), size_, MADV_DONTNEED);
}

Result<AtomicFile> AtomicFile::create(const Path& target, unsigned mode) {
  // Relaxed: only makes names distinct within this process; the process id does the rest.
  static std::atomic<std::uint64_t> counter{0};
  Path temporary = target;
  temporary += fmt::format(".tmp-{}-{}", ::getpid(), counter.fetch_add(1, std::memory_order_relaxed));
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, static_cast<mode_t>(mode));
  if (fd < 0) return fail_errno(target, "create", errno);
  return AtomicFile(target, std::move(temporary), fd);
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : target_(std::move(other.target_)),
      temporary_(std::move(other.temporary_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_) {}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

Status AtomicFile::write(std::span<const std::byte> bytes) {
  OUTCROP_CHECK_OK(write_all(descriptor_, target_, bytes.data(), bytes.size()));
  size_ += bytes.size();
  return {};
}

Status AtomicFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return fail_errno(target_, "write", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
    offset += static_cast<std::uint64_t>(done);
  }
  return {};
}

Status AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) return fail_errno(target_, "flush", errno);
  const int fd = std::exchange(descriptor_, -1);
  if (::close(fd) != 0) {
    const int error = errno;
    ::unlink(temporary_.c_str());
    return fail_errno(target_, "close", error);
  }
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary_.c_str());
    return fail_errno(target_, "replace", error);
  }
  return sync_directory(target_.has_parent_path() ? target_.parent_path() : Path("."));
}

Status write_file_atomic(const Path& target, std::string_view content, unsigned mode) {
  OUTCROP_TRY(AtomicFile file, AtomicFile::create(target, mode));
  OUTCROP_CHECK_OK(file.write(content));
  return file.commit();
}

Status make_directories(const Path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return fail_errno(path, "make directory", error.value());
  return {};
}

Status sync_directory(const Path& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return fail_errno(path, "open", errno);
  if (::fsync(fd.get()) != 0) return fail_errno(path, "flush", errno);
  return {};
}

Result<AppendFile> AppendFile::open(const Path& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return fail_errno(path, "open", errno);
  return AppendFile(path, fd);
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Status AppendFile::append(std::string_view text) {
  return write_all(descriptor_, path_, reinterpret_cast<const std::byte*>(text.data()), text.size());
}

Status AppendFile::sync() {
  if (::fsync(descriptor_) != 0) return fail_errno(path_, "flush", errno);
  return {};
}

}  // namespace outcrop
