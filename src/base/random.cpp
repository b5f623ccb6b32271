#include "base/random.h"

#include <cmath>
#include <numbers>
#include <utility>

namespace outcrop {

std::array<std::uint32_t, 4> philox(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter) noexcept {
  constexpr std::uint32_t kMultiplier0 = 0xD2511F53U;
  constexpr std::uint32_t kMultiplier1 = 0xCD9E8D57U;
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9U;
  constexpr std::uint32_t kWeyl1 = 0xBB67AE85U;
  std::array<std::uint32_t, 4> c{static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32),
                                 static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)};
  auto key0 = static_cast<std::uint32_t>(seed);
  auto key1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{kMultiplier0} * c[0];
    const std::uint64_t p1 = std::uint64_t{kMultiplier1} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ key0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ key1, static_cast<std::uint32_t>(p0)};
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  return c;
}

std::uint32_t Random::next_u32() noexcept {
  const std::uint64_t block = position_ / 4;
  if (block != cached_block_) {
    cache_ = philox(seed_, stream_, block);
    cached_block_ = block;
  }
  return cache_[position_++ % 4];
}

std::uint64_t Random::next_u64() noexcept {
  const std::uint64_t high = next_u32();
  return high << 32 | next_u32();
}

float Random::uniform() noexcept {
  return static_cast<float>(next_u32() >> 8) * 0x1p-24F;
}

double Random::uniform_double() noexcept {
  return static_cast<double>(next_u64() >> 11) * 0x1p-53;
}

std::uint64_t Random::below(std::uint64_t bound) noexcept {
  const std::uint64_t reject_under = (0 - bound) % bound;  // 2^64 mod bound
  std::uint64_t value = next_u64();
  while (value < reject_under) value = next_u64();
  return value % bound;
}

float Random::normal() noexcept {
  // 1 - u keeps the logarithm's argument above zero.
  const double radius = std::sqrt(-2.0 * std::log(1.0 - static_cast<double>(uniform())));
  return static_cast<float>(radius * std::cos(2.0 * std::numbers::pi * static_cast<double>(uniform())));
}

std::vector<std::uint64_t> permutation(std::uint64_t count, Random& random) {
  std::vector<std::uint64_t> order(count);
  for (std::uint64_t i = 0; i < count; ++i) order[i] = i;
  for (std::uint64_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

}  // namespace outcrop
