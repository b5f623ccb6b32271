#pragma once
// What the dispatching files share: splitting rows over the pool and seeing bfloat16 as its bits.

#include "base/thread_pool.h"
#include "kernels/bfloat16.h"
#include "kernels/cpu/kernels.h"
#include "kernels/isa.h"

#include <algorithm>
#include <cstdint>

namespace outcrop::kernels {

template <class T>
struct RawType {
  using type = T;
};
template <>
struct RawType<bfloat16> {
  using type = cpu::Bf16;
};
template <class T>
using Raw = typename RawType<T>::type;

// bfloat16 is a standard-layout struct of one uint16_t, so a pointer to it is one to its bits.
template <class T>
Raw<T>* raw(T* p) noexcept {
  return reinterpret_cast<Raw<T>*>(p);
}
template <class T>
const Raw<T>* raw(const T* p) noexcept {
  return reinterpret_cast<const Raw<T>*>(p);
}

/// Elements a piece of work must have to be worth another thread: a few microseconds at memory speed,
/// and at the speed of kernels that take an exponential an element.
inline constexpr std::int64_t kStreamGrain = 16384;
inline constexpr std::int64_t kExpGrain = 4096;

/// Calls row.template operator()<isa>(r) for every row, pieces of about `grain` elements on the pool.
template <class Row>
void for_rows(std::int64_t rows, std::int64_t cols, std::int64_t grain, Row row) {
  if (cols <= 0) return;
  parallel_for(rows, std::max<std::int64_t>(1, grain / cols), [&](std::int64_t begin, std::int64_t end) {
    with_isa([&]<Isa isa>() {
      for (std::int64_t r = begin; r < end; ++r) row.template operator()<isa>(r);
    });
  });
}

/// Calls range.template operator()<isa>(begin, end) on pieces of [0, count).
template <class Range>
void for_ranges(std::int64_t count, std::int64_t grain, Range range) {
  parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
    with_isa([&]<Isa isa>() { range.template operator()<isa>(begin, end); });
  });
}

}  // namespace outcrop::kernels
