#pragma once
// Seeded, counter-based random numbers: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as
// easy as 1, 2, 3"). A value is a pure function of (seed, stream, counter), so that any part of a run can
// be repeated, and a resumed run draws what the first would have drawn.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace outcrop {

/// Four random words for one counter value. Pure, thread-safe.
std::array<std::uint32_t, 4> philox(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter) noexcept;

/// A sequence over philox(). Its whole state is (seed, stream, position): save position() to resume.
/// Not thread-safe; give each thread its own stream.
class Random {
 public:
  explicit Random(std::uint64_t seed, std::uint64_t stream = 0, std::uint64_t position = 0) noexcept
      : seed_(seed), stream_(stream), position_(position) {}

  std::uint32_t next_u32() noexcept;
  std::uint64_t next_u64() noexcept;
  float uniform() noexcept;                           ///< [0, 1), 24 bits
  double uniform_double() noexcept;                   ///< [0, 1), 53 bits
  std::uint64_t below(std::uint64_t bound) noexcept;  ///< [0, bound), unbiased; bound > 0
  float normal() noexcept;                            ///< standard normal, Box-Muller, two words a value

  std::uint64_t position() const noexcept { return position_; }  ///< 32-bit words drawn

 private:
  std::uint64_t seed_;
  std::uint64_t stream_;
  std::uint64_t position_;
  std::uint64_t cached_block_ = ~std::uint64_t{0};
  std::array<std::uint32_t, 4> cache_{};
};

/// 0 … count-1 in random order (Fisher-Yates).
std::vector<std::uint64_t> permutation(std::uint64_t count, Random& random);

}  // namespace outcrop
