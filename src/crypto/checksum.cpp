#include "crypto/checksum.h"

#include "base/check.h"
#include "crypto/base64.h"
#include "crypto/big_endian.h"

#include <algorithm>
#include <array>

namespace outcrop::crypto {
namespace {

struct Naming {
  ChecksumKind kind;
  std::string_view name;
  std::string_view header;
};

constexpr std::array kNamings = {
    Naming{ChecksumKind::crc32, "CRC32", "x-amz-checksum-crc32"},
    Naming{ChecksumKind::crc32c, "CRC32C", "x-amz-checksum-crc32c"},
    Naming{ChecksumKind::crc64nvme, "CRC64NVME", "x-amz-checksum-crc64nvme"},
    Naming{ChecksumKind::sha1, "SHA1", "x-amz-checksum-sha1"},
    Naming{ChecksumKind::sha256, "SHA256", "x-amz-checksum-sha256"},
};

const Naming& naming(ChecksumKind kind) noexcept {
  return kNamings[static_cast<std::size_t>(kind)];
}

std::variant<Crc32, Crc32c, Crc64Nvme, Sha1, Sha256> start(ChecksumKind kind) {
  switch (kind) {
    case ChecksumKind::crc32:
      return Crc32();
    case ChecksumKind::crc32c:
      return Crc32c();
    case ChecksumKind::crc64nvme:
      return Crc64Nvme();
    case ChecksumKind::sha1:
      return Sha1();
    case ChecksumKind::sha256:
      return Sha256();
  }
  CHECK(false, "a checksum kind outside its enumeration");
}

}  // namespace

std::string_view checksum_name(ChecksumKind kind) noexcept {
  return naming(kind).name;
}
std::string_view checksum_header(ChecksumKind kind) noexcept {
  return naming(kind).header;
}

std::optional<ChecksumKind> checksum_of_header(std::string_view lower_case_name) noexcept {
  for (const Naming& entry : kNamings)
    if (entry.header == lower_case_name) return entry.kind;
  return std::nullopt;
}

std::optional<ChecksumKind> checksum_of_name(std::string_view name) noexcept {
  const auto same = [](char wanted, char given) {
    return wanted == (given >= 'a' && given <= 'z' ? static_cast<char>(given - 'a' + 'A') : given);
  };
  for (const Naming& entry : kNamings)
    if (std::ranges::equal(entry.name, name, same)) return entry.kind;
  return std::nullopt;
}

Checksum::Checksum(ChecksumKind kind) : kind_(kind), state_(start(kind)) {}

void Checksum::update(std::span<const std::byte> bytes) {
  std::visit([&](auto& state) { state.update(bytes); }, state_);
}

std::string Checksum::finish_base64() {
  return std::visit(
      [](auto& state) {
        if constexpr (requires { state.finish(); }) {
          return to_base64(state.finish());
        } else {
          std::string value;
          append_big_endian(value, state.value());
          return to_base64(value);
        }
      },
      state_);
}

}  // namespace outcrop::crypto
