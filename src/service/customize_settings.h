#pragma once
// Hyperparameters of the customize use case: from names and text to checked numbers, with every problem found
// in one pass, and the values that "auto" stands for. Private to the service room.

#include "base/result.h"
#include "data/packing.h"
#include "model/library.h"
#include "model/lora.h"
#include "service/customize.h"
#include "train/fine_tune.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::service {

/// What was asked for. An empty optional is "auto".
struct Settings {
  std::string method;
  std::int64_t rank = 16;
  std::optional<double> alpha;
  double dropout = 0.0;
  bool rslora = false;
  std::vector<model::Module> targets;
  std::optional<double> learning_rate;
  double learning_rate_multiplier = 1.0;
  std::optional<std::int64_t> learning_rate_warmup_steps;
  std::optional<double> weight_decay;
  std::optional<double> beta2;
  std::optional<std::int64_t> max_sequence_tokens;
  std::optional<std::int64_t> row_tokens;
  data::TooLong too_long = data::TooLong::error;
  bool train_on_all_turns = true;
  train::FineTuneOptions training;  ///< what needs no resolving is set here
};

/// Reads all hyperparameters. Unknown names (with the nearest known one), values that are no number or out
/// of range, doubled and contradicting settings: each becomes one line of `problems`.
Settings parse_settings(const CustomizeRequest& request, std::vector<std::string>& problems);

/// A run's settings with nothing left to choose.
struct EffectiveSettings {
  std::string method;
  model::LoraConfig lora;  ///< method lora only
  data::EncodeOptions encode;
  train::FineTuneOptions training;
  std::vector<std::pair<std::string, std::string>> shown;  ///< for CustomizePlan::configuration
  std::vector<std::string> notes;
};

/// Encoding options come first, as they decide which records there are. invalid_argument when
/// maxSequenceLength is beyond the model's context.
Result<data::EncodeOptions> resolve_encoding(const Settings& settings, const model::ModelInfo& base);

/// The rest, once the data is known. invalid_argument when a row is shorter than the longest record.
Result<EffectiveSettings> resolve_settings(const Settings& settings, const data::EncodeOptions& encode,
                                           const model::ModelInfo& base, std::int64_t records,
                                           std::int64_t longest_tokens);

}  // namespace outcrop::service
