#include "store/key_file.h"

#include "crypto/aes_gcm.h"
#include "crypto/hex.h"
#include "crypto/random_bytes.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

namespace outcrop::store {
namespace {

constexpr std::uint64_t kMaxFileBytes = 256;

/// Writes a new key under a name of its own and links it to `file`, which fails when another process was first:
/// the file appears whole, and once.
Status create_key(const Path& file) {
  Path draft = file;
  draft += ".new-" + crypto::random_id(12);
  const crypto::Secret key = crypto::random_aes_key();
  const std::string digits = crypto::to_hex(std::as_bytes(std::span(key.view())));
  OUTCROP_CHECK_OK(write_file_atomic(draft, digits + "\n", 0600));
  const int linked = ::link(draft.c_str(), file.c_str());
  const int error = errno;
  ::unlink(draft.c_str());
  if (linked != 0 && error != EEXIST) {
    return fail(Code::io, fmt::format("{}: cannot create: {}", file.string(), std::strerror(error)));
  }
  return sync_directory(file.has_parent_path() ? file.parent_path() : Path("."));
}

Status check_private(const Path& file) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::perms mode = fs::status(file, error).permissions();
  if (error) return fail(Code::io, fmt::format("{}: {}", file.string(), error.message()));
  if ((mode & (fs::perms::group_all | fs::perms::others_all)) == fs::perms::none) return {};
  return fail(
      Code::permission_denied,
      fmt::format("{}: others than its owner may use this key file; set its mode to 0600", file.string()));
}

}  // namespace

Result<crypto::Secret> load_or_create_key(const Path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) OUTCROP_CHECK_OK(create_key(file));
  OUTCROP_CHECK_OK(check_private(file));
  OUTCROP_TRY(std::string text, read_file(file, kMaxFileBytes));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const std::optional<std::string> bytes = crypto::from_hex(text);
  if (!bytes || bytes->size() != crypto::kAesKeyBytes) {
    return fail(Code::corrupt_data,
                fmt::format("{}: is no key: it needs {} hexadecimal digits, it has {} bytes", file.string(),
                            2 * crypto::kAesKeyBytes, text.size()));
  }
  return crypto::Secret(*bytes);
}

}  // namespace outcrop::store
