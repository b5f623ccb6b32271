#pragma once
// SHA-256 of texts and files: the identity of imported files and of training data.

#include "base/files.h"
#include "base/result.h"
#include "crypto/digest.h"

#include <string>
#include <string_view>

namespace outcrop::crypto {

/// 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view bytes);

/// Of a whole file, read in pieces.
Result<std::string> sha256_file(const Path& path);

}  // namespace outcrop::crypto
