#pragma once
// HMAC-SHA256 (RFC 2104 with FIPS 180-4) by OpenSSL.

#include "crypto/digest.h"

#include <span>
#include <string_view>

namespace outcrop::crypto {

/// A keyed digest over bytes that come in pieces. The key may have any length. Not thread-safe.
class HmacSha256 {
 public:
  using Value = Sha256::Value;

  explicit HmacSha256(std::string_view key);

  void update(std::span<const std::byte> bytes) { inner_.update(bytes); }
  void update(std::string_view text) { inner_.update(text); }
  /// Call once, last.
  Value finish();

 private:
  Sha256 inner_;
  Sha256 outer_;
};

HmacSha256::Value hmac_sha256(std::string_view key, std::string_view message);

/// The bytes of a digest as text, for keys and for messages that are digests themselves.
inline std::string_view text_of(const HmacSha256::Value& value) noexcept {
  return {reinterpret_cast<const char*>(value.data()), value.size()};
}

}  // namespace outcrop::crypto
