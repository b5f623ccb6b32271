#pragma once
// AdamW in double, as the documentation of torch.optim.AdamW writes it.

#include "kernels/optimizer.h"
#include "kernels/reference/values.h"

#include <cmath>

namespace outcrop::kernels::reference {

inline void adamw(Values& p, Values& m, Values& v, const Values& g, const AdamWStep& step) {
  const auto lr = static_cast<double>(step.learning_rate);
  const auto beta1 = static_cast<double>(step.beta1);
  const auto beta2 = static_cast<double>(step.beta2);
  const auto t = static_cast<double>(step.step);
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double gradient = g[i] * static_cast<double>(step.gradient_scale);
    p[i] -= lr * static_cast<double>(step.weight_decay) * p[i];
    m[i] = beta1 * m[i] + (1.0 - beta1) * gradient;
    v[i] = beta2 * v[i] + (1.0 - beta2) * gradient * gradient;
    const double first = m[i] / (1.0 - std::pow(beta1, t));
    const double second = v[i] / (1.0 - std::pow(beta2, t));
    p[i] -= lr * first / (std::sqrt(second) + static_cast<double>(step.eps));
  }
}

}  // namespace outcrop::kernels::reference
