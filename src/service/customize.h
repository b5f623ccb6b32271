#pragma once
// The customize use case: data and a base model in, a custom model out. Called by the command line now and
// by the job worker later.

#include "base/files.h"
#include "base/result.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outcrop::service {

/// Every setting of a run, as names and text ("epochCount" = "1"): Bedrock's hyperparameter names where it
/// has them. `describe_hyperparameters` lists name, default, range and meaning of each.
using Hyperparameters = std::vector<std::pair<std::string, std::string>>;

struct HyperparameterHelp {
  std::string name;
  std::string default_value;
  std::string range;
  std::string meaning;
};
std::vector<HyperparameterHelp> describe_hyperparameters();

struct CustomizeRequest {
  Path home;
  std::string base;  ///< model id
  std::string name;  ///< of the custom model
  Path train;
  std::optional<Path> validation;
  std::string method = "lora";  ///< "lora" or "full"
  Hyperparameters hyperparameters;
  bool replace = false;    ///< an existing custom model of that name
  bool resume = false;     ///< go on from the run folder's last checkpoint
  bool plan_only = false;  ///< validate and plan, train nothing
};

/// Lines of the effective configuration and of the memory plan, for a person.
struct CustomizePlan {
  std::vector<std::pair<std::string, std::string>> configuration;
  std::vector<std::pair<std::string, std::int64_t>> memory_bytes;
  std::int64_t memory_total_bytes = 0;
  std::int64_t memory_available_bytes = 0;
  std::int64_t records = 0;
  std::int64_t tokens = 0;         ///< of one epoch
  std::int64_t target_tokens = 0;  ///< of one epoch
  std::int64_t steps = 0;
  std::vector<std::string> notes;  ///< dropped or shortened records, choices made by auto, …
};

struct CustomizeProgress {
  enum class Phase : std::uint8_t { preparing, training, validating, saving };
  Phase phase = Phase::preparing;
  std::int64_t step = 0;
  std::int64_t steps = 0;
  double epoch = 0.0;
  double loss = 0.0;  ///< smoothed, nats per target token
  std::optional<double> validation_loss;
  double tokens_per_second = 0.0;
  double seconds_left = 0.0;
};

struct CustomizeObserver {
  std::function<void(const CustomizePlan&)> on_plan;
  std::function<void(const CustomizeProgress&)> on_progress;
};

struct CustomizeResult {
  std::string model;  ///< id of the custom model; empty for plan_only
  Path run_folder;
  std::int64_t steps = 0;
  double train_loss = 0.0;
  std::optional<double> best_validation_loss;
  double seconds = 0.0;
  double tokens_per_second = 0.0;
};

/// Cancelled (Code::cancelled, naming how to resume) when stop is requested: a resumable checkpoint is left.
Result<CustomizeResult> customize(const CustomizeRequest& request, const CustomizeObserver& observer,
                                  std::stop_token stop);

}  // namespace outcrop::service
