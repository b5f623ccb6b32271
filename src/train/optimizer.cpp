#include "train/optimizer.h"

#include "base/check.h"
#include "kernels/optimizer.h"

#include <cmath>

namespace outcrop::train {

Optimizer::Optimizer(const model::Trainable& layout, std::int64_t parameters, const FineTuneOptions& options)
    : options_(options), m_(static_cast<std::size_t>(parameters)), v_(static_cast<std::size_t>(parameters)) {
  std::int64_t covered = 0;
  for (const model::TrainableTensor& tensor : layout.tensors()) {
    CHECK(tensor.offset == covered, "trainable tensors must follow each other without holes");
    covered += tensor.elements;
    if (!groups_.empty() && groups_.back().decay == tensor.decay) {
      groups_.back().elements += tensor.elements;
    } else {
      groups_.push_back({tensor.offset, tensor.elements, tensor.decay});
    }
  }
  CHECK(covered == parameters, "trainable tensors must cover the parameters");
}

double Optimizer::gradient_norm(std::span<const float> gradients) noexcept {
  return std::sqrt(kernels::sum_of_squares(gradients.data(), static_cast<std::int64_t>(gradients.size())));
}

void Optimizer::update(std::span<float> parameters, std::span<const float> gradients, double norm,
                       double learning_rate, std::int64_t step) noexcept {
  // torch adds 1e-6 to the norm; the same here keeps step-by-step comparisons exact to rounding.
  const double scale = options_.clip_norm > 0.0 ? std::min(1.0, options_.clip_norm / (norm + 1e-6)) : 1.0;
  kernels::AdamWStep settings{};
  settings.learning_rate = static_cast<float>(learning_rate);
  settings.beta1 = static_cast<float>(options_.beta1);
  settings.beta2 = static_cast<float>(options_.beta2);
  settings.eps = static_cast<float>(options_.eps);
  settings.gradient_scale = static_cast<float>(scale);
  settings.step = step;
  for (const Group& group : groups_) {
    settings.weight_decay = group.decay ? static_cast<float>(options_.weight_decay) : 0.0F;
    const auto at = static_cast<std::size_t>(group.offset);
    kernels::adamw(parameters.data() + at, m_.data() + at, v_.data() + at, gradients.data() + at,
                   group.elements, settings);
  }
}

}  // namespace outcrop::train
