#include "crypto/random_bytes.h"

#include "base/check.h"
#include "crypto/hex.h"

#include <algorithm>
#include <array>
#include <climits>

#include <openssl/rand.h>

namespace outcrop::crypto {

void fill_random(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const std::size_t count = std::min<std::size_t>(bytes.size(), INT_MAX);
    CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) == 1,
          "the system gives no random bytes");
    bytes = bytes.subspan(count);
  }
}

std::string random_id(std::size_t length, std::string_view alphabet) {
  CHECK(!alphabet.empty() && alphabet.size() <= 256, "an alphabet has 1 to 256 characters");
  // Bytes from here on would make the first characters likelier than the others.
  const std::size_t bound = 256 - 256 % alphabet.size();
  std::string id;
  id.reserve(length);
  std::array<std::byte, 64> pool{};
  while (id.size() < length) {
    fill_random(pool);
    for (const std::byte byte : pool) {
      const auto value = std::to_integer<std::size_t>(byte);
      if (value < bound && id.size() < length) id += alphabet[value % alphabet.size()];
    }
  }
  return id;
}

std::string random_uuid() {
  std::array<std::byte, 16> bytes{};
  fill_random(bytes);
  bytes[6] = (bytes[6] & std::byte{0x0f}) | std::byte{0x40};
  bytes[8] = (bytes[8] & std::byte{0x3f}) | std::byte{0x80};
  std::string text = to_hex(bytes);
  for (const std::size_t at : {20U, 16U, 12U, 8U}) text.insert(at, 1, '-');
  return text;
}

}  // namespace outcrop::crypto
