#pragma once
// Whole numbers in network byte order, as event streams and checksums have them.

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

namespace outcrop::crypto {

template <std::unsigned_integral Word>
void append_big_endian(std::string& out, Word value) {
  for (std::size_t i = sizeof(Word); i-- > 0;) out += static_cast<char>(value >> (8 * i) & 255);
}

/// Of the first sizeof(Word) bytes, which must be there.
template <std::unsigned_integral Word>
Word read_big_endian(std::string_view bytes) noexcept {
  Word value = 0;
  for (std::size_t i = 0; i < sizeof(Word); ++i)
    value = static_cast<Word>(static_cast<Word>(value << (sizeof(Word) > 1 ? 8 : 0)) |
                              static_cast<unsigned char>(bytes[i]));
  return value;
}

}  // namespace outcrop::crypto
