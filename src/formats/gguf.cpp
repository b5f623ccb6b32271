#include "formats/gguf.h"

#include "base/text.h"
#include "formats/gguf_names.h"
#include "formats/sizes.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace outcrop::formats {
namespace {

static_assert(std::endian::native == std::endian::little, "values are copied as they are stored");

constexpr std::uint64_t kMaxKeyBytes = 65'535;
constexpr std::uint64_t kMaxTensorName = 64;
constexpr std::uint32_t kMaxDimensions = 4;
/// Far above any vocabulary; bounds the memory that a small file can ask for.
constexpr std::uint64_t kMaxArray = std::uint64_t{1} << 24;

enum class ValueType : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, text, array, u64, i64, f64 };
constexpr std::uint32_t kValueTypes = 13;

/// Bytes of a value of this type, or of the shortest one.
std::uint64_t least_bytes(ValueType type) noexcept {
  switch (type) {
    case ValueType::u8:
    case ValueType::i8:
    case ValueType::boolean:
      return 1;
    case ValueType::u16:
    case ValueType::i16:
      return 2;
    case ValueType::u32:
    case ValueType::i32:
    case ValueType::f32:
      return 4;
    case ValueType::text:
    case ValueType::u64:
    case ValueType::i64:
    case ValueType::f64:
      return 8;
    case ValueType::array:
      return 12;
  }
  return 1;
}

/// Reads front to back; nothing is taken that the file does not hold.
class Cursor {
 public:
  Cursor(std::span<const std::byte> image, std::string_view name) : image_(image), name_(name) {}

  std::uint64_t at() const noexcept { return at_; }
  std::uint64_t left() const noexcept { return image_.size() - at_; }
  std::string_view name() const noexcept { return name_; }

  template <class T>
  Result<T> number(std::string_view what) {
    T value{};
    if (left() < sizeof(T)) return short_file(what, sizeof(T));
    std::memcpy(&value, image_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  /// u64 length and bytes.
  Result<std::string_view> text(std::string_view what, std::uint64_t limit) {
    OUTCROP_TRY(const std::uint64_t length, number<std::uint64_t>(what));
    if (length > limit) return fault(fmt::format("{} of {} bytes, the limit is {}", what, length, limit));
    if (length > left()) return short_file(what, length);
    const std::string_view text(reinterpret_cast<const char*>(image_.data()) + at_, length);
    at_ += length;
    return text;
  }

  tl::unexpected<Error> short_file(std::string_view what, std::uint64_t wanted) const {
    return fault(fmt::format("{} needs {} bytes, file has {} left", what, wanted, left()));
  }
  tl::unexpected<Error> fault(std::string_view what) const {
    return fail(Code::corrupt_data, fmt::format("{}: at byte {}: {}", name_, at_, what));
  }

 private:
  std::span<const std::byte> image_;
  std::string_view name_;
  std::uint64_t at_ = 0;
};

Result<bool> read_bool(Cursor& in) {
  OUTCROP_TRY(const auto byte, in.number<std::uint8_t>("boolean"));
  if (byte > 1) return in.fault(fmt::format("boolean must be 0 or 1, found {}", byte));
  return byte == 1;
}

/// One element of type T, widened to W.
template <class W, class T>
Result<W> read_as(Cursor& in) {
  OUTCROP_TRY(const T value, in.number<T>("value"));
  return static_cast<W>(value);
}

Result<std::string> read_text(Cursor& in) {
  OUTCROP_TRY(const std::string_view text, in.text("string", in.left()));
  return std::string(text);
}

template <class W, class Read>
Result<GgufValue> read_elements(Cursor& in, std::uint64_t count, Read read) {
  std::vector<W> elements;
  elements.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    OUTCROP_TRY(W value, read(in));
    elements.push_back(std::move(value));
  }
  return GgufValue(GgufArray{std::move(elements)});
}

Result<ValueType> read_type(Cursor& in) {
  OUTCROP_TRY(const auto type, in.number<std::uint32_t>("value type"));
  if (type >= kValueTypes) return in.fault(fmt::format("value type {} is unknown, known are 0 to 12", type));
  return static_cast<ValueType>(type);
}

Result<GgufValue> read_array(Cursor& in) {
  OUTCROP_TRY(const ValueType type, read_type(in));
  OUTCROP_TRY(const auto count, in.number<std::uint64_t>("array length"));
  if (count > kMaxArray)
    return in.fault(fmt::format("array of {} elements, the limit is {}", count, kMaxArray));
  if (count > in.left() / least_bytes(type)) {
    return in.fault(fmt::format("array of {} elements, file has {} bytes left", count, in.left()));
  }
  switch (type) {
    case ValueType::u8:
      return read_elements<std::uint64_t>(in, count, read_as<std::uint64_t, std::uint8_t>);
    case ValueType::u16:
      return read_elements<std::uint64_t>(in, count, read_as<std::uint64_t, std::uint16_t>);
    case ValueType::u32:
      return read_elements<std::uint64_t>(in, count, read_as<std::uint64_t, std::uint32_t>);
    case ValueType::u64:
      return read_elements<std::uint64_t>(in, count, read_as<std::uint64_t, std::uint64_t>);
    case ValueType::i8:
      return read_elements<std::int64_t>(in, count, read_as<std::int64_t, std::int8_t>);
    case ValueType::i16:
      return read_elements<std::int64_t>(in, count, read_as<std::int64_t, std::int16_t>);
    case ValueType::i32:
      return read_elements<std::int64_t>(in, count, read_as<std::int64_t, std::int32_t>);
    case ValueType::i64:
      return read_elements<std::int64_t>(in, count, read_as<std::int64_t, std::int64_t>);
    case ValueType::f32:
      return read_elements<double>(in, count, read_as<double, float>);
    case ValueType::f64:
      return read_elements<double>(in, count, read_as<double, double>);
    case ValueType::boolean:
      return read_elements<bool>(in, count, read_bool);
    case ValueType::text:
      return read_elements<std::string>(in, count, read_text);
    case ValueType::array:
      break;
  }
  return fail(Code::unsupported,
              fmt::format("{}: at byte {}: arrays of arrays are not supported", in.name(), in.at()));
}

/// A Result of a scalar as a Result of the variant.
template <class T>
Result<GgufValue> as_value(Result<T> value) {
  if (!value) return forward_error(value);
  return GgufValue(*std::move(value));
}

Result<GgufValue> read_value(Cursor& in) {
  OUTCROP_TRY(const ValueType type, read_type(in));
  switch (type) {
    case ValueType::u8:
      return as_value(read_as<std::uint64_t, std::uint8_t>(in));
    case ValueType::u16:
      return as_value(read_as<std::uint64_t, std::uint16_t>(in));
    case ValueType::u32:
      return as_value(read_as<std::uint64_t, std::uint32_t>(in));
    case ValueType::u64:
      return as_value(read_as<std::uint64_t, std::uint64_t>(in));
    case ValueType::i8:
      return as_value(read_as<std::int64_t, std::int8_t>(in));
    case ValueType::i16:
      return as_value(read_as<std::int64_t, std::int16_t>(in));
    case ValueType::i32:
      return as_value(read_as<std::int64_t, std::int32_t>(in));
    case ValueType::i64:
      return as_value(read_as<std::int64_t, std::int64_t>(in));
    case ValueType::f32:
      return as_value(read_as<double, float>(in));
    case ValueType::f64:
      return as_value(read_as<double, double>(in));
    case ValueType::boolean:
      return as_value(read_bool(in));
    case ValueType::text:
      return as_value(read_text(in));
    case ValueType::array:
      return read_array(in);
  }
  return in.fault("value of unknown type");
}

struct Counts {
  std::uint64_t tensors;
  std::uint64_t values;
};

Result<Counts> read_head(Cursor& in) {
  OUTCROP_TRY(const auto magic, in.number<std::uint32_t>("magic"));
  if (magic != 0x46554747U) {
    return fail(Code::corrupt_data, fmt::format("{}: does not start with 'GGUF'", in.name()));
  }
  OUTCROP_TRY(const auto version, in.number<std::uint32_t>("version"));
  if (version != 0 && (version & 0xFFFFU) == 0) {
    return fail(
        Code::unsupported,
        fmt::format("{}: is a big-endian GGUF file; convert it with gguf_convert_endian of the gguf package",
                    in.name()));
  }
  if (version != 2 && version != 3) {
    return fail(Code::unsupported,
                fmt::format("{}: GGUF version {} is not supported, known are 2 and 3", in.name(), version));
  }
  OUTCROP_TRY(const auto tensors, in.number<std::uint64_t>("tensor count"));
  OUTCROP_TRY(const auto values, in.number<std::uint64_t>("key-value count"));
  // The shortest: name length, dimensions, type, offset; key length, type, one byte.
  if (tensors > in.left() / 24) return in.fault(fmt::format("{} tensors in {} bytes", tensors, in.left()));
  if (values > in.left() / 13) return in.fault(fmt::format("{} key-values in {} bytes", values, in.left()));
  return Counts{tensors, values};
}

using Metadata = std::map<std::string, GgufValue, std::less<>>;

Result<Metadata> read_metadata(Cursor& in, std::uint64_t count) {
  Metadata metadata;
  for (std::uint64_t i = 0; i < count; ++i) {
    OUTCROP_TRY(const std::string_view key, in.text("key", kMaxKeyBytes));
    if (key.empty()) return in.fault("empty key");
    auto value = read_value(in);
    if (!value) return forward_error(value, fmt::format("key '{}'", shorten(key, 80)));
    if (!metadata.emplace(key, *std::move(value)).second) {
      return in.fault(fmt::format("key '{}' appears twice", shorten(key, 80)));
    }
  }
  return metadata;
}

/// A tensor's info before the data's place is known.
struct Info {
  GgufTensor tensor;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

/// Sets the number of bytes from shape and type.
Status measure(Info& info, std::string_view where) {
  const GgufTensor& tensor = info.tensor;
  const auto elements = elements_of(tensor.shape);
  if (!elements) return fail(Code::corrupt_data, fmt::format("{}: more than 2^63-1 elements", where));
  const GgufBlock block = block_of(tensor.type);
  const std::int64_t row = tensor.shape.empty() ? 1 : tensor.shape.back();
  if (row % block.elements != 0) {
    return fail(Code::corrupt_data, fmt::format("{}: rows of {} elements, {} packs {} together", where, row,
                                                to_string(tensor.type), block.elements));
  }
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(*elements / block.elements, block.bytes, &bytes)) {
    return fail(Code::corrupt_data, fmt::format("{}: more than 2^63-1 bytes", where));
  }
  info.bytes = static_cast<std::uint64_t>(bytes);
  return {};
}

Result<Info> read_info(Cursor& in) {
  Info info;
  OUTCROP_TRY(const std::string_view name, in.text("tensor name", kMaxTensorName));
  if (name.empty()) return in.fault("empty tensor name");
  info.tensor.name = name;
  const std::string where = fmt::format("{}: tensor '{}'", in.name(), name);
  OUTCROP_TRY(const auto dimensions, in.number<std::uint32_t>("number of dimensions"));
  if (dimensions > kMaxDimensions) {
    return fail(Code::corrupt_data,
                fmt::format("{}: {} dimensions, the limit is {}", where, dimensions, kMaxDimensions));
  }
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    OUTCROP_TRY(const auto size, in.number<std::int64_t>("tensor size"));
    if (size < 0) return fail(Code::corrupt_data, fmt::format("{}: size {} passes 2^63-1", where, i));
    info.tensor.shape.push_back(size);
  }
  std::reverse(info.tensor.shape.begin(), info.tensor.shape.end());
  OUTCROP_TRY(const auto type, in.number<std::uint32_t>("tensor type"));
  const auto known = gguf_type_from_number(type);
  if (!known) {
    return fail(Code::unsupported, fmt::format("{}: type {} is not supported, known are {}", where,
                                               gguf_type_label(type), known_gguf_types()));
  }
  info.tensor.type = *known;
  OUTCROP_TRY(info.offset, in.number<std::uint64_t>("tensor offset"));
  OUTCROP_CHECK_OK(measure(info, where));
  return info;
}

/// Points every tensor at its bytes, which must be aligned, inside the data and its own.
Status place(std::vector<Info>& infos, std::span<const std::byte> data, std::uint64_t alignment,
             std::string_view name) {
  for (Info& info : infos) {
    const std::string where = fmt::format("{}: tensor '{}'", name, info.tensor.name);
    if (info.offset % alignment != 0) {
      return fail(Code::corrupt_data, fmt::format("{}: offset {} is not a multiple of the alignment {}", where,
                                                  info.offset, alignment));
    }
    if (info.bytes > data.size() || info.offset > data.size() - info.bytes) {
      return fail(Code::corrupt_data, fmt::format("{}: {} bytes at offset {}, the data has {}", where,
                                                  info.bytes, info.offset, data.size()));
    }
    info.tensor.bytes = data.subspan(info.offset, info.bytes);
  }
  std::vector<const Info*> sorted;
  sorted.reserve(infos.size());
  for (const Info& info : infos) sorted.push_back(&info);
  std::sort(sorted.begin(), sorted.end(), [](const Info* a, const Info* b) {
    return std::pair(a->offset, a->bytes) < std::pair(b->offset, b->bytes);
  });
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    if (sorted[i - 1]->offset + sorted[i - 1]->bytes > sorted[i]->offset) {
      return fail(Code::corrupt_data, fmt::format("{}: tensors '{}' and '{}' overlap", name,
                                                  sorted[i - 1]->tensor.name, sorted[i]->tensor.name));
    }
  }
  return {};
}

Result<std::uint64_t> alignment_of(const Metadata& metadata, std::string_view name) {
  const auto it = metadata.find("general.alignment");
  if (it == metadata.end()) return std::uint64_t{32};
  const auto* value = std::get_if<std::uint64_t>(&it->second);
  if (value == nullptr || !std::has_single_bit(*value) || *value > std::uint64_t{1} << 20) {
    return fail(Code::corrupt_data,
                fmt::format("{}: general.alignment must be a power of two up to 2^20{}", name,
                            value == nullptr ? std::string() : fmt::format(", found {}", *value)));
  }
  return *value;
}

Status refuse_split(const Metadata& metadata, std::string_view name) {
  const auto it = metadata.find("split.count");
  if (it == metadata.end()) return {};
  const auto* count = std::get_if<std::uint64_t>(&it->second);
  if (count == nullptr || *count <= 1) return {};
  return fail(Code::unsupported,
              fmt::format("{}: is one of {} parts; join them with llama-gguf-split --merge", name, *count));
}

}  // namespace

std::int64_t GgufTensor::elements() const noexcept {
  return *elements_of(shape);  // the product was checked when the tensor was read
}

Result<Gguf> Gguf::parse(std::span<const std::byte> image, std::string_view name) {
  Cursor in(image, name);
  OUTCROP_TRY(const Counts counts, read_head(in));
  Gguf file;
  OUTCROP_TRY(file.metadata_, read_metadata(in, counts.values));
  OUTCROP_CHECK_OK(refuse_split(file.metadata_, name));
  std::vector<Info> infos;
  infos.reserve(std::min(counts.tensors, in.left() / 24));
  for (std::uint64_t i = 0; i < counts.tensors; ++i) {
    OUTCROP_TRY(Info info, read_info(in));
    if (!file.index_.emplace(info.tensor.name, infos.size()).second) {
      return in.fault(fmt::format("tensor '{}' appears twice", info.tensor.name));
    }
    infos.push_back(std::move(info));
  }
  OUTCROP_TRY(const std::uint64_t alignment, alignment_of(file.metadata_, name));
  const std::uint64_t start = (in.at() + alignment - 1) / alignment * alignment;
  const auto data = image.subspan(std::min<std::uint64_t>(start, image.size()));
  OUTCROP_CHECK_OK(place(infos, data, alignment, name));
  file.tensors_.reserve(infos.size());
  for (Info& info : infos) file.tensors_.push_back(std::move(info.tensor));
  return file;
}

Result<Gguf> Gguf::open(const Path& path) {
  OUTCROP_TRY(MappedFile mapped, MappedFile::open(path));
  auto map = std::make_shared<const MappedFile>(std::move(mapped));
  OUTCROP_TRY(Gguf file, parse(map->bytes(), path.string()));
  file.file_ = std::move(map);
  return file;
}

const GgufTensor* Gguf::find(std::string_view name) const noexcept {
  const auto it = index_.find(name);
  return it == index_.end() ? nullptr : &tensors_[it->second];
}

}  // namespace outcrop::formats
