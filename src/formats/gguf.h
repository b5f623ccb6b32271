#pragma once
// GGUF version 3: llama.cpp's model file. Read every block format listed below, write the plain ones,
// Q8_0 and Q4_0.
//
//   OFFSET  SIZE  MEANING
//   0       4     "GGUF"
//   4       4     version, u32: 3 (2 has the same layout and is accepted)
//   8       8     tensor count, u64
//   16      8     key-value count, u64
//   24      …     key-values {string key, u32 type, value}; string = u64 length + bytes;
//                 array = u32 element type, u64 length, elements
//   …       …     tensor infos {string name, u32 dimensions, u64 sizes[] (fastest first, the reverse of
//                 PyTorch), u32 type, u64 offset from the start of the data}
//   …       …     padding to general.alignment (32 unless set), then the data

#include "base/files.h"
#include "base/result.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace outcrop::formats {

/// Tensor types by their number in the file.
enum class GgufType : std::uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  bf16 = 30
};
std::string_view to_string(GgufType type) noexcept;
/// Elements and bytes of one block.
struct GgufBlock {
  std::int64_t elements;
  std::int64_t bytes;
};
GgufBlock block_of(GgufType type) noexcept;

struct GgufArray;
using GgufValue = std::variant<std::uint64_t, std::int64_t, double, bool, std::string, GgufArray>;
/// Arrays keep their elements typed; nested arrays are refused.
struct GgufArray {
  std::variant<std::vector<std::uint64_t>, std::vector<std::int64_t>, std::vector<double>, std::vector<bool>,
               std::vector<std::string>>
      elements;
};

struct GgufTensor {
  std::string name;
  GgufType type;
  std::vector<std::int64_t> shape;  ///< PyTorch order: [rows, cols], slowest first
  std::span<const std::byte> bytes;

  std::int64_t elements() const noexcept;
};

/// A memory-mapped GGUF file; every length is checked against the file before use. Immutable, thread-safe.
class Gguf {
 public:
  static Result<Gguf> open(const Path& path);
  static Result<Gguf> parse(std::span<const std::byte> image, std::string_view name);

  const std::vector<GgufTensor>& tensors() const noexcept { return tensors_; }
  const GgufTensor* find(std::string_view name) const noexcept;
  const std::map<std::string, GgufValue, std::less<>>& metadata() const noexcept { return metadata_; }

  // Typed metadata reads; nothing when absent or of another kind.
  std::optional<std::string> text(std::string_view key) const;
  std::optional<std::int64_t> integer(std::string_view key) const;
  std::optional<double> number(std::string_view key) const;  ///< integers too
  std::optional<bool> boolean(std::string_view key) const;
  const std::vector<std::string>* texts(std::string_view key) const;
  std::optional<std::vector<double>> numbers(std::string_view key) const;  ///< any numeric array

 private:
  std::vector<GgufTensor> tensors_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::map<std::string, GgufValue, std::less<>> metadata_;
  std::shared_ptr<const MappedFile> file_;
};

/// Unpacks a tensor's elements [first, first + out.size()) to float; first and the size are multiples of
/// the block's elements. Runs on the compute pool for large counts.
void dequantize(const GgufTensor& tensor, std::int64_t first, std::span<float> out);

/// Packs floats to f32, f16, bf16, q8_0 or q4_0 with llama.cpp's reference rounding.
/// CHECKs that the type is one of these and that the count is a multiple of its block. In a block with an
/// infinity or NaN the quants of those are the middle one.
std::vector<std::byte> quantize(GgufType type, std::span<const float> values);

class GgufWriter {
 public:
  struct Declaration {
    std::string name;
    GgufType type;
    std::vector<std::int64_t> shape;  ///< PyTorch order
  };
  /// Metadata in the order given. `metadata` values pick the file's types: see GgufKeyValue.
  struct KeyValue {
    std::string key;
    std::variant<std::uint32_t, std::int32_t, float, bool, std::string, std::vector<std::string>,
                 std::vector<std::int32_t>, std::vector<float>>
        value;
  };
  /// invalid_argument: a name, key or shape that a reader would refuse (llama.cpp's limits: names of at most 63
  /// bytes, 1 to 4 dimensions), or rows that do not fill their blocks.
  static Result<GgufWriter> create(const Path& path, std::vector<KeyValue> metadata,
                                   std::vector<Declaration> tensors);
  /// One whole declared tensor at a time, in order.
  Status write(std::span<const std::byte> bytes);
  Status finish();

 private:
  GgufWriter(AtomicFile file, std::vector<std::uint64_t> offsets, std::vector<std::uint64_t> sizes)
      : file_(std::move(file)), offsets_(std::move(offsets)), sizes_(std::move(sizes)) {}
  AtomicFile file_;
  std::vector<std::uint64_t> offsets_;  ///< absolute
  std::vector<std::uint64_t> sizes_;
  std::size_t next_ = 0;
};

}  // namespace outcrop::formats
