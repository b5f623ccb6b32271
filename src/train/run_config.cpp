#include "train/run_config.h"

#include "train/fingerprint.h"

namespace outcrop::train {
namespace {

/// What a resumed run may not change.
Json result_options(const FineTuneOptions& options) {
  return Json::object({{"epochs", Json(options.epochs)},
                       {"max_steps", Json(options.max_steps)},
                       {"batch_examples", Json(options.batch_examples)},
                       {"row_tokens", Json(options.row_tokens)},
                       {"learning_rate", Json(options.learning_rate)},
                       {"min_learning_rate_ratio", Json(options.min_learning_rate_ratio)},
                       {"schedule", Json(to_string(options.schedule))},
                       {"warmup_ratio", Json(options.warmup_ratio)},
                       {"weight_decay", Json(options.weight_decay)},
                       {"beta1", Json(options.beta1)},
                       {"beta2", Json(options.beta2)},
                       {"eps", Json(options.eps)},
                       {"clip_norm", Json(options.clip_norm)},
                       {"seed", Json(options.seed)},
                       {"validate_every", Json(options.validate_every)},
                       {"early_stopping_patience", Json(options.early_stopping_patience)}});
}

}  // namespace

std::string_view to_string(Schedule schedule) noexcept {
  switch (schedule) {
    case Schedule::constant:
      return "constant";
    case Schedule::linear:
      return "linear";
    case Schedule::cosine:
      return "cosine";
  }
  return "constant";
}

Json to_json(const FineTuneOptions& options) {
  Json json = result_options(options);
  json.set("checkpoint_every", Json(options.checkpoint_every));
  json.set("keep_checkpoints", Json(options.keep_checkpoints));
  return json;
}

Json run_identity(const FineTuneOptions& options, const data::EncodedExamples& training,
                  const data::EncodedExamples* validation) {
  Json identity = result_options(options);
  identity.set("training_data", Json(fingerprint_of(training)));
  identity.set("validation_data", validation == nullptr ? Json() : Json(fingerprint_of(*validation)));
  return identity;
}

}  // namespace outcrop::train
