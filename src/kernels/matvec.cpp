#include "kernels/cpu/matvec.h"

#include "base/thread_pool.h"
#include "kernels/gemm.h"
#include "kernels/isa.h"

#include <algorithm>
#include <type_traits>

namespace outcrop::kernels {
namespace {

/// The kernels below see bfloat16 as its bits.
const float* bits_of(const float* x) {
  return x;
}
float* bits_of(float* x) {
  return x;
}
const cpu::Bf16* bits_of(const bfloat16* x) {
  return reinterpret_cast<const cpu::Bf16*>(x);
}
cpu::Bf16* bits_of(bfloat16* x) {
  return reinterpret_cast<cpu::Bf16*>(x);
}

/// Weight elements below which splitting costs more than it saves.
constexpr std::int64_t kSplitElements = std::int64_t{1} << 15;

}  // namespace

template <class In, class Out>
void matvec(Out* y, std::int64_t y_stride, const In* x, std::int64_t x_stride, const In* w,
            std::int64_t w_stride, std::int64_t m, std::int64_t n, std::int64_t k) noexcept {
  using InBits = std::remove_cvref_t<decltype(*bits_of(x))>;
  using OutBits = std::remove_cvref_t<decltype(*bits_of(y))>;
  // Pieces of a quarter of a thread's share even out uneven threads; multiples of 4 rows fill the tiles.
  const std::int64_t threads = compute_pool().size();
  std::int64_t grain = n;
  if (n * k >= kSplitElements) grain = std::max<std::int64_t>(16, (n / (4 * threads) + 3) / 4 * 4);
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end) {
    with_isa([&]<Isa isa>() {
      cpu::Matvec<isa, InBits, OutBits>::rows(bits_of(y), y_stride, bits_of(x), x_stride, bits_of(w), w_stride,
                                              m, k, begin, end);
    });
  });
}

template void matvec(float*, std::int64_t, const float*, std::int64_t, const float*, std::int64_t, std::int64_t,
                     std::int64_t, std::int64_t) noexcept;
template void matvec(bfloat16*, std::int64_t, const bfloat16*, std::int64_t, const bfloat16*, std::int64_t,
                     std::int64_t, std::int64_t, std::int64_t) noexcept;
template void matvec(float*, std::int64_t, const bfloat16*, std::int64_t, const bfloat16*, std::int64_t,
                     std::int64_t, std::int64_t, std::int64_t) noexcept;

}  // namespace outcrop::kernels
