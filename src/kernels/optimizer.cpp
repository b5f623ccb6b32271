#include "kernels/optimizer.h"

#include "kernels/cpu/split.h"

#include <array>
#include <cmath>

namespace outcrop::kernels {

void adamw(float* p, float* m, float* v, const float* g, std::int64_t count, const AdamWStep& step) noexcept {
  // In double: at step 1 the corrections are differences of nearly equal numbers.
  const auto lr = static_cast<double>(step.learning_rate);
  const auto beta1 = static_cast<double>(step.beta1);
  const auto beta2 = static_cast<double>(step.beta2);
  const auto t = static_cast<double>(step.step);
  const cpu::AdamWFactors factors{
      .gradient_scale = step.gradient_scale,
      .beta1 = step.beta1,
      .beta2 = step.beta2,
      .one_minus_beta1 = static_cast<float>(1.0 - beta1),
      .one_minus_beta2 = static_cast<float>(1.0 - beta2),
      .decay = static_cast<float>(1.0 - lr * static_cast<double>(step.weight_decay)),
      .step_size = static_cast<float>(lr / (1.0 - std::pow(beta1, t))),
      .inverse_root_bias = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(beta2, t))),
      .eps = step.eps};
  for_ranges(count, kStreamGrain, [&]<Isa isa>(std::int64_t begin, std::int64_t end) {
    cpu::Optimizer<isa>::adamw(p + begin, m + begin, v + begin, g + begin, end - begin, factors);
  });
}

double sum_of_squares(const float* x, std::int64_t count) noexcept {
  // The cut into at most kParts pieces follows from count alone, so the order of summation does too.
  constexpr std::int64_t kParts = 256;
  const std::int64_t length = std::max(kStreamGrain, (count + kParts - 1) / kParts);
  const std::int64_t parts = (count + length - 1) / length;
  std::array<double, kParts> partial{};
  parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
    with_isa([&]<Isa isa>() {
      for (std::int64_t i = begin; i < end; ++i) {
        partial[static_cast<std::size_t>(i)] =
            cpu::Optimizer<isa>::sum_of_squares(x + i * length, std::min(length, count - i * length));
      }
    });
  });
  double total = 0.0;
  for (std::int64_t i = 0; i < parts; ++i) total += partial[static_cast<std::size_t>(i)];
  return total;
}

}  // namespace outcrop::kernels
