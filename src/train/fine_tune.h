#pragma once
// Supervised fine-tuning: the loop over packed rows with AdamW, schedule, clipping, validation,
// checkpoints and exact resume. Reads encoded examples, writes a run folder; knows nothing of files of
// records or of model homes (service/customize does).
//
// Run folder:
//   config.json       the effective configuration, written before the first step
//   events.jsonl      one event a line: started, step, validation, checkpoint, finished, failed, cancelled
//   metrics.csv       step,epoch,loss,perplexity,learning_rate,gradient_norm,tokens_per_second
//   loss.svg          loss over steps, training and validation
//   checkpoints/step-N/   state.json, tensors.safetensors (masters, moments); written whole or not at all
//   best/             parameters of the best validation loss, when validation data is given

#include "base/files.h"
#include "base/result.h"
#include "data/packing.h"
#include "model/trainable.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace outcrop::train {

enum class Schedule : std::uint8_t { constant, linear, cosine };

struct FineTuneOptions {
  double epochs = 1.0;               ///< may be a fraction
  std::int64_t max_steps = 0;        ///< 0: as many as the epochs give
  std::int64_t batch_examples = 16;  ///< records of one optimizer step
  std::int64_t row_tokens = 2048;    ///< tokens of a packed row (a micro-batch)
  double learning_rate = 1e-3;
  double min_learning_rate_ratio = 0.0;  ///< of linear and cosine, at the end
  Schedule schedule = Schedule::cosine;
  double warmup_ratio = 0.05;  ///< of all steps, at least one step when above zero
  double weight_decay = 0.0;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double clip_norm = 1.0;  ///< 0: off
  std::uint64_t seed = 0;
  std::int64_t validate_every = 0;    ///< steps; 0: at the end of each epoch
  std::int64_t checkpoint_every = 0;  ///< steps; 0: at the end of each epoch
  std::int64_t keep_checkpoints = 2;
  std::int64_t early_stopping_patience = 0;  ///< validations without improvement; 0: off
};

struct StepReport {
  std::int64_t step = 0;
  std::int64_t steps = 0;
  double epoch = 0.0;
  double loss = 0.0;  ///< nats per target token of this step
  double learning_rate = 0.0;
  double gradient_norm = 0.0;
  double tokens_per_second = 0.0;
  std::optional<double> validation_loss;  ///< when one was just measured
  double seconds_left = 0.0;
};

struct FineTuneResult {
  std::int64_t steps = 0;
  double first_loss = 0.0;
  double final_loss = 0.0;  ///< mean of the last tenth of the steps
  std::optional<double> best_validation_loss;
  std::int64_t best_step = 0;
  bool stopped_early = false;
  double seconds = 0.0;
  std::int64_t tokens = 0;
};

/// How many optimizer steps the options give for this many examples. A last partial batch counts.
std::int64_t planned_steps(const FineTuneOptions& options, std::int64_t examples);

/// Trains `trainable` in place. At return it holds the best parameters by validation loss, or the last.
/// With resume it goes on from the newest whole checkpoint, exactly: the final parameters are byte-equal to
/// those of an uninterrupted run. A checkpoint of another configuration or of other data is refused, naming
/// the field. Errors: cancelled (a checkpoint is left), invalid_argument for a loss, gradient or
/// parameter that is not finite (names the step, saves nothing of it), io, quota_exceeded for a full disk.
Result<FineTuneResult> fine_tune(model::Trainable& trainable, const data::EncodedExamples& training,
                                 const data::EncodedExamples* validation, const FineTuneOptions& options,
                                 const Path& run_folder, bool resume,
                                 const std::function<void(const StepReport&)>& on_step, std::stop_token stop);

}  // namespace outcrop::train
