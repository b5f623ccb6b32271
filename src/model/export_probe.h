#pragma once
// How far a merged model's outputs lie from those of base and unmerged adapter, on a few fixed prompts.

#include "base/result.h"
#include "model/library.h"

#include <memory>

namespace outcrop::model {

struct ProbeResult {
  double max_logit_delta = 0.0;
  double mean_kl = 0.0;  ///< KL(unmerged || merged), nats per token
};

/// `merged` has the configuration of loaded.model.
Result<ProbeResult> compare_outputs(const LoadedModel& loaded, const std::shared_ptr<const Model>& merged);

}  // namespace outcrop::model
