#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace outcrop::train {

std::int64_t steps_per_epoch(const FineTuneOptions& options, std::int64_t examples) {
  const std::int64_t batch = std::max<std::int64_t>(options.batch_examples, 1);
  return (examples + batch - 1) / batch;
}

std::int64_t planned_steps(const FineTuneOptions& options, std::int64_t examples) {
  if (examples <= 0 || !(options.epochs > 0.0)) return 0;
  const std::int64_t per_epoch = steps_per_epoch(options, examples);
  const double whole = std::floor(options.epochs);
  const double part = options.epochs - whole;
  std::int64_t steps = static_cast<std::int64_t>(whole) * per_epoch;
  // The small allowance keeps 0.1 * 10 batches from becoming two steps by rounding.
  steps += static_cast<std::int64_t>(std::ceil(part * static_cast<double>(per_epoch) - 1e-9));
  steps = std::max<std::int64_t>(steps, 1);
  return options.max_steps > 0 ? std::min(steps, options.max_steps) : steps;
}

std::int64_t warmup_steps(const FineTuneOptions& options, std::int64_t steps) {
  if (!(options.warmup_ratio > 0.0)) return 0;
  const auto rounded =
      static_cast<std::int64_t>(std::llround(options.warmup_ratio * static_cast<double>(steps)));
  return std::clamp<std::int64_t>(rounded, 1, std::max<std::int64_t>(steps, 1));
}

double learning_rate_at(const FineTuneOptions& options, std::int64_t step, std::int64_t steps) {
  const std::int64_t warmup = warmup_steps(options, steps);
  if (step <= warmup) return options.learning_rate * static_cast<double>(step) / static_cast<double>(warmup);
  const double progress = static_cast<double>(step - 1 - warmup) / static_cast<double>(steps - warmup);
  double factor = 1.0;
  switch (options.schedule) {
    case Schedule::constant:
      return options.learning_rate;
    case Schedule::linear:
      factor = 1.0 - progress;
      break;
    case Schedule::cosine:
      factor = 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
      break;
  }
  const double floor = options.min_learning_rate_ratio;
  return options.learning_rate * (floor + (1.0 - floor) * factor);
}

}  // namespace outcrop::train
