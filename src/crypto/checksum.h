#pragma once
// The checksums that S3 keeps beside an object (x-amz-checksum-*), computed while the bytes pass.

#include "crypto/crc.h"
#include "crypto/digest.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace outcrop::crypto {

enum class ChecksumKind : std::uint8_t { crc32, crc32c, crc64nvme, sha1, sha256 };

/// "CRC32C": the value of x-amz-sdk-checksum-algorithm.
std::string_view checksum_name(ChecksumKind kind) noexcept;
/// "x-amz-checksum-crc32c": the header or trailer that carries it.
std::string_view checksum_header(ChecksumKind kind) noexcept;
/// The other way, from a lower-case header name; nothing for any other name.
std::optional<ChecksumKind> checksum_of_header(std::string_view lower_case_name) noexcept;
/// From "CRC32C" in any case.
std::optional<ChecksumKind> checksum_of_name(std::string_view name) noexcept;

/// One checksum over bytes that come in pieces. Not thread-safe.
class Checksum {
 public:
  explicit Checksum(ChecksumKind kind);
  ChecksumKind kind() const noexcept { return kind_; }
  void update(std::span<const std::byte> bytes);
  void update(std::string_view text) { update(std::as_bytes(std::span(text))); }
  /// Base64 of the value, a CRC big-endian, as the header carries it. Call once, last.
  std::string finish_base64();

 private:
  ChecksumKind kind_;
  std::variant<Crc32, Crc32c, Crc64Nvme, Sha1, Sha256> state_;
};

}  // namespace outcrop::crypto
