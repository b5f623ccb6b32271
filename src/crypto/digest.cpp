#include "crypto/digest.h"

#include "base/check.h"
#include "crypto/hex.h"

#include <openssl/evp.h>

namespace outcrop::crypto {
namespace {

/// Looked up once and kept: EVP_sha256() and its like are looked up again on each start, which takes longer
/// than the digest of a short message.
const EVP_MD* fetch(const char* name) {
  const EVP_MD* algorithm = EVP_MD_fetch(nullptr, name, nullptr);
  CHECK(algorithm != nullptr, "OpenSSL lacks a digest");
  return algorithm;
}

template <DigestKind kind>
const EVP_MD* algorithm() {
  static const EVP_MD* const kept = fetch(kind == DigestKind::md5    ? "MD5"
                                          : kind == DigestKind::sha1 ? "SHA1"
                                                                     : "SHA256");
  return kept;
}

}  // namespace

template <DigestKind kind>
struct Digest<kind>::State {
  State() : context(EVP_MD_CTX_new()) {
    CHECK(context != nullptr, "out of memory for a digest");
    CHECK(EVP_DigestInit_ex(context, algorithm<kind>(), nullptr) == 1, "a digest does not start");
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }
  EVP_MD_CTX* context;
};

template <DigestKind kind>
Digest<kind>::Digest() : state_(std::make_unique<State>()) {}
template <DigestKind kind>
Digest<kind>::Digest(Digest&&) noexcept = default;
template <DigestKind kind>
Digest<kind>& Digest<kind>::operator=(Digest&&) noexcept = default;
template <DigestKind kind>
Digest<kind>::~Digest() = default;

template <DigestKind kind>
void Digest<kind>::update(std::span<const std::byte> bytes) {
  CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1, "digest update failed");
}

template <DigestKind kind>
typename Digest<kind>::Value Digest<kind>::finish() {
  Value value{};
  unsigned int size = 0;
  CHECK(EVP_DigestFinal_ex(state_->context, reinterpret_cast<unsigned char*>(value.data()), &size) == 1,
        "digest failed");
  CHECK(size == value.size(), "a digest has another size than its kind");
  return value;
}

template <DigestKind kind>
std::string Digest<kind>::finish_hex() {
  return to_hex(finish());
}

template class Digest<DigestKind::md5>;
template class Digest<DigestKind::sha1>;
template class Digest<DigestKind::sha256>;

}  // namespace outcrop::crypto
