#include "train/fingerprint.h"

#include <bit>
#include <cstring>

#include <fmt/format.h>

namespace outcrop::train {
namespace {

constexpr std::uint64_t kOdd1 = 0xBF58476D1CE4E5B9U;
constexpr std::uint64_t kOdd2 = 0x94D049BB133111EBU;

}  // namespace

void Fingerprint::mix(std::uint64_t word) noexcept {
  state_ = std::rotl((state_ ^ word) * kOdd1, 29) * kOdd2;
}

void Fingerprint::add(std::span<const std::byte> bytes) noexcept {
  std::size_t i = 0;
  while (i < bytes.size() && length_ % 8 != 0) {
    pending_ |= std::to_integer<std::uint64_t>(bytes[i++]) << (8 * (length_ % 8));
    if (++length_ % 8 == 0) {
      mix(pending_);
      pending_ = 0;
    }
  }
  for (; i + 8 <= bytes.size(); i += 8, length_ += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    if constexpr (std::endian::native == std::endian::big) {
      std::uint64_t swapped = 0;
      for (int b = 0; b < 8; ++b) swapped = swapped << 8 | (word >> (8 * b) & 0xFFU);
      word = swapped;
    }
    mix(word);
  }
  for (; i < bytes.size(); ++i, ++length_)
    pending_ |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * (length_ % 8));
}

std::uint64_t Fingerprint::value() const noexcept {
  Fingerprint last = *this;
  last.mix(pending_);
  last.mix(length_);
  std::uint64_t x = last.state_;
  x = (x ^ (x >> 30)) * kOdd1;
  x = (x ^ (x >> 27)) * kOdd2;
  return x ^ (x >> 31);
}

std::string Fingerprint::hex() const {
  return fmt::format("{:016x}", value());
}

std::string fingerprint_of(const data::EncodedExamples& examples) {
  Fingerprint fingerprint;
  fingerprint.add_values(std::span<const TokenId>(examples.tokens));
  fingerprint.add_values(std::span<const std::int32_t>(examples.targets));
  fingerprint.add_values(std::span<const std::int64_t>(examples.starts));
  return fingerprint.hex();
}

std::string fingerprint_of(std::string_view text) {
  Fingerprint fingerprint;
  fingerprint.add_values(std::span<const char>(text));
  return fingerprint.hex();
}

}  // namespace outcrop::train
