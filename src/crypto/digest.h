#pragma once
// Streaming message digests by OpenSSL: SHA-256 and SHA-1 (FIPS 180-4), MD5 (RFC 1321).
// MD5 and SHA-1 are here for what S3 defines by them (ETags, Content-MD5, x-amz-checksum-sha1); nothing may
// trust them against intent.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace outcrop::crypto {

enum class DigestKind : std::uint8_t { md5, sha1, sha256 };

constexpr std::size_t digest_bytes(DigestKind kind) noexcept {
  switch (kind) {
    case DigestKind::md5:
      return 16;
    case DigestKind::sha1:
      return 20;
    case DigestKind::sha256:
      return 32;
  }
  return 0;
}

/// A digest over bytes that come in pieces: `Sha256 d; d.update(a); d.update(b); d.finish()`. Not thread-safe.
template <DigestKind kind>
class Digest {
 public:
  using Value = std::array<std::byte, digest_bytes(kind)>;

  Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;
  ~Digest();

  void update(std::span<const std::byte> bytes);
  void update(std::string_view text) { update(std::as_bytes(std::span(text))); }
  /// Call once, last.
  Value finish();
  /// The same as lower-case hexadecimal digits.
  std::string finish_hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

using Md5 = Digest<DigestKind::md5>;
using Sha1 = Digest<DigestKind::sha1>;
using Sha256 = Digest<DigestKind::sha256>;

extern template class Digest<DigestKind::md5>;
extern template class Digest<DigestKind::sha1>;
extern template class Digest<DigestKind::sha256>;

}  // namespace outcrop::crypto
