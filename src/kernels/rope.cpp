#include "kernels/rope.h"

#include "kernels/cpu/split.h"

namespace outcrop::kernels {

template <class T>
void rope(T* x, std::int64_t stride, std::int64_t rows, std::int64_t heads, std::int64_t head_width,
          const float* cos, const float* sin, const std::int32_t* positions, Rotation rotation) noexcept {
  const float sign = rotation == Rotation::forward ? 1.0F : -1.0F;
  for_rows(rows, heads * head_width, kStreamGrain, [&]<Isa isa>(std::int64_t r) {
    const std::int64_t at = positions[r] * (head_width / 2);
    cpu::Rope<isa, Raw<T>>::row(raw(x + r * stride), heads, head_width, cos + at, sin + at, sign);
  });
}

template void rope(float*, std::int64_t, std::int64_t, std::int64_t, std::int64_t, const float*, const float*,
                   const std::int32_t*, Rotation) noexcept;
template void rope(bfloat16*, std::int64_t, std::int64_t, std::int64_t, std::int64_t, const float*,
                   const float*, const std::int32_t*, Rotation) noexcept;

}  // namespace outcrop::kernels
