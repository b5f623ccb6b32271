#pragma once
// The learning rate of every step: warm-up from near zero, then constant, linear or cosine decay. Pure
// functions of the options, so that a resumed run needs no schedule state.

#include "train/fine_tune.h"

#include <cstdint>

namespace outcrop::train {

/// Steps of one pass over the examples; the last partial batch is one.
std::int64_t steps_per_epoch(const FineTuneOptions& options, std::int64_t examples);

/// warmup_ratio of `steps`, rounded; at least one step when the ratio is above zero.
std::int64_t warmup_steps(const FineTuneOptions& options, std::int64_t steps);

/// The rate of update `step`, 1 … steps. Warm-up rises linearly and reaches the full rate at its last step;
/// decay starts after it and would reach the minimum one step after the end, so that no update is wasted.
double learning_rate_at(const FineTuneOptions& options, std::int64_t step, std::int64_t steps);

}  // namespace outcrop::train
