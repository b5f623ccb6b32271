#pragma once
// Sizes of tensors from untrusted shapes. Private to this room.

#include <cstdint>
#include <optional>
#include <span>

namespace outcrop::formats {

/// The product of the sizes, or nothing when one is negative or the product passes 2^63-1.
inline std::optional<std::int64_t> elements_of(std::span<const std::int64_t> shape) noexcept {
  std::int64_t product = 1;
  for (const std::int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(product, size, &product)) return std::nullopt;
  }
  return product;
}

/// The bytes of so many elements of `element_bytes`, or nothing past 2^63-1.
inline std::optional<std::uint64_t> bytes_of(std::span<const std::int64_t> shape,
                                             std::size_t element_bytes) noexcept {
  const auto elements = elements_of(shape);
  std::int64_t bytes = 0;
  if (!elements || __builtin_mul_overflow(*elements, static_cast<std::int64_t>(element_bytes), &bytes)) {
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(bytes);
}

}  // namespace outcrop::formats
