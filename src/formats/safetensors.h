#pragma once
// safetensors: tensors of a model or adapter in one file.
//
//   OFFSET  SIZE  MEANING
//   0       8     N: length of the header, little endian, at most 100 MB
//   8       N     JSON: {"name": {"dtype": "BF16", "shape": [..], "data_offsets": [begin, end]}, ...,
//                 "__metadata__": {"key": "text"}}; may be padded with spaces
//   8+N     …     the tensors, row-major little endian, no holes, no overlaps; offsets count from here

#include "base/files.h"
#include "base/result.h"
#include "tensor/dtype.h"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::formats {

/// One stored tensor. `bytes` points into the file's map and may be unaligned: the header's length is free.
struct TensorEntry {
  std::string name;
  DType dtype;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;

  std::int64_t elements() const noexcept;
};

/// A memory-mapped safetensors file, or a sharded folder's set of them seen as one. Every offset, size and
/// name is checked against the file before use. Immutable and thread-safe.
class Safetensors {
 public:
  /// One file.
  static Result<Safetensors> open(const Path& path);
  /// A model folder: model.safetensors, or the shards of model.safetensors.index.json. Pickle files
  /// (pytorch_model.bin, *.pt) are refused with what to do instead.
  static Result<Safetensors> open_folder(const Path& folder);
  /// For tests and fuzzing: a file image in memory, which must outlive the object.
  static Result<Safetensors> parse(std::span<const std::byte> image, std::string_view name);

  const std::vector<TensorEntry>& tensors() const noexcept { return entries_; }  ///< in file order
  const TensorEntry* find(std::string_view name) const noexcept;
  const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }
  void drop_resident_pages() const noexcept;

 private:
  Status add(std::span<const std::byte> image, std::string_view name);
  Status add_file(const Path& path);
  std::vector<TensorEntry> entries_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::map<std::string, std::string> metadata_;
  std::vector<std::shared_ptr<const MappedFile>> files_;
};

/// Writes a safetensors file tensor by tensor, in the order declared; appears whole on finish().
class SafetensorsWriter {
 public:
  struct Declaration {
    std::string name;
    DType dtype;
    std::vector<std::int64_t> shape;
  };
  /// metadata gets {"format": "pt"} unless it has a format: Transformers refuses files without it.
  static Result<SafetensorsWriter> create(const Path& path, std::vector<Declaration> tensors,
                                          std::map<std::string, std::string> metadata = {});
  /// The next bytes of the next declared tensor; several calls may make up one tensor.
  Status write(std::span<const std::byte> bytes);
  /// Fails if fewer bytes were written than declared.
  Status finish();

 private:
  explicit SafetensorsWriter(AtomicFile file, std::uint64_t expected)
      : file_(std::move(file)), expected_(expected) {}
  AtomicFile file_;
  std::uint64_t expected_;  ///< total size of header and data
};

}  // namespace outcrop::formats
