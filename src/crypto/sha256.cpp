#include "crypto/sha256.h"

#include "base/check.h"

#include <algorithm>

#include <openssl/evp.h>

namespace outcrop::crypto {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{4} << 20;
constexpr std::size_t kDigestBytes = 32;

std::string hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace

struct Sha256::State {
  State() : context(EVP_MD_CTX_new()) {
    CHECK(context != nullptr, "out of memory for a digest");
    CHECK(EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1, "OpenSSL has no SHA-256");
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }
  EVP_MD_CTX* context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> bytes) {
  CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1, "SHA-256 update failed");
}

std::string Sha256::finish_hex() {
  std::array<unsigned char, kDigestBytes> digest{};
  unsigned int size = 0;
  CHECK(EVP_DigestFinal_ex(state_->context, digest.data(), &size) == 1, "SHA-256 failed");
  CHECK(size == kDigestBytes, "SHA-256 has 32 bytes");
  return hex(digest);
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 digest;
  digest.update(bytes);
  return digest.finish_hex();
}

Result<std::string> sha256_file(const Path& path) {
  OUTCROP_TRY(const MappedFile file, MappedFile::open(path));
  Sha256 digest;
  std::span<const std::byte> rest = file.bytes();
  while (!rest.empty()) {
    const std::span<const std::byte> piece = rest.first(std::min(kPieceBytes, rest.size()));
    digest.update(piece);
    rest = rest.subspan(piece.size());
  }
  return digest.finish_hex();
}

}  // namespace outcrop::crypto
