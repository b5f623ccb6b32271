#include "formats/safetensors.h"

#include "base/text.h"
#include "formats/sizes.h"
#include "json/json.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace outcrop::formats {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are mapped as they are stored");

constexpr std::uint64_t kMaxHeader = 100'000'000;
constexpr std::uint64_t kLengthBytes = 8;
constexpr std::string_view kMetadata = "__metadata__";

std::string known_dtypes() {
  return "F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL";
}

/// The PROTO opcode with a protocol that has one: 2 to 5.
bool is_pickle_start(std::string_view start) {
  return start.size() > 2 && start[0] == '\x80' && start[1] >= 2 && start[1] <= 5;
}

/// What a wrong file often is, or nothing. A header's length may begin with any of these bytes, so a file that
/// opens its JSON where safetensors does is never guessed at.
std::string_view guess(std::string_view start) {
  if (start.size() > kLengthBytes && start[kLengthBytes] == '{') return {};
  if (start.starts_with("PK\x03\x04") || is_pickle_start(start)) return "a pickle (PyTorch) file";
  if (start.starts_with("version https://git-lfs")) return "a Git LFS pointer, not the file itself";
  if (start.starts_with("GGUF")) return "a GGUF file";
  if (start.starts_with("<")) return "a web page";
  return {};
}

/// The header's JSON text, after its length was checked.
Result<std::string_view> header_text(std::string_view image, std::string_view name) {
  if (const std::string_view what = guess(image); !what.empty()) {
    return fail(Code::unsupported, fmt::format("{}: is {}, a safetensors file is needed", name, what));
  }
  if (image.size() < kLengthBytes) {
    return fail(Code::corrupt_data, fmt::format("{}: file has {} bytes, the shortest safetensors file has {}",
                                                name, image.size(), kLengthBytes + 2));
  }
  std::uint64_t length = 0;
  std::memcpy(&length, image.data(), sizeof length);
  if (length > kMaxHeader) {
    return fail(Code::corrupt_data,
                fmt::format("{}: header says {} bytes, the limit is {}", name, length, kMaxHeader));
  }
  if (length > image.size() - kLengthBytes) {
    return fail(Code::corrupt_data, fmt::format("{}: header says {} bytes, file has {} after the length", name,
                                                length, image.size() - kLengthBytes));
  }
  const std::string_view text = image.substr(kLengthBytes, length);
  if (!text.starts_with('{')) {
    return fail(Code::corrupt_data, fmt::format("{}: header does not start with '{{'", name));
  }
  return text;
}

Result<std::vector<std::int64_t>> parse_shape(const Json& json, std::string_view where) {
  if (json.kind() != Json::Kind::array) {
    return fail(Code::corrupt_data, fmt::format("{}: 'shape' must be an array", where));
  }
  std::vector<std::int64_t> shape;
  shape.reserve(json.size());
  for (std::size_t i = 0; i < json.size(); ++i) {
    const auto size = json[i].as_int();
    if (!size || *size < 0) {
      return fail(Code::corrupt_data, fmt::format("{}: shape[{}] must be an integer from 0 to 2^63-1, found {}",
                                                  where, i, shorten(json[i].dump(), 40)));
    }
    shape.push_back(*size);
  }
  return shape;
}

/// A tensor of the header with its place in the data.
struct Placed {
  TensorEntry entry;
  std::uint64_t begin;
  std::uint64_t end;
};

Result<DType> parse_dtype(const Json& json, std::string_view where) {
  const auto name = json.as_string();
  if (!name) return fail(Code::corrupt_data, fmt::format("{}: 'dtype' must be a string", where));
  const auto dtype = dtype_from_name(*name);
  if (!dtype) {
    return fail(Code::unsupported, fmt::format("{}: dtype '{}' is not supported, known are {}", where,
                                               shorten(*name, 40), known_dtypes()));
  }
  return *dtype;
}

Result<Placed> parse_tensor(std::string_view tensor, const Json& json, std::uint64_t data_size,
                            std::string_view file) {
  const std::string where = fmt::format("{}: tensor '{}'", file, shorten(tensor, 120));
  if (!json.is_object()) return fail(Code::corrupt_data, fmt::format("{}: must be an object", where));
  OUTCROP_TRY(const DType dtype, parse_dtype(json["dtype"], where));
  OUTCROP_TRY(std::vector<std::int64_t> shape, parse_shape(json["shape"], where));
  const Json& offsets = json["data_offsets"];
  const auto begin = offsets[0].as_uint();
  const auto end = offsets[1].as_uint();
  if (offsets.size() != 2 || !begin || !end) {
    return fail(Code::corrupt_data, fmt::format("{}: 'data_offsets' must be two offsets", where));
  }
  if (*begin > *end || *end > data_size) {
    return fail(Code::corrupt_data, fmt::format("{}: data_offsets [{}, {}] outside the {} bytes of data", where,
                                                *begin, *end, data_size));
  }
  const auto bytes = bytes_of(shape, size_of(dtype));
  if (!bytes || *bytes != *end - *begin) {
    return fail(Code::corrupt_data, fmt::format("{}: shape [{}] of {} needs {} bytes, data_offsets hold {}",
                                                where, fmt::join(shape, ", "), to_string(dtype),
                                                bytes ? fmt::to_string(*bytes) : "over 2^63", *end - *begin));
  }
  return Placed{TensorEntry{std::string(tensor), dtype, std::move(shape), {}}, *begin, *end};
}

Status parse_metadata(const Json& json, std::string_view file, std::map<std::string, std::string>& metadata) {
  if (!json.is_object())
    return fail(Code::corrupt_data, fmt::format("{}: '{}' must be an object", file, kMetadata));
  for (std::size_t i = 0; i < json.size(); ++i) {
    const auto [key, value] = json.member(i);
    const auto text = value.as_string();
    if (!text) {
      return fail(Code::corrupt_data,
                  fmt::format("{}: {}['{}'] must be a string", file, kMetadata, shorten(key, 80)));
    }
    metadata.emplace(key, *text);  // of several shards, the first wins
  }
  return {};
}

/// No holes, no overlaps, to the last byte.
Status check_coverage(const std::vector<Placed>& sorted, std::uint64_t data_size, std::string_view file) {
  std::uint64_t at = 0;
  for (const Placed& tensor : sorted) {
    if (tensor.begin != at) {
      return fail(Code::corrupt_data,
                  fmt::format("{}: tensor '{}' starts at byte {} of the data, the one before ends at {}", file,
                              shorten(tensor.entry.name, 120), tensor.begin, at));
    }
    at = tensor.end;
  }
  if (at != data_size) {
    return fail(Code::corrupt_data,
                fmt::format("{}: tensors end at byte {}, data has {}", file, at, data_size));
  }
  return {};
}

}  // namespace

std::int64_t TensorEntry::elements() const noexcept {
  return *elements_of(shape);  // the product was checked when the entry was made
}

Status Safetensors::add(std::span<const std::byte> image, std::string_view name) {
  const std::string_view text(reinterpret_cast<const char*>(image.data()), image.size());
  OUTCROP_TRY(const std::string_view header, header_text(text, name));
  auto json = Json::parse(header, {.max_depth = 8, .max_bytes = kMaxHeader});
  if (!json) {
    return fail(json.error().code == Code::out_of_memory ? Code::out_of_memory : Code::corrupt_data,
                fmt::format("{}: header: {}", name, json.error().message));
  }
  const auto data = image.subspan(kLengthBytes + header.size());
  std::vector<Placed> placed;
  placed.reserve(json->size());
  for (std::size_t i = 0; i < json->size(); ++i) {
    const auto [key, value] = json->member(i);
    if (key == kMetadata) {
      OUTCROP_CHECK_OK(parse_metadata(value, name, metadata_));
      continue;
    }
    OUTCROP_TRY(Placed tensor, parse_tensor(key, value, data.size(), name));
    tensor.entry.bytes = data.subspan(tensor.begin, tensor.end - tensor.begin);
    placed.push_back(std::move(tensor));
  }
  std::stable_sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  OUTCROP_CHECK_OK(check_coverage(placed, data.size(), name));
  for (Placed& tensor : placed) {
    if (!index_.emplace(tensor.entry.name, entries_.size()).second) {
      return fail(Code::corrupt_data, fmt::format("{}: tensor '{}' is in an earlier shard too", name,
                                                  shorten(tensor.entry.name, 120)));
    }
    entries_.push_back(std::move(tensor.entry));
  }
  return {};
}

Result<Safetensors> Safetensors::parse(std::span<const std::byte> image, std::string_view name) {
  Safetensors file;
  OUTCROP_CHECK_OK(file.add(image, name));
  return file;
}

Status Safetensors::add_file(const Path& path) {
  OUTCROP_TRY(MappedFile mapped, MappedFile::open(path));
  auto file = std::make_shared<const MappedFile>(std::move(mapped));
  OUTCROP_CHECK_OK(add(file->bytes(), path.string()));
  files_.push_back(std::move(file));
  return {};
}

const TensorEntry* Safetensors::find(std::string_view name) const noexcept {
  const auto it = index_.find(name);
  return it == index_.end() ? nullptr : &entries_[it->second];
}

void Safetensors::drop_resident_pages() const noexcept {
  for (const auto& file : files_) file->drop_resident_pages();
}

}  // namespace outcrop::formats
