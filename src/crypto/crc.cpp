#include "crypto/crc.h"

#include <array>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace outcrop::crypto {
namespace {

static_assert(std::endian::native == std::endian::little, "words of the input are read as they lie");

constexpr std::size_t kTables = 8;

/// tables[k][b]: what byte b does to the check when k bytes follow it.
template <class Word>
using Tables = std::array<std::array<Word, 256>, kTables>;

/// The polynomial times x, in reflected form.
template <class Word, Word reflected>
constexpr Word times_x(Word value) {
  return static_cast<Word>((value >> 1) ^ ((value & 1) != 0 ? reflected : 0));
}

template <class Word, Word reflected>
constexpr Tables<Word> make_tables() {
  Tables<Word> tables{};
  for (std::size_t byte = 0; byte < 256; ++byte) {
    Word value = static_cast<Word>(byte);
    for (int bit = 0; bit < 8; ++bit) value = times_x<Word, reflected>(value);
    tables[0][byte] = value;
  }
  for (std::size_t k = 1; k < kTables; ++k)
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const Word before = tables[k - 1][byte];
      tables[k][byte] = static_cast<Word>((before >> 8) ^ tables[0][before & 255]);
    }
  return tables;
}

template <class Word, Word reflected>
constexpr Tables<Word> kTablesOf = make_tables<Word, reflected>();

template <class Word, Word reflected>
Word by_tables(Word state, std::span<const std::byte> bytes) noexcept {
  const Tables<Word>& tables = kTablesOf<Word, reflected>;
  while (bytes.size() >= kTables) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), kTables);
    word ^= state;
    state = 0;
    for (std::size_t k = 0; k < kTables; ++k) state ^= tables[kTables - 1 - k][word >> (8 * k) & 255];
    bytes = bytes.subspan(kTables);
  }
  for (const std::byte byte : bytes)
    state = static_cast<Word>((state >> 8) ^ tables[0][(state ^ std::to_integer<Word>(byte)) & 255]);
  return state;
}

#if defined(__x86_64__)

/// x^power mod the polynomial, reflected in 64 bits: bit 63 is x^0.
template <class Word, Word reflected>
constexpr std::uint64_t power_of_x(int power) {
  constexpr int kBits = sizeof(Word) * 8;
  Word value = static_cast<Word>(Word{1} << (kBits - 1));
  for (int i = 0; i < power; ++i) value = times_x<Word, reflected>(value);
  return static_cast<std::uint64_t>(value) << (64 - kBits);
}

/// Moves the 128-bit polynomial of `block` over `distance` bits of input: x^distance times it, mod the
/// polynomial. Its first word stands 64 powers above its second. A product of two words reflected in 64 bits
/// comes out reflected in 127, which read as 128 is one more power: hence the - 1.
template <class Word, Word reflected, int distance>
[[gnu::target("pclmul")]] inline __m128i fold(__m128i block, __m128i next) noexcept {
  constexpr std::uint64_t kFirst = power_of_x<Word, reflected>(distance + 64 - 1);
  constexpr std::uint64_t kSecond = power_of_x<Word, reflected>(distance - 1);
  const __m128i factors = _mm_set_epi64x(static_cast<long long>(kSecond), static_cast<long long>(kFirst));
  return _mm_xor_si128(next, _mm_xor_si128(_mm_clmulepi64_si128(block, factors, 0x00),
                                           _mm_clmulepi64_si128(block, factors, 0x11)));
}

[[gnu::target("pclmul")]] inline __m128i load(const std::byte* at) noexcept {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}

/// Four blocks of 16 bytes side by side, so that four multiplications are under way at a time. At the end the
/// one block that is left has the remainder of all input before it, and the tables take it like input.
/// bytes.size() is at least 64 and divides by 64.
template <class Word, Word reflected>
[[gnu::target("pclmul")]] Word by_folding(Word state, std::span<const std::byte> bytes) noexcept {
  const std::byte* at = bytes.data();
  const std::byte* const end = at + bytes.size();
  __m128i a = _mm_xor_si128(load(at), _mm_set_epi64x(0, static_cast<long long>(state)));
  __m128i b = load(at + 16);
  __m128i c = load(at + 32);
  __m128i d = load(at + 48);
  for (at += 64; at != end; at += 64) {
    a = fold<Word, reflected, 512>(a, load(at));
    b = fold<Word, reflected, 512>(b, load(at + 16));
    c = fold<Word, reflected, 512>(c, load(at + 32));
    d = fold<Word, reflected, 512>(d, load(at + 48));
  }
  b = fold<Word, reflected, 128>(a, b);
  c = fold<Word, reflected, 128>(b, c);
  d = fold<Word, reflected, 128>(c, d);
  std::array<std::byte, 16> rest{};
  _mm_storeu_si128(reinterpret_cast<__m128i*>(rest.data()), d);
  return by_tables<Word, reflected>(0, rest);
}

#endif

}  // namespace

template <class Word, Word reflected>
Word Crc<Word, reflected>::step(Word state, std::span<const std::byte> bytes) noexcept {
#if defined(__x86_64__)
  static const bool can_fold = __builtin_cpu_supports("pclmul") != 0;
  constexpr std::size_t kWorthFolding = 128;
  if (can_fold && bytes.size() >= kWorthFolding) {
    const std::size_t folded = bytes.size() / 64 * 64;
    state = by_folding<Word, reflected>(state, bytes.first(folded));
    bytes = bytes.subspan(folded);
  }
#endif
  return by_tables<Word, reflected>(state, bytes);
}

template class Crc<std::uint32_t, 0xEDB88320>;
template class Crc<std::uint32_t, 0x82F63B78>;
template class Crc<std::uint64_t, 0x9A6C9329AC4BC9B5>;

}  // namespace outcrop::crypto
