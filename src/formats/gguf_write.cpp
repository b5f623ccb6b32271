#include "formats/gguf.h"
#include "formats/sizes.h"

#include <cstring>
#include <set>
#include <string_view>

#include <fmt/format.h>

namespace outcrop::formats {
namespace {

constexpr std::uint64_t kAlignment = 32;

std::uint64_t aligned(std::uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

/// The file's numbers for the kinds of metadata that we write.
enum class ValueType : std::uint32_t { u32 = 4, i32 = 5, f32 = 6, boolean = 7, string = 8, array = 9 };

class HeaderBuilder {
 public:
  template <class T>
  void number(T value) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof value);
    std::memcpy(bytes_.data() + at, &value, sizeof value);
  }
  void text(std::string_view value) {
    number(static_cast<std::uint64_t>(value.size()));
    bytes_ += value;
  }
  void type(ValueType value) { number(static_cast<std::uint32_t>(value)); }

  void value(std::uint32_t v) { type(ValueType::u32), number(v); }
  void value(std::int32_t v) { type(ValueType::i32), number(v); }
  void value(float v) { type(ValueType::f32), number(v); }
  void value(bool v) { type(ValueType::boolean), number(static_cast<std::uint8_t>(v)); }
  void value(const std::string& v) { type(ValueType::string), text(v); }
  void value(const std::vector<std::string>& v) {
    array(ValueType::string, v.size());
    for (const std::string& element : v) text(element);
  }
  void value(const std::vector<std::int32_t>& v) {
    array(ValueType::i32, v.size());
    for (const std::int32_t element : v) number(element);
  }
  void value(const std::vector<float>& v) {
    array(ValueType::f32, v.size());
    for (const float element : v) number(element);
  }
  std::string& bytes() { return bytes_; }

 private:
  void array(ValueType element, std::size_t count) {
    type(ValueType::array);
    type(element);
    number(static_cast<std::uint64_t>(count));
  }
  std::string bytes_;
};

constexpr std::size_t kMaxKey = 65'535;
constexpr std::size_t kMaxName = 63;
constexpr std::size_t kMaxDimensions = 4;
/// Of one tensor, and where the last may start: far above any file.
constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 56;

/// The tensor's bytes, or what is wrong with its shape.
Result<std::uint64_t> bytes_of(const GgufWriter::Declaration& tensor) {
  const GgufBlock block = block_of(tensor.type);
  if (tensor.shape.empty() || tensor.shape.size() > kMaxDimensions) {
    return fail(Code::invalid_argument,
                fmt::format("has {} dimensions, must have 1 to {}", tensor.shape.size(), kMaxDimensions));
  }
  if (tensor.shape.back() % block.elements != 0) {
    return fail(Code::invalid_argument, fmt::format("has rows that {} blocks of {} do not fill",
                                                    to_string(tensor.type), block.elements));
  }
  const auto elements = elements_of(tensor.shape);
  const auto blocks = static_cast<std::uint64_t>(elements.value_or(0) / block.elements);
  const auto block_bytes = static_cast<std::uint64_t>(block.bytes);
  if (!elements || blocks > kMaxBytes / block_bytes) return fail(Code::invalid_argument, "is too large");
  return blocks * block_bytes;
}

Status check_name(const std::string& name, std::size_t limit, std::set<std::string_view>& used,
                  std::string_view what) {
  if (!name.empty() && name.size() <= limit && used.insert(name).second) return {};
  return fail(Code::invalid_argument,
              fmt::format("{} '{}' is empty, longer than {} bytes or used twice", what, name, limit));
}

/// Every name and key once, and fit for a reader.
Status check_names(const std::vector<GgufWriter::KeyValue>& metadata,
                   const std::vector<GgufWriter::Declaration>& tensors) {
  std::set<std::string_view> keys;
  std::set<std::string_view> names;
  for (const auto& entry : metadata) OUTCROP_CHECK_OK(check_name(entry.key, kMaxKey, keys, "key"));
  for (const auto& tensor : tensors) OUTCROP_CHECK_OK(check_name(tensor.name, kMaxName, names, "tensor name"));
  return {};
}

/// Adds the tensor's info, with its data at `offset`, and returns the size of its data.
Result<std::uint64_t> declare(HeaderBuilder& header, const GgufWriter::Declaration& tensor,
                              std::uint64_t offset) {
  OUTCROP_TRY(const std::uint64_t size, bytes_of(tensor));
  if (offset > kMaxBytes) return fail(Code::invalid_argument, "is too large");
  header.text(tensor.name);
  header.number(static_cast<std::uint32_t>(tensor.shape.size()));
  for (auto length = tensor.shape.rbegin(); length != tensor.shape.rend(); ++length) {
    header.number(static_cast<std::uint64_t>(*length));
  }
  header.number(static_cast<std::uint32_t>(tensor.type));
  header.number(offset);
  return size;
}

Status pad_to(AtomicFile& file, std::uint64_t offset) {
  if (offset <= file.size()) return {};
  return file.write(std::string(offset - file.size(), '\0'));
}

}  // namespace

Result<GgufWriter> GgufWriter::create(const Path& path, std::vector<KeyValue> metadata,
                                      std::vector<Declaration> tensors) {
  if (auto named = check_names(metadata, tensors); !named) return forward_error(named, path.string());
  HeaderBuilder header;
  header.bytes() = "GGUF";
  header.number(std::uint32_t{3});
  header.number(static_cast<std::uint64_t>(tensors.size()));
  header.number(static_cast<std::uint64_t>(metadata.size()));
  for (const KeyValue& entry : metadata) {
    header.text(entry.key);
    std::visit([&](const auto& value) { header.value(value); }, entry.value);
  }
  std::vector<std::uint64_t> offsets;
  std::vector<std::uint64_t> sizes;
  std::uint64_t at = 0;
  for (const Declaration& tensor : tensors) {
    auto size = declare(header, tensor, at);
    if (!size) return forward_error(size, fmt::format("{}: tensor '{}'", path.string(), tensor.name));
    offsets.push_back(at);
    sizes.push_back(*size);
    at = aligned(at + sizes.back());
  }
  const std::uint64_t data = aligned(header.bytes().size());
  for (std::uint64_t& offset : offsets) offset += data;
  OUTCROP_TRY(AtomicFile file, AtomicFile::create(path));
  OUTCROP_CHECK_OK(file.write(header.bytes()));
  OUTCROP_CHECK_OK(pad_to(file, data));
  return GgufWriter(std::move(file), std::move(offsets), std::move(sizes));
}

Status GgufWriter::write(std::span<const std::byte> bytes) {
  if (next_ >= sizes_.size() || bytes.size() != sizes_[next_]) {
    return fail(Code::internal, fmt::format("tensor {} of {}: got {} bytes, declared {}", next_, sizes_.size(),
                                            bytes.size(), next_ < sizes_.size() ? sizes_[next_] : 0));
  }
  OUTCROP_CHECK_OK(pad_to(file_, offsets_[next_]));
  ++next_;
  return file_.write(bytes);
}

Status GgufWriter::finish() {
  if (next_ != sizes_.size()) {
    return fail(Code::internal, fmt::format("{} of {} declared tensors were written", next_, sizes_.size()));
  }
  OUTCROP_CHECK_OK(pad_to(file_, aligned(file_.size())));
  return file_.commit();
}

}  // namespace outcrop::formats
