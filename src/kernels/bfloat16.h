#pragma once
// bfloat16: the upper half of an IEEE binary32. Storage type of weights and activations; arithmetic is in
// float. Conversion rounds to nearest even and keeps NaN.

#include <bit>
#include <cstdint>

namespace outcrop {

struct bfloat16 {
  std::uint16_t bits = 0;

  bfloat16() = default;
  explicit bfloat16(float value) noexcept : bits(round(value)) {}
  explicit operator float() const noexcept { return std::bit_cast<float>(std::uint32_t{bits} << 16); }
  friend bool operator==(bfloat16, bfloat16) = default;

  static bfloat16 from_bits(std::uint16_t raw) noexcept {
    bfloat16 value;
    value.bits = raw;
    return value;
  }

 private:
  static std::uint16_t round(float value) noexcept {
    const auto word = std::bit_cast<std::uint32_t>(value);
    if ((word & 0x7FFFFFFFU) > 0x7F800000U)
      return static_cast<std::uint16_t>((word >> 16) | 0x40U);  // quiet NaN
    return static_cast<std::uint16_t>((word + 0x7FFFU + ((word >> 16) & 1U)) >> 16);
  }
};

}  // namespace outcrop
