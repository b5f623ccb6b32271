#pragma once
// Cyclic redundancy checks that S3 and event streams use, each reflected, started and ended with all ones:
//
//   NAME       POLYNOMIAL (normal form)  "123456789"
//   CRC32      04C11DB7                  cbf43926          event streams, x-amz-checksum-crc32 (ISO 3309)
//   CRC32C     1EDC6F41                  e3069283          x-amz-checksum-crc32c (RFC 3720)
//   CRC64NVME  AD93D23594C93659          ae8b14860a799888  x-amz-checksum-crc64nvme (NVM Express, 64b CRC)
//
// On x86-64 with carry-less multiplication long inputs are folded 64 bytes at a time (Gopal et al. 2009, "Fast
// CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction"); otherwise, and for the rest, by eight
// tables (Kounavis and Berry 2005, "A Systematic Approach to Building High Performance, Software-based, CRC
// Generators").

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace outcrop::crypto {

/// Word: the unsigned type of the check. reflected: the polynomial with its lowest power in the highest bit.
template <class Word, Word reflected>
class Crc {
 public:
  void update(std::span<const std::byte> bytes) noexcept { state_ = step(state_, bytes); }
  void update(std::string_view text) noexcept { update(std::as_bytes(std::span(text))); }
  /// Of all bytes so far; more may follow.
  Word value() const noexcept { return static_cast<Word>(~state_); }

 private:
  static Word step(Word state, std::span<const std::byte> bytes) noexcept;
  Word state_ = static_cast<Word>(~Word{0});
};

using Crc32 = Crc<std::uint32_t, 0xEDB88320>;
using Crc32c = Crc<std::uint32_t, 0x82F63B78>;
using Crc64Nvme = Crc<std::uint64_t, 0x9A6C9329AC4BC9B5>;

extern template class Crc<std::uint32_t, 0xEDB88320>;
extern template class Crc<std::uint32_t, 0x82F63B78>;
extern template class Crc<std::uint64_t, 0x9A6C9329AC4BC9B5>;

inline std::uint32_t crc32(std::string_view bytes) noexcept {
  Crc32 crc;
  crc.update(bytes);
  return crc.value();
}

}  // namespace outcrop::crypto
