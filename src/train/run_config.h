#pragma once
// The options of a run as JSON: for config.json, and for the identity that a checkpoint must share with the
// run that goes on from it.

#include "json/json.h"
#include "train/fine_tune.h"

#include <string_view>

namespace outcrop::train {

std::string_view to_string(Schedule schedule) noexcept;

Json to_json(const FineTuneOptions& options);

/// The options that change the result, and the fingerprints of both data sets.
Json run_identity(const FineTuneOptions& options, const data::EncodedExamples& training,
                  const data::EncodedExamples* validation);

}  // namespace outcrop::train
