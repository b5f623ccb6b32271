#include "crypto/aes_gcm.h"

#include "base/check.h"
#include "crypto/random_bytes.h"

#include <array>
#include <climits>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <openssl/evp.h>

namespace outcrop::crypto {
namespace {

constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;
static_assert(kNonceBytes + kTagBytes == kSealOverheadBytes);

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

enum class Direction : int { open = 0, seal = 1 };

const unsigned char* data_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Status check_sizes(const Secret& key, std::string_view text, std::string_view associated) {
  if (key.view().size() != kAesKeyBytes)
    return fail(Code::invalid_argument,
                fmt::format("an AES-256 key has {} bytes, not {}", kAesKeyBytes, key.view().size()));
  if (text.size() > INT_MAX || associated.size() > INT_MAX)
    return fail(Code::invalid_argument, fmt::format("a text of {} bytes is too long to seal", text.size()));
  return {};
}

/// A cipher that has its key and nonce and has taken the associated data.
Context start(Direction direction, const Secret& key, std::string_view nonce, std::string_view associated) {
  Context context(EVP_CIPHER_CTX_new());
  CHECK(context != nullptr, "out of memory for a cipher");
  CHECK(EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, data_of(key.view()), data_of(nonce),
                          static_cast<int>(direction)) == 1,
        "AES-256-GCM does not start");
  int written = 0;
  CHECK(associated.empty() || EVP_CipherUpdate(context.get(), nullptr, &written, data_of(associated),
                                               static_cast<int>(associated.size())) == 1,
        "AES-256-GCM refuses associated data");
  return context;
}

void transform(EVP_CIPHER_CTX* context, std::string_view from, unsigned char* to) {
  int written = 0;
  CHECK(from.empty() ||
            EVP_CipherUpdate(context, to, &written, data_of(from), static_cast<int>(from.size())) == 1,
        "AES-256-GCM refuses a text");
}

}  // namespace

Secret random_aes_key() {
  std::array<std::byte, kAesKeyBytes> bytes{};
  fill_random(bytes);
  Secret key(bytes);
  wipe(bytes);
  return key;
}

Result<std::string> seal(const Secret& key, std::string_view plaintext, std::string_view associated) {
  OUTCROP_CHECK_OK(check_sizes(key, plaintext, associated));
  std::string sealed(plaintext.size() + kSealOverheadBytes, '\0');
  fill_random(std::as_writable_bytes(std::span(sealed)).first(kNonceBytes));
  auto* out = reinterpret_cast<unsigned char*>(sealed.data());

  const Context context =
      start(Direction::seal, key, std::string_view(sealed).substr(0, kNonceBytes), associated);
  transform(context.get(), plaintext, out + kNonceBytes);
  unsigned char* const tag = out + kNonceBytes + plaintext.size();
  int written = 0;
  CHECK(EVP_CipherFinal_ex(context.get(), tag, &written) == 1 && written == 0, "AES-256-GCM does not end");
  CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag) == 1,
        "AES-256-GCM gives no tag");
  return sealed;
}

Result<Secret> open_sealed(const Secret& key, std::string_view sealed, std::string_view associated) {
  OUTCROP_CHECK_OK(check_sizes(key, sealed, associated));
  if (sealed.size() < kSealOverheadBytes)
    return fail(Code::corrupt_data, fmt::format("a sealed text has at least {} bytes, this one has {}",
                                                kSealOverheadBytes, sealed.size()));
  const std::string_view nonce = sealed.substr(0, kNonceBytes);
  const std::string_view ciphertext = sealed.substr(kNonceBytes, sealed.size() - kSealOverheadBytes);
  std::string tag(sealed.substr(sealed.size() - kTagBytes));

  const Context context = start(Direction::open, key, nonce, associated);
  std::vector<std::byte> plaintext(ciphertext.size() + 1);  // never empty, so that it has an address
  auto* out = reinterpret_cast<unsigned char*>(plaintext.data());
  transform(context.get(), ciphertext, out);
  CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1,
        "AES-256-GCM takes no tag");
  int written = 0;
  const bool authentic = EVP_CipherFinal_ex(context.get(), out + ciphertext.size(), &written) == 1;
  Secret opened(authentic ? std::span<const std::byte>(plaintext).first(ciphertext.size())
                          : std::span<const std::byte>());
  wipe(plaintext);
  if (!authentic) return fail(Code::corrupt_data, "a sealed text does not open: wrong key or changed bytes");
  return opened;
}

}  // namespace outcrop::crypto
