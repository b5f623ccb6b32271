#include "kernels/loss.h"

#include "kernels/cpu/split.h"

namespace outcrop::kernels {

template <class T>
void cross_entropy(float* loss, T* dlogits, std::int64_t dlogits_stride, std::uint8_t* correct,
                   const float* logits, std::int64_t stride, const std::int32_t* targets, std::int64_t rows,
                   std::int64_t vocab, float scale) noexcept {
  for_rows(rows, vocab, kExpGrain, [&]<Isa isa>(std::int64_t r) {
    auto* gradient = dlogits == nullptr ? nullptr : raw(dlogits + r * dlogits_stride);
    const cpu::RowLoss result =
        cpu::Loss<isa, Raw<T>>::row(gradient, logits + r * stride, targets[r], vocab, scale);
    loss[r] = result.loss;
    if (correct != nullptr) correct[r] = result.correct ? 1 : 0;
  });
}

template void cross_entropy(float*, float*, std::int64_t, std::uint8_t*, const float*, std::int64_t,
                            const std::int32_t*, std::int64_t, std::int64_t, float) noexcept;
template void cross_entropy(float*, bfloat16*, std::int64_t, std::uint8_t*, const float*, std::int64_t,
                            const std::int32_t*, std::int64_t, std::int64_t, float) noexcept;

}  // namespace outcrop::kernels
