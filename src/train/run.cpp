#include "train/run.h"

#include "base/check.h"
#include "base/log.h"
#include "train/fingerprint.h"
#include "train/run_config.h"
#include "train/schedule.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

namespace outcrop::train {
namespace {

namespace fs = std::filesystem;

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

model::PackedRow view(const data::RowBuffers& row) {
  return {row.tokens, row.targets, row.segment_starts};
}

/// For messages: NaN has no sign that means anything.
std::string show(double value) {
  if (std::isnan(value)) return "not a number";
  return std::isinf(value) ? "infinite" : fmt::format("{:.6g}", value);
}

data::Rows pack_all(const data::EncodedExamples* examples, std::int64_t row_tokens) {
  if (examples == nullptr) return {};
  std::vector<std::int64_t> all(static_cast<std::size_t>(examples->count()));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  return pack_examples(*examples, all, row_tokens);
}

/// The first step says more about the base model; a later one about the settings.
tl::unexpected<Error> diverged(std::int64_t step, std::string_view what) {
  return fail(
      Code::invalid_argument,
      fmt::format("step {}: {}: the run is stopped and nothing of this step is saved; {}", step, what,
                  step == 1 ? "the base model's weights or the settings are at fault: does the base answer?"
                            : "start anew with a lower learningRate and --replace"));
}

bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
}

}  // namespace

Run::Run(model::Trainable& trainable, const data::EncodedExamples& training,
         const data::EncodedExamples* validation, const FineTuneOptions& options, Path folder)
    : trainable_(trainable),
      training_(training),
      validation_(validation),
      options_(options),
      folder_(std::move(folder)),
      per_epoch_(steps_per_epoch(options, training.count())),
      steps_(planned_steps(options, training.count())),
      batches_(training, options.batch_examples, options.row_tokens, options.seed),
      validation_rows_(pack_all(validation, options.row_tokens)),
      optimizer_(trainable, static_cast<std::int64_t>(trainable.parameters().size()), options),
      checkpoints_(folder_ / "checkpoints", run_identity(options, training, validation), trainable.tensors(),
                   options.keep_checkpoints) {}

Result<FineTuneResult> Run::go(bool resume, const std::function<void(const StepReport&)>& on_step,
                               std::stop_token stop) {
  stop_ = std::move(stop);
  OUTCROP_CHECK_OK(prepare(resume));
  OUTCROP_CHECK_OK(close(loop(on_step)));
  return result();
}

Status Run::prepare(bool resume) {
  OUTCROP_CHECK_OK(make_directories(folder_ / "best"));
  if (resume) {
    OUTCROP_TRY(auto found, checkpoints_.load_newest({trainable_.parameters(), optimizer_.first_moment(),
                                                      optimizer_.second_moment()}));
    if (found) {
      progress_ = *std::move(found);
      saved_step_ = progress_.step;
      trainable_.parameters_changed();
    }
    for (const MetricsRow& row : read_metrics(folder_, progress_.step)) {
      losses_.push_back({static_cast<double>(row.step), row.loss});
    }
    OUTCROP_TRY(log_, RunLog::resume(folder_, progress_.step));
  } else {
    OUTCROP_CHECK_OK(checkpoints_.clear());
    OUTCROP_TRY(log_, RunLog::start(folder_));
  }
  std::error_code ignored;
  if (!fs::exists(folder_ / "config.json", ignored)) {
    OUTCROP_CHECK_OK(write_file_atomic(folder_ / "config.json", to_json(options_).dump(2) + '\n'));
  }
  return log_->event("started", progress_.step,
                     {{"resumed", Json(resume)},
                      {"steps", Json(steps_)},
                      {"records", Json(training_.count())},
                      {"tokens_per_epoch", Json(static_cast<std::int64_t>(training_.tokens.size()))},
                      {"target_tokens_per_epoch", Json(training_.target_tokens)}});
}

Status Run::loop(const std::function<void(const StepReport&)>& on_step) {
  // A run that was stopped between a step and its validation still owes that border its work.
  StepReport owed;
  OUTCROP_CHECK_OK(border(owed));
  while (!finished()) {
    OUTCROP_TRY(StepReport report, step());
    OUTCROP_CHECK_OK(border(report));
    report.seconds_left = seconds_left();
    if (on_step) on_step(report);
  }
  return restore_best();
}

bool Run::due(std::int64_t every) const noexcept {
  if (progress_.step == 0) return false;
  return progress_.step == steps_ || progress_.step % (every > 0 ? every : per_epoch_) == 0;
}

Status Run::border(StepReport& report) {
  const bool measured = !progress_.validations.empty() && progress_.validations.back().step == progress_.step;
  if (validation_ != nullptr && due(options_.validate_every) && !measured) OUTCROP_CHECK_OK(validate(report));
  if (due(options_.checkpoint_every) || (finished() && progress_.step > 0)) OUTCROP_CHECK_OK(save_checkpoint());
  return {};
}

Result<StepReport> Run::step() {
  if (stop_.stop_requested()) return fail(Code::cancelled, "stopped");
  const Stopwatch watch;
  const std::int64_t number = progress_.step + 1;
  const Batch batch = batches_.at(progress_.step);
  OUTCROP_TRY(const double loss, accumulate(batch));
  const double norm = Optimizer::gradient_norm(trainable_.gradients());
  if (!std::isfinite(loss) || !std::isfinite(norm)) {
    return diverged(number, fmt::format("loss is {}, gradient norm is {}", show(loss), show(norm)));
  }
  const double rate = learning_rate_at(options_, number, steps_);
  optimizer_.update(trainable_.parameters(), trainable_.gradients(), norm, rate, number);
  trainable_.parameters_changed();

  const double seconds = watch.seconds();
  const double speed = static_cast<double>(batch.tokens) / std::max(seconds, 1e-9);
  tokens_per_second_ = tokens_per_second_ > 0.0 ? 0.9 * tokens_per_second_ + 0.1 * speed : speed;
  progress_.step = number;
  progress_.tokens += batch.tokens;
  progress_.seconds += seconds;
  if (number == 1) progress_.first_loss = loss;
  losses_.push_back({static_cast<double>(number), loss});

  StepReport report{number,
                    steps_,
                    static_cast<double>(number) / static_cast<double>(per_epoch_),
                    loss,
                    rate,
                    norm,
                    tokens_per_second_,
                    std::nullopt,
                    0.0};
  OUTCROP_CHECK_OK(log_->metrics({number, report.epoch, loss, rate, norm, speed}));
  OUTCROP_CHECK_OK(log_->event("step", number,
                               {{"loss", Json(loss)},
                                {"learning_rate", Json(rate)},
                                {"gradient_norm", Json(norm)},
                                {"tokens_per_second", Json(speed)}}));
  return report;
}

Result<double> Run::accumulate(const Batch& batch) {
  CHECK(batch.targets > 0, "every record has a target: fine_tune checked it");
  const std::span<float> gradients = trainable_.gradients();
  std::fill(gradients.begin(), gradients.end(), 0.0F);
  const float scale = 1.0F / static_cast<float>(batch.targets);
  double loss_sum = 0.0;
  std::int64_t row_number = 0;
  for (const auto& examples : batch.rows) {
    if (stop_.stop_requested()) return fail(Code::cancelled, "stopped");
    const data::RowBuffers row = data::assemble_row(training_, examples);
    const auto loss = trainable_.forward_backward(view(row), scale,
                                                  dropout_seed(options_.seed, progress_.step, row_number++));
    loss_sum += loss.loss_sum;
  }
  return loss_sum / static_cast<double>(batch.targets);
}

Result<double> Run::measure_validation() {
  double loss_sum = 0.0;
  std::int64_t targets = 0;
  for (const auto& examples : validation_rows_) {
    if (stop_.stop_requested()) return fail(Code::cancelled, "stopped");
    const data::RowBuffers row = data::assemble_row(*validation_, examples);
    const model::RowLoss loss = trainable_.evaluate(view(row));
    loss_sum += loss.loss_sum;
    targets += loss.targets;
  }
  return loss_sum / static_cast<double>(std::max<std::int64_t>(targets, 1));
}

Status Run::validate(StepReport& report) {
  const Stopwatch watch;
  OUTCROP_TRY(const double loss, measure_validation());
  validation_seconds_ = watch.seconds();
  progress_.seconds += validation_seconds_;
  if (!std::isfinite(loss)) {
    return diverged(progress_.step, fmt::format("validation loss is {}", show(loss)));
  }
  const auto best = best_of(progress_.validations);
  const bool improved = !best || loss < best->loss;
  if (improved)
    OUTCROP_CHECK_OK(save_parameters(best_file(progress_.step), trainable_.parameters(), progress_.step));
  progress_.validations.push_back({progress_.step, loss});
  report.validation_loss = loss;
  OUTCROP_CHECK_OK(log_->event("validation", progress_.step, {{"loss", Json(loss)}, {"best", Json(improved)}}));
  return write_plot();
}

Status Run::save_checkpoint() {
  if (saved_step_ == progress_.step) return {};
  // The step's own loss was finite before its update: what the update made of the parameters shows only now.
  if (!all_finite(trainable_.parameters())) return diverged(progress_.step, "parameters are not finite");
  // The lines up to this step must be on disk before a checkpoint that cuts the files there.
  OUTCROP_CHECK_OK(log_->sync());
  OUTCROP_CHECK_OK(checkpoints_.save(
      progress_, {trainable_.parameters(), optimizer_.first_moment(), optimizer_.second_moment()}));
  saved_step_ = progress_.step;
  prune_best();
  OUTCROP_CHECK_OK(log_->event("checkpoint", progress_.step));
  return write_plot();
}

void Run::prune_best() const {
  // A resumed run needs the best parameters that its checkpoint knows of, not only the newest best.
  std::vector<std::int64_t> needed = checkpoints_.best_steps();
  if (const auto best = best_of(progress_.validations)) needed.push_back(best->step);
  std::vector<Path> keep;
  for (const std::int64_t step : needed) keep.push_back(best_file(step));
  std::error_code error;
  std::vector<Path> found;
  for (fs::directory_iterator it(folder_ / "best", error), end; !error && it != end; it.increment(error)) {
    found.push_back(it->path());
  }
  for (const Path& path : found) {
    if (std::find(keep.begin(), keep.end(), path) == keep.end()) fs::remove(path, error);
  }
}

Status Run::restore_best() {
  const auto best = best_of(progress_.validations);
  if (!best || best->step == progress_.step) return {};
  OUTCROP_CHECK_OK(load_parameters(best_file(best->step), trainable_.parameters()));
  trainable_.parameters_changed();
  return {};
}

Status Run::close(const Status& ended) {
  if (ended) {
    const FineTuneResult done = result();
    OUTCROP_CHECK_OK(log_->event("finished", progress_.step,
                                 {{"first_loss", Json(done.first_loss)},
                                  {"final_loss", Json(done.final_loss)},
                                  {"best_step", Json(done.best_step)},
                                  {"stopped_early", Json(done.stopped_early)}}));
    OUTCROP_CHECK_OK(log_->sync());
    return write_plot();
  }
  if (ended.error().code != Code::cancelled) {
    // The run's own error is the news: a second one from writing the event would hide it.
    if (auto logged = log_->event("failed", progress_.step, {{"reason", Json(ended.error().message)}});
        !logged) {
      log::warning("the failure could not be written to events.jsonl", {{"reason", logged.error().message}});
    }
    return tl::unexpected<Error>(ended.error());
  }
  OUTCROP_CHECK_OK(save_checkpoint());
  OUTCROP_CHECK_OK(log_->event("cancelled", progress_.step));
  return fail(Code::cancelled,
              fmt::format("stopped at step {} of {}; a checkpoint is kept, go on with --resume", progress_.step,
                          steps_));
}

Status Run::write_plot() const {
  std::vector<PlotPoint> validation;
  for (const ValidationPoint& point : progress_.validations) {
    validation.push_back({static_cast<double>(point.step), point.loss});
  }
  return write_file_atomic(folder_ / "loss.svg",
                           render_loss_plot(folder_.filename().string(), losses_, validation));
}

FineTuneResult Run::result() const {
  FineTuneResult result;
  result.steps = progress_.step;
  result.first_loss = progress_.first_loss;
  const std::size_t tenth = std::max<std::size_t>(losses_.size() / 10, 1);
  for (std::size_t i = losses_.size() - std::min(tenth, losses_.size()); i < losses_.size(); ++i) {
    result.final_loss += losses_[i].loss / static_cast<double>(tenth);
  }
  result.best_step = progress_.step;
  if (const auto best = best_of(progress_.validations)) {
    result.best_validation_loss = best->loss;
    result.best_step = best->step;
  }
  result.stopped_early = stopped_early();
  result.seconds = progress_.seconds;
  result.tokens = progress_.tokens;
  return result;
}

bool Run::stopped_early() const noexcept {
  if (options_.early_stopping_patience <= 0 || progress_.step >= steps_) return false;
  const auto best = best_of(progress_.validations);
  if (!best) return false;
  const auto since = std::count_if(progress_.validations.begin(), progress_.validations.end(),
                                   [&](const ValidationPoint& point) { return point.step > best->step; });
  return since >= options_.early_stopping_patience;
}

double Run::seconds_left() const noexcept {
  const std::int64_t left = steps_ - progress_.step;
  if (finished() || tokens_per_second_ <= 0.0) return 0.0;
  const double step_tokens = static_cast<double>(training_.tokens.size()) / static_cast<double>(per_epoch_);
  double seconds = static_cast<double>(left) * step_tokens / tokens_per_second_;
  if (validation_ != nullptr) {
    const std::int64_t every = options_.validate_every > 0 ? options_.validate_every : per_epoch_;
    seconds += static_cast<double>((left + every - 1) / every) * validation_seconds_;
  }
  return seconds;
}

Path Run::best_file(std::int64_t step) const {
  return folder_ / "best" / fmt::format("step-{}.safetensors", step);
}

}  // namespace outcrop::train
