#include "crypto/hmac.h"

#include "crypto/secret.h"

#include <algorithm>
#include <array>

namespace outcrop::crypto {
namespace {

constexpr std::size_t kBlockBytes = 64;  // of SHA-256

}  // namespace

// HMAC(K, m) = H((K xor opad) || H((K xor ipad) || m)), RFC 2104 section 2. Both digests start with their pad,
// so that the key itself is not kept. (OpenSSL's EVP_MAC takes twice as long for a short message.)
HmacSha256::HmacSha256(std::string_view key) {
  std::array<std::byte, kBlockBytes> block{};
  if (key.size() <= kBlockBytes) {
    std::ranges::copy(std::as_bytes(std::span(key)), block.begin());
  } else {
    Sha256 shortened;
    shortened.update(key);
    std::ranges::copy(shortened.finish(), block.begin());
  }
  for (std::byte& byte : block) byte ^= std::byte{0x36};
  inner_.update(block);
  for (std::byte& byte : block) byte ^= std::byte{0x36 ^ 0x5c};
  outer_.update(block);
  wipe(block);
}

HmacSha256::Value HmacSha256::finish() {
  outer_.update(inner_.finish());
  return outer_.finish();
}

HmacSha256::Value hmac_sha256(std::string_view key, std::string_view message) {
  HmacSha256 hmac(key);
  hmac.update(message);
  return hmac.finish();
}

}  // namespace outcrop::crypto
