#pragma once
// File images put together byte by byte, for tests of what the readers take and refuse.

#include "base/result.h"

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outcrop::formats::test {

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// The bytes of a number as they lie in a file.
template <class T>
std::string raw(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

/// Length, header, data.
inline std::string safetensors_image(std::string_view header, std::string_view data = "") {
  return raw(std::uint64_t{header.size()}) + std::string(header) + std::string(data);
}

/// A GGUF file: the head is written by image(), with the counts of what was added unless others are set.
class GgufImage {
 public:
  static std::string text(std::string_view value) {
    return raw(std::uint64_t{value.size()}) + std::string(value);
  }

  /// A key with a value of a type by its number in the format, encoded by the caller.
  GgufImage& key(std::string_view name, std::uint32_t type, std::string_view value) {
    keys_ += text(name) + raw(type) + std::string(value);
    ++values;
    return *this;
  }
  /// Sizes as in the file: the fastest first.
  GgufImage& tensor(std::string_view name, std::initializer_list<std::uint64_t> sizes, std::uint32_t type,
                    std::uint64_t offset) {
    infos_ += text(name) + raw(static_cast<std::uint32_t>(sizes.size()));
    for (const std::uint64_t size : sizes) infos_ += raw(size);
    infos_ += raw(type) + raw(offset);
    ++tensors;
    return *this;
  }
  GgufImage& data(std::string_view bytes) {
    data_ += bytes;
    return *this;
  }
  std::string image(std::size_t alignment = 32) const {
    std::string file = magic + raw(version) + raw(tensors) + raw(values) + keys_ + infos_;
    if (!data_.empty()) file.resize((file.size() + alignment - 1) / alignment * alignment);
    return file + data_;
  }

  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::uint64_t tensors = 0;
  std::uint64_t values = 0;

 private:
  std::string keys_;
  std::string infos_;
  std::string data_;
};

/// The value types' numbers.
enum : std::uint32_t { kU8, kI8, kU16, kI16, kU32, kI32, kF32, kBool, kString, kArray, kU64, kI64, kF64 };

template <class T>
void expect_error(const Result<T>& result, Code code, std::initializer_list<const char*> parts) {
  ASSERT_FALSE(result);
  EXPECT_EQ(to_string(result.error().code), to_string(code)) << result.error().message;
  for (const char* part : parts) EXPECT_THAT(result.error().message, testing::HasSubstr(part));
}

}  // namespace outcrop::formats::test
