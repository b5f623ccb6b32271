#include "store/objects/part_digests.h"

#include "base/check.h"
#include "crypto/base64.h"
#include "crypto/digest.h"
#include "crypto/hex.h"

#include <fmt/format.h>

namespace outcrop::store::objects {
namespace {

/// a * b modulo the polynomial; bit `bits - 1` is the coefficient of x^0, as the CRCs are reflected.
std::uint64_t multiply(std::uint64_t polynomial, int bits, std::uint64_t a, std::uint64_t b) {
  const std::uint64_t one = std::uint64_t{1} << (bits - 1);
  std::uint64_t product = 0;
  for (std::uint64_t bit = one; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = (b & 1) != 0 ? (b >> 1) ^ polynomial : b >> 1;  // b * x
  }
  return product;
}

/// x^(8 * bytes) modulo the polynomial, by repeated squaring.
std::uint64_t power_of_bytes(std::uint64_t polynomial, int bits, std::uint64_t bytes) {
  std::uint64_t result = std::uint64_t{1} << (bits - 1);  // x^0
  std::uint64_t square = result >> 8;                     // x^8
  for (; bytes != 0; bytes >>= 1) {
    if ((bytes & 1) != 0) result = multiply(polynomial, bits, result, square);
    square = multiply(polynomial, bits, square, square);
  }
  return result;
}

struct Polynomial {
  std::uint64_t value;
  int bits;
};

Polynomial polynomial_of(crypto::ChecksumKind kind) {
  switch (kind) {
    case crypto::ChecksumKind::crc32:
      return {0xEDB88320U, 32};
    case crypto::ChecksumKind::crc32c:
      return {0x82F63B78U, 32};
    case crypto::ChecksumKind::crc64nvme:
      return {0x9A6C9329AC4BC9B5U, 64};
    case crypto::ChecksumKind::sha1:
    case crypto::ChecksumKind::sha256:
      break;
  }
  CHECK(false, "only CRCs of parts can be joined");
  return {};
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

std::string big_endian_bytes(std::uint64_t value, int bits) {
  std::string bytes;
  for (int shift = bits - 8; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xffU);
  return bytes;
}

}  // namespace

std::uint64_t join_crc(std::uint64_t polynomial, int bits, std::uint64_t crc_a, std::uint64_t crc_b,
                       std::uint64_t bytes_b) {
  // The ones at start and end of both cancel, as in Adler's crc32_combine (zlib).
  return multiply(polynomial, bits, power_of_bytes(polynomial, bits, bytes_b), crc_a) ^ crc_b;
}

std::string multipart_etag(const std::vector<PartDigest>& parts) {
  crypto::Md5 md5;
  for (const PartDigest& part : parts) md5.update(crypto::from_hex(part.md5_hex).value_or(""));
  return fmt::format("{}-{}", md5.finish_hex(), parts.size());
}

std::string composite_checksum(crypto::ChecksumKind kind, const std::vector<PartDigest>& parts) {
  crypto::Checksum checksum(kind);
  for (const PartDigest& part : parts) checksum.update(crypto::from_base64(part.checksum).value_or(""));
  return fmt::format("{}-{}", checksum.finish_base64(), parts.size());
}

std::string full_checksum(crypto::ChecksumKind kind, const std::vector<PartDigest>& parts) {
  const Polynomial polynomial = polynomial_of(kind);
  std::uint64_t crc = 0;  // of no bytes
  for (const PartDigest& part : parts) {
    const std::uint64_t next = big_endian(crypto::from_base64(part.checksum).value_or(""));
    crc = join_crc(polynomial.value, polynomial.bits, crc, next, part.size);
  }
  return crypto::to_base64(big_endian_bytes(crc, polynomial.bits));
}

S3Result<std::string> checksum_type_of(crypto::ChecksumKind kind, std::string_view asked) {
  const bool sha = kind == crypto::ChecksumKind::sha1 || kind == crypto::ChecksumKind::sha256;
  const bool full_only = kind == crypto::ChecksumKind::crc64nvme;
  if (asked.empty()) return std::string(full_only ? "FULL_OBJECT" : "COMPOSITE");
  if ((asked == "COMPOSITE" && !full_only) || (asked == "FULL_OBJECT" && !sha)) return std::string(asked);
  return s3_fail(S3Code::invalid_request,
                 fmt::format("the checksum type '{}' is not there for {}", asked, crypto::checksum_name(kind)));
}

}  // namespace outcrop::store::objects
