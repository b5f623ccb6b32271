#include "service/customize_settings.h"

#include "service/customize_hyperparameters.h"
#include "train/run_config.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace outcrop::service {
namespace {

std::vector<model::Module> parse_targets(std::string_view text) {
  using model::Module;
  if (text == "all-linear") return {model::kModules.begin(), model::kModules.end()};
  if (text == "attention") return {Module::q, Module::k, Module::v, Module::o};
  if (text == "mlp") return {Module::gate, Module::up, Module::down};
  std::vector<Module> targets;
  for (const Module module : model::kModules) {
    const std::string_view name = model::module_name(module);
    std::string_view rest = text;
    while (true) {
      const std::size_t comma = rest.find(',');
      const std::string_view part = rest.substr(0, comma);
      if (part == name || part == name.substr(0, name.find('_'))) {
        targets.push_back(module);
        break;
      }
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return targets;
}

std::string show_targets(const std::vector<model::Module>& targets) {
  std::vector<std::string_view> names;
  for (const model::Module module : targets) names.push_back(model::module_name(module));
  return fmt::format("{}", fmt::join(names, ", "));
}

train::Schedule parse_schedule(std::string_view text) {
  if (text == "constant") return train::Schedule::constant;
  return text == "linear" ? train::Schedule::linear : train::Schedule::cosine;
}

train::FineTuneOptions parse_training(const HyperparameterValues& values) {
  train::FineTuneOptions training;
  training.epochs = values.number("epochCount");
  training.max_steps = values.integer("maxSteps");
  training.batch_examples = values.integer("batchSize");
  training.min_learning_rate_ratio = values.number("minLearningRateRatio");
  training.schedule = parse_schedule(values.text("schedule"));
  training.warmup_ratio = values.number("warmupRatio");
  training.beta1 = values.number("adamBeta1");
  training.clip_norm = values.number("gradientClip");
  training.seed = static_cast<std::uint64_t>(values.integer("seed"));
  training.validate_every = values.integer("validationSteps");
  training.checkpoint_every = values.integer("checkpointSteps");
  training.keep_checkpoints = values.integer("keepCheckpoints");
  training.early_stopping_patience = values.integer("earlyStoppingPatience");
  return training;
}

void check_combinations(const CustomizeRequest& request, const HyperparameterValues& values,
                        const Settings& settings, std::vector<std::string>& problems) {
  if (request.method != "lora" && request.method != "full") {
    problems.push_back(fmt::format("method: must be lora|full, is '{}'", request.method));
  } else if (values.is_given("method") && request.method != "lora" && request.method != values.text("method")) {
    problems.push_back(fmt::format("method: is given as {} and as {}", request.method, values.text("method")));
  }
  if (values.is_given("learningRateWarmupSteps") && values.is_given("warmupRatio")) {
    problems.emplace_back("learningRateWarmupSteps and warmupRatio: give one of them");
  }
  if (values.integer("earlyStoppingPatience") > 0 && !request.validation) {
    problems.emplace_back("earlyStoppingPatience: needs validation data");
  }
  if (settings.method == "full") {
    for (const HyperparameterSpec& spec : hyperparameter_specs()) {
      if (spec.lora_only && values.is_given(spec.name)) {
        problems.push_back(fmt::format("{}: only with method lora", spec.name));
      }
    }
  }
}

/// Published recipes by method and size. Full: SmolLM2's own recipe, 1e-3 at batches of 128 for 135M-360M
/// and 3e-4 for 1.7B, scaled by the square root of the batch. LoRA: about ten times the full rate.
double default_learning_rate(std::string_view method, std::int64_t parameters, std::int64_t batch) {
  if (method == "lora") {
    if (parameters <= 500'000'000) return 1e-3;
    return parameters <= 2'000'000'000 ? 3e-4 : 2e-4;
  }
  const double scale = std::min(1.0, std::sqrt(static_cast<double>(batch) / 128.0));
  if (parameters <= 500'000'000) return 1e-3 * scale;
  return parameters <= 2'000'000'000 ? 3e-4 * scale : 2e-5;
}

std::string show(double value) {
  return fmt::format("{:.6g}", value);
}

std::string show_auto(bool chosen, const std::string& value) {
  return chosen ? value + " (auto)" : value;
}

void resolve_optimizer(const Settings& settings, const model::ModelInfo& base, std::int64_t records,
                       EffectiveSettings& out) {
  train::FineTuneOptions& training = out.training;
  const bool lora = settings.method == "lora";
  const double rate = settings.learning_rate.value_or(
      default_learning_rate(settings.method, base.parameters, training.batch_examples));
  training.learning_rate = rate * settings.learning_rate_multiplier;
  training.weight_decay = settings.weight_decay.value_or(lora ? 0.0 : 0.01);
  training.beta2 = settings.beta2.value_or(lora ? 0.999 : 0.95);
  if (!settings.learning_rate) {
    out.notes.push_back(
        lora ? fmt::format("learningRate auto is {} for LoRA on {:.0f} M parameters", show(rate),
                           static_cast<double>(base.parameters) / 1e6)
             : fmt::format("learningRate auto is {} for full training of {:.0f} M parameters with "
                           "batches of {} records",
                           show(rate), static_cast<double>(base.parameters) / 1e6, training.batch_examples));
  }
  if (!settings.learning_rate_warmup_steps) return;
  const std::int64_t steps = train::planned_steps(training, records);
  const std::int64_t wanted = *settings.learning_rate_warmup_steps;
  if (wanted > steps) {
    out.notes.push_back(
        fmt::format("learningRateWarmupSteps is {}, the run has {} steps: all of them warm up", wanted, steps));
  }
  training.warmup_ratio =
      static_cast<double>(std::min(wanted, steps)) / static_cast<double>(std::max<std::int64_t>(steps, 1));
}

void show_settings(const Settings& settings, EffectiveSettings& out) {
  const train::FineTuneOptions& training = out.training;
  auto& shown = out.shown;
  shown.emplace_back("method", out.method);
  if (out.method == "lora") {
    shown.emplace_back("loraRank", fmt::format("{}", out.lora.rank));
    shown.emplace_back("loraAlpha", show_auto(!settings.alpha, show(out.lora.alpha)));
    shown.emplace_back("loraDropout", show(out.lora.dropout));
    shown.emplace_back("loraTargets", show_targets(out.lora.targets));
    shown.emplace_back("loraVariant", out.lora.use_rslora ? "rslora" : "lora");
  }
  shown.emplace_back("epochCount", show(training.epochs));
  if (training.max_steps > 0) shown.emplace_back("maxSteps", fmt::format("{}", training.max_steps));
  shown.emplace_back("batchSize", fmt::format("{}", training.batch_examples));
  shown.emplace_back("learningRate", show_auto(!settings.learning_rate, show(training.learning_rate)));
  shown.emplace_back("schedule", std::string(train::to_string(training.schedule)));
  shown.emplace_back("warmupRatio", show(training.warmup_ratio));
  shown.emplace_back("weightDecay", show_auto(!settings.weight_decay, show(training.weight_decay)));
  shown.emplace_back("adamBeta2", show_auto(!settings.beta2, show(training.beta2)));
  shown.emplace_back("gradientClip", show(training.clip_norm));
  shown.emplace_back("seed", fmt::format("{}", training.seed));
  shown.emplace_back("maxSequenceLength", show_auto(!settings.max_sequence_tokens,
                                                    fmt::format("{}", out.encode.max_sequence_tokens)));
  shown.emplace_back("rowTokens", show_auto(!settings.row_tokens, fmt::format("{}", training.row_tokens)));
  shown.emplace_back("trainOnTurns", out.encode.train_on_all_turns ? "all" : "last");
  if (training.early_stopping_patience > 0) {
    shown.emplace_back("earlyStoppingPatience", fmt::format("{}", training.early_stopping_patience));
  }
}

}  // namespace

Settings parse_settings(const CustomizeRequest& request, std::vector<std::string>& problems) {
  const HyperparameterValues values(request.hyperparameters, problems);
  Settings settings;
  settings.method = values.is_given("method") ? std::string(values.text("method")) : request.method;
  settings.rank = values.integer("loraRank");
  settings.alpha = values.number_or_auto("loraAlpha");
  settings.dropout = values.number("loraDropout");
  settings.rslora = values.text("loraVariant") == "rslora";
  settings.targets = parse_targets(values.text("loraTargets"));
  settings.learning_rate = values.number_or_auto("learningRate");
  settings.learning_rate_multiplier = values.number("learningRateMultiplier");
  settings.learning_rate_warmup_steps = values.integer_or_auto("learningRateWarmupSteps");
  settings.weight_decay = values.number_or_auto("weightDecay");
  settings.beta2 = values.number_or_auto("adamBeta2");
  settings.max_sequence_tokens = values.integer_or_auto("maxSequenceLength");
  settings.row_tokens = values.integer_or_auto("rowTokens");
  settings.too_long = values.text("tooLong") == "drop" ? data::TooLong::drop : data::TooLong::error;
  settings.train_on_all_turns = values.text("trainOnTurns") == "all";
  settings.training = parse_training(values);
  check_combinations(request, values, settings, problems);
  return settings;
}

Result<data::EncodeOptions> resolve_encoding(const Settings& settings, const model::ModelInfo& base) {
  const std::int64_t wanted =
      settings.max_sequence_tokens.value_or(std::min<std::int64_t>(2048, base.context_length));
  if (wanted > base.context_length) {
    return fail(Code::invalid_argument, fmt::format("maxSequenceLength: is {}, the context of {} has {} tokens",
                                                    wanted, base.id, base.context_length));
  }
  return data::EncodeOptions{wanted, settings.too_long, settings.train_on_all_turns};
}

Result<EffectiveSettings> resolve_settings(const Settings& settings, const data::EncodeOptions& encode,
                                           const model::ModelInfo& base, std::int64_t records,
                                           std::int64_t longest_tokens) {
  EffectiveSettings out;
  out.method = settings.method;
  out.encode = encode;
  out.training = settings.training;
  const auto rank = static_cast<double>(settings.rank);
  out.lora = {settings.rank, settings.alpha.value_or(settings.rslora ? rank : 2.0 * rank), settings.dropout,
              settings.rslora, settings.targets};
  out.training.row_tokens = settings.row_tokens.value_or(std::max<std::int64_t>(1024, longest_tokens));
  if (out.training.row_tokens < longest_tokens) {
    return fail(Code::invalid_argument, fmt::format("rowTokens: is {}, the longest record has {} tokens",
                                                    out.training.row_tokens, longest_tokens));
  }
  resolve_optimizer(settings, base, records, out);
  show_settings(settings, out);
  return out;
}

}  // namespace outcrop::service
