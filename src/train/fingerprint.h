#pragma once
// A fast 64-bit identity of bytes: finds broken checkpoint files and data that changed between runs. Not
// cryptographic; no defence against someone who wants a collision.

#include "data/packing.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace outcrop::train {

/// Feed pieces of any size; the value depends on the bytes only, not on how they were cut.
class Fingerprint {
 public:
  void add(std::span<const std::byte> bytes) noexcept;
  template <class T>
  void add_values(std::span<const T> values) noexcept {
    add(std::as_bytes(values));
  }
  std::uint64_t value() const noexcept;
  std::string hex() const;  ///< 16 lower-case digits

 private:
  void mix(std::uint64_t word) noexcept;
  std::uint64_t state_ = 0x9E3779B97F4A7C15U;
  std::uint64_t length_ = 0;
  std::uint64_t pending_ = 0;  ///< bytes that do not fill a word yet; length_ % 8 of them
};

/// Of tokens, targets and record borders: equal data and masks give an equal text.
std::string fingerprint_of(const data::EncodedExamples& examples);
std::string fingerprint_of(std::string_view text);

}  // namespace outcrop::train
