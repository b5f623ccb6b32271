#include "train/fine_tune.h"

#include "train/run.h"

#include <new>

#include <fmt/format.h>

namespace outcrop::train {
namespace {

Status check_options(const FineTuneOptions& options) {
  const auto wrong = [](std::string_view name, double value, std::string_view rule) {
    return fail(Code::invalid_argument, fmt::format("{} is {}, it must be {}", name, value, rule));
  };
  if (!(options.epochs > 0.0)) return wrong("epochs", options.epochs, "above 0");
  if (options.batch_examples < 1)
    return wrong("batch_examples", static_cast<double>(options.batch_examples), "at least 1");
  if (!(options.learning_rate >= 0.0)) return wrong("learning_rate", options.learning_rate, "at least 0");
  if (!(options.warmup_ratio >= 0.0 && options.warmup_ratio <= 1.0)) {
    return wrong("warmup_ratio", options.warmup_ratio, "from 0 to 1");
  }
  return {};
}

Status check_examples(const data::EncodedExamples& examples, std::string_view what, std::int64_t row_tokens) {
  if (examples.count() == 0)
    return fail(Code::invalid_argument, fmt::format("the {} data has no records", what));
  for (std::int64_t i = 0; i < examples.count(); ++i) {
    const std::int64_t line = examples.lines[static_cast<std::size_t>(i)];
    if (examples.targets_of(i) == 0) {
      return fail(Code::invalid_argument, fmt::format("{} data, line {}: no token to learn", what, line));
    }
    if (examples.tokens_of(i) > row_tokens) {
      return fail(Code::invalid_argument, fmt::format("{} data, line {}: {} tokens, a row holds {}", what, line,
                                                      examples.tokens_of(i), row_tokens));
    }
  }
  return {};
}

}  // namespace

Result<FineTuneResult> fine_tune(model::Trainable& trainable, const data::EncodedExamples& training,
                                 const data::EncodedExamples* validation, const FineTuneOptions& options,
                                 const Path& run_folder, bool resume,
                                 const std::function<void(const StepReport&)>& on_step, std::stop_token stop) {
  OUTCROP_CHECK_OK(check_options(options));
  OUTCROP_CHECK_OK(check_examples(training, "training", options.row_tokens));
  if (validation != nullptr) OUTCROP_CHECK_OK(check_examples(*validation, "validation", options.row_tokens));
  try {
    Run run(trainable, training, validation, options, run_folder);
    return run.go(resume, on_step, std::move(stop));
  } catch (const std::bad_alloc&) {
    return fail(Code::out_of_memory,
                fmt::format("fine-tuning {} parameters: no memory for the optimizer's two moments "
                            "of {} bytes each",
                            trainable.parameters().size(), trainable.parameters().size_bytes()));
  }
}

}  // namespace outcrop::train
