#include "http/body.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace outcrop::http {

Result<std::string> BodyReader::read_all() {
  std::string all;
  std::array<char, 16384> piece;
  while (true) {
    OUTCROP_TRY(const std::size_t n, read(piece));
    if (n == 0) return all;
    all.append(piece.data(), n);
  }
}

Result<std::size_t> MemoryBody::read(std::span<char> out) {
  if (bytes_.size() > limit_) {
    return fail(Code::quota_exceeded,
                fmt::format("the request body has {} bytes, the limit is {}", bytes_.size(), limit_));
  }
  const std::size_t n = std::min(out.size(), bytes_.size() - read_);
  std::copy_n(bytes_.data() + read_, n, out.data());
  read_ += n;
  return n;
}

}  // namespace outcrop::http
