#include "crypto/sha256.h"

#include <algorithm>

namespace outcrop::crypto {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{4} << 20;

}  // namespace

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
