#pragma once
// One run of the fine-tuning loop; what fine_tune() wraps. A run is a chain of steps with border work between
// them (validation, checkpoint). Everything that a step depends on is a function of the parameters, the
// moments and the step number, which is what makes resume exact.

#include "train/batches.h"
#include "train/checkpoint.h"
#include "train/fine_tune.h"
#include "train/loss_plot.h"
#include "train/optimizer.h"
#include "train/run_log.h"

#include <functional>
#include <optional>
#include <stop_token>
#include <vector>

namespace outcrop::train {

/// Used once, by one thread. The references must outlive it.
class Run {
 public:
  Run(model::Trainable& trainable, const data::EncodedExamples& training,
      const data::EncodedExamples* validation, const FineTuneOptions& options, Path folder);

  Result<FineTuneResult> go(bool resume, const std::function<void(const StepReport&)>& on_step,
                            std::stop_token stop);

 private:
  Status prepare(bool resume);
  Status loop(const std::function<void(const StepReport&)>& on_step);
  /// Validation and checkpoint, where this step's border has them. Fills the report.
  Status border(StepReport& report);
  Result<StepReport> step();
  /// Gradients of the whole step; the mean loss per target.
  Result<double> accumulate(const Batch& batch);
  Status validate(StepReport& report);
  Result<double> measure_validation();
  Status save_checkpoint();
  void prune_best() const;
  Status restore_best();
  Status write_plot() const;
  Status close(const Status& ended);
  FineTuneResult result() const;

  bool finished() const noexcept { return progress_.step >= steps_ || stopped_early(); }
  bool stopped_early() const noexcept;
  bool due(std::int64_t every) const noexcept;
  double seconds_left() const noexcept;
  Path best_file(std::int64_t step) const;

  model::Trainable& trainable_;
  const data::EncodedExamples& training_;
  const data::EncodedExamples* validation_;
  const FineTuneOptions options_;
  const Path folder_;
  const std::int64_t per_epoch_;
  const std::int64_t steps_;
  std::stop_token stop_;

  Batches batches_;
  data::Rows validation_rows_;
  Optimizer optimizer_;
  Checkpoints checkpoints_;
  std::optional<RunLog> log_;

  Progress progress_;
  std::int64_t saved_step_ = -1;  ///< of the newest checkpoint on disk
  std::vector<PlotPoint> losses_;
  double tokens_per_second_ = 0.0;   ///< moving average
  double validation_seconds_ = 0.0;  ///< of the last validation
};

}  // namespace outcrop::train
