#pragma once
// Digests of an object from those of its parts, without its bytes. Private to the object service.

#include "crypto/checksum.h"
#include "store/s3_error.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::store::objects {

/// A part as these functions see it.
struct PartDigest {
  std::uint64_t size = 0;
  std::string md5_hex;
  std::string checksum;  ///< base64
};

/// "hex-N": the MD5 of the parts' MD5s.
std::string multipart_etag(const std::vector<PartDigest>& parts);

/// "base64-N": the checksum of the parts' checksums.
std::string composite_checksum(crypto::ChecksumKind kind, const std::vector<PartDigest>& parts);

/// The CRC of all bytes, base64. Only CRCs can be joined.
std::string full_checksum(crypto::ChecksumKind kind, const std::vector<PartDigest>& parts);

/// The type that S3 uses for a kind when the client names none; the named one if the kind allows it, else
/// invalid_request: SHA-1 and SHA-256 are composite, CRC64NVME covers the full object, the other two do both.
S3Result<std::string> checksum_type_of(crypto::ChecksumKind kind, std::string_view asked);

/// CRC(a + b) from CRC(a), CRC(b) and b's length, for reflected CRCs that start and end with all ones.
/// `polynomial` is reflected: the lowest power in the highest of its `bits` bits.
std::uint64_t join_crc(std::uint64_t polynomial, int bits, std::uint64_t crc_a, std::uint64_t crc_b,
                       std::uint64_t bytes_b);

}  // namespace outcrop::store::objects
