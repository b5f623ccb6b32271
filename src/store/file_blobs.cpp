#include "base/check.h"
#include "crypto/hex.h"
#include "crypto/random_bytes.h"
#include "store/blob_store.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace outcrop::store {
namespace {

constexpr std::size_t kIdBytes = 16;
constexpr int kFolders = 256;

/// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int value) noexcept : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int get() const noexcept { return value_; }

 private:
  int value_;
};

tl::unexpected<Error> fail_errno(const Path& path, std::string_view action) {
  const int error = errno;
  const Code code = error == EACCES || error == EPERM ? Code::permission_denied : Code::io;
  return fail(code, fmt::format("{}: cannot {}: {}", path.string(), action, std::strerror(error)));
}

std::string new_id() {
  std::array<std::byte, kIdBytes> bytes{};
  crypto::fill_random(bytes);
  return crypto::to_hex(bytes);
}

bool is_id(std::string_view text) {
  if (text.size() != 2 * kIdBytes) return false;
  for (const char c : text) {
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
  }
  return true;
}

/// Only what is_id allows becomes a path.
Path path_of(const Path& folder, std::string_view id) {
  CHECK(is_id(id), "a blob's id is 32 hexadecimal digits");
  return folder / id.substr(0, 2) / id;
}

class FileWriter final : public BlobWriter {
 public:
  FileWriter(std::string id, AtomicFile file) : id_(std::move(id)), file_(std::move(file)) {}
  Status write(std::span<const std::byte> bytes) override { return file_.write(bytes); }
  Result<std::string> commit() override {
    OUTCROP_CHECK_OK(file_.commit());
    return id_;
  }

 private:
  std::string id_;
  AtomicFile file_;
};

class FileReader final : public BlobReader {
 public:
  FileReader(Path path, Descriptor file) : path_(std::move(path)), file_(std::move(file)) {}

  Status read(std::uint64_t offset, std::span<std::byte> buffer) override {
    while (!buffer.empty()) {
      const ssize_t got = ::pread(file_.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail_errno(path_, "read");
      if (got == 0) {
        return fail(Code::corrupt_data, fmt::format("{}: ends at byte {}, {} more were expected",
                                                    path_.string(), offset, buffer.size()));
      }
      buffer = buffer.subspan(static_cast<std::size_t>(got));
      offset += static_cast<std::uint64_t>(got);
    }
    return {};
  }

 private:
  Path path_;
  Descriptor file_;
};

class FileBlobs final : public BlobStore {
 public:
  FileBlobs(Path folder, Descriptor lock) : folder_(std::move(folder)), lock_(std::move(lock)) {}

  Result<std::unique_ptr<BlobWriter>> create() override {
    std::string id = new_id();
    OUTCROP_CHECK_OK(make_part(path_of(folder_, id).parent_path()));
    OUTCROP_TRY(AtomicFile file, AtomicFile::create(path_of(folder_, id), 0600));
    return std::unique_ptr<BlobWriter>(std::make_unique<FileWriter>(std::move(id), std::move(file)));
  }

  Result<std::unique_ptr<BlobReader>> open(std::string_view id) override {
    Path path = path_of(folder_, id);
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0 && errno == ENOENT) {
      return fail(Code::not_found, fmt::format("{}: the blob is not there", path.string()));
    }
    if (file.get() < 0) return fail_errno(path, "open");
    return std::unique_ptr<BlobReader>(std::make_unique<FileReader>(std::move(path), std::move(file)));
  }

  Status remove(std::string_view id) override {
    const Path path = path_of(folder_, id);
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno(path, "remove");
    return {};
  }

  Result<std::size_t> clear_orphans(const IsReferenced& is_referenced) override;

 private:
  /// The folder of the ids with these two digits; a new one is made durable before it holds anything.
  Status make_part(const Path& part) const {
    if (::mkdir(part.c_str(), 0700) == 0) return sync_directory(folder_);
    if (errno == EEXIST) return {};
    return fail_errno(part, "make directory");
  }
  Result<std::size_t> clear_folder(const Path& folder, const IsReferenced& is_referenced) const;
  Path folder_;
  Descriptor lock_;  ///< holds the shared lock
};

Result<std::size_t> FileBlobs::clear_folder(const Path& folder, const IsReferenced& is_referenced) const {
  std::size_t removed = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (is_id(name)) {
      OUTCROP_TRY(const bool needed, is_referenced(name));
      if (needed) continue;
    }
    if (::unlink(entry->path().c_str()) != 0) return fail_errno(entry->path(), "remove");
    ++removed;
  }
  if (error && error != std::errc::no_such_file_or_directory)
    return fail(Code::io, fmt::format("{}: cannot list: {}", folder.string(), error.message()));
  return removed;
}

Result<std::size_t> FileBlobs::clear_orphans(const IsReferenced& is_referenced) {
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    const bool busy = errno == EWOULDBLOCK;
    // A refused exchange of the lock may have lost the shared one (flock(2)).
    if (::flock(lock_.get(), LOCK_SH) != 0 || !busy) return fail_errno(folder_, "lock");
    return std::size_t{0};
  }
  std::size_t removed = 0;
  Result<std::size_t> in_folder = std::size_t{0};
  for (int i = 0; i < kFolders && in_folder; ++i) {
    in_folder = clear_folder(folder_ / fmt::format("{:02x}", i), is_referenced);
    removed += in_folder.value_or(0);
  }
  if (::flock(lock_.get(), LOCK_SH) != 0) return fail_errno(folder_, "lock");
  if (!in_folder) return in_folder;
  return removed;
}

}  // namespace

Result<std::unique_ptr<BlobStore>> open_file_blobs(const Path& folder) {
  OUTCROP_CHECK_OK(make_directories(folder));
  if (::chmod(folder.c_str(), 0700) != 0) return fail_errno(folder, "set the mode of");
  Descriptor lock(::open((folder / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.get() < 0) return fail_errno(folder / ".lock", "open");
  if (::flock(lock.get(), LOCK_SH) != 0) return fail_errno(folder / ".lock", "lock");
  return std::unique_ptr<BlobStore>(std::make_unique<FileBlobs>(folder, std::move(lock)));
}

}  // namespace outcrop::store
