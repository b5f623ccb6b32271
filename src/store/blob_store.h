#pragma once
// Where bytes lie: blobs that are written once, whole or not at all, under ids that the store makes. No name of
// a user ever becomes a path. What a blob means stands in the object catalogue. Caller: ObjectService.

#include "base/files.h"
#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace outcrop::store {

/// Destroyed without commit(), it leaves nothing. Not thread-safe.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  virtual Status write(std::span<const std::byte> bytes) = 0;
  /// Makes the blob durable and gives its id. Nothing may follow.
  virtual Result<std::string> commit() = 0;
};

/// Not thread-safe. Goes on reading a blob that is removed meanwhile.
class BlobReader {
 public:
  virtual ~BlobReader() = default;
  /// Fills `buffer` from `offset`, entirely; corrupt_data when the blob is shorter.
  virtual Status read(std::uint64_t offset, std::span<std::byte> buffer) = 0;
};

/// Thread-safe, and safe between processes.
class BlobStore {
 public:
  virtual ~BlobStore() = default;
  virtual Result<std::unique_ptr<BlobWriter>> create() = 0;
  virtual Result<std::unique_ptr<BlobReader>> open(std::string_view id) = 0;
  /// A blob that is not there is fine.
  virtual Status remove(std::string_view id) = 0;

  using IsReferenced = std::function<Result<bool>(std::string_view id)>;
  /// Removes what interrupted writers left, and every blob that nothing refers to; gives how many files went.
  /// Does nothing while another process has the store open, since a blob that is being written is not referred
  /// to yet.
  virtual Result<std::size_t> clear_orphans(const IsReferenced& is_referenced) = 0;
};

/// Blobs as files:
///   FOLDER/.lock         shared by the processes that have the store open
///   FOLDER/ab/abcd…      a blob, named by 32 random hexadecimal digits
/// The folder is made when it is not there, for its owner only.
Result<std::unique_ptr<BlobStore>> open_file_blobs(const Path& folder);

}  // namespace outcrop::store
