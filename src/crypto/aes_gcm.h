#pragma once
// AES-256-GCM (NIST SP 800-38D) by OpenSSL: what the store keeps secret at rest.
//
//   OFFSET  SIZE  MEANING
//   0       12    nonce, random
//   12      n     ciphertext, as long as the plaintext
//   12+n    16    tag over ciphertext and associated data

#include "base/result.h"
#include "crypto/secret.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace outcrop::crypto {

inline constexpr std::size_t kAesKeyBytes = 32;
inline constexpr std::size_t kSealOverheadBytes = 12 + 16;

/// A new random key.
Secret random_aes_key();

/// `plaintext` encrypted and authenticated under a 32-byte key. `associated` is authenticated and not stored:
/// give the name of the place where the result is kept, so that it opens nowhere else. With random nonces one
/// key may seal 2^32 texts (SP 800-38D, section 8.3). invalid_argument: a key of another size, or a text
/// beyond 2 GiB. Thread-safe.
Result<std::string> seal(const Secret& key, std::string_view plaintext, std::string_view associated);

/// What was sealed. corrupt_data: another key, other associated data, or any changed or missing byte; which of
/// these is not told.
Result<Secret> open_sealed(const Secret& key, std::string_view sealed, std::string_view associated);

}  // namespace outcrop::crypto
