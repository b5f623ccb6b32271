#include "service/customize_hyperparameters.h"

#include "base/check.h"
#include "base/text.h"
#include "model/lora.h"

#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

namespace outcrop::service {
namespace {

using Kind = HyperparameterSpec::Kind;

// Names in Bedrock's spelling where it has them. The defaults follow published recipes: SmolLM2's own
// fine-tuning recipe for full training, LoRA at all linear layers and ten times the full rate for LoRA.
constexpr auto kSpecs = std::to_array<HyperparameterSpec>({
    {"epochCount", Kind::number, "2", 0.01, 100, "", "passes over the training records; may be a fraction"},
    {"batchSize", Kind::integer, "16", 1, 4096, "", "records of one optimizer step"},
    {"learningRate", Kind::number, "auto", 0, 1, "", "peak rate; auto: by method and model size"},
    {"learningRateMultiplier", Kind::number, "1", 0.01, 100, "", "multiplies the learning rate"},
    {"learningRateWarmupSteps", Kind::integer, "auto", 0, 100000, "",
     "steps of rising rate; auto: by warmupRatio"},
    {"warmupRatio", Kind::number, "0.05", 0, 1, "", "part of all steps with a rising rate"},
    {"schedule", Kind::choice, "cosine", 0, 0, "constant|linear|cosine", "the rate after warm-up"},
    {"minLearningRateRatio", Kind::number, "0", 0, 1, "", "where linear and cosine end, as a part of the peak"},
    {"weightDecay", Kind::number, "auto", 0, 1, "",
     "AdamW's, not on norms and LoRA's B; auto: 0 for lora, 0.01 for full"},
    {"adamBeta1", Kind::number, "0.9", 0, 0.9999, "", "AdamW's first moment"},
    {"adamBeta2", Kind::number, "auto", 0, 0.99999, "",
     "AdamW's second moment; auto: 0.999 for lora, 0.95 for full"},
    {"gradientClip", Kind::number, "1", 0, 1000, "", "largest gradient norm; 0: off"},
    {"maxSteps", Kind::integer, "0", 0, 100000000, "", "stops earlier than the epochs; 0: off"},
    {"seed", Kind::integer, "0", 0, 9007199254740992.0, "", "of order, dropout and the adapter's start"},
    {"method", Kind::choice, "lora", 0, 0, "lora|full", "lora: a small adapter; full: all weights"},
    {"loraRank", Kind::integer, "16", 1, 1024, "", "width of the adapter", true},
    {"loraAlpha", Kind::number, "auto", 0.001, 100000, "",
     "scale of the adapter; auto: 2 x rank (rank with rslora)", true},
    {"loraDropout", Kind::number, "0", 0, 0.95, "", "of the adapter's input, in training", true},
    {"loraTargets", Kind::targets, "all-linear", 0, 0, "",
     "all-linear, attention, mlp, or some of q,k,v,o,gate,up,down", true},
    {"loraVariant", Kind::choice, "lora", 0, 0, "lora|rslora", "scale by alpha/rank or by alpha/sqrt(rank)",
     true},
    {"maxSequenceLength", Kind::integer, "auto", 8, 1048576, "",
     "tokens of a record; auto: 2048 or the model's context"},
    {"tooLong", Kind::choice, "error", 0, 0, "error|drop", "what happens to longer records"},
    {"rowTokens", Kind::integer, "auto", 8, 1048576, "",
     "tokens computed at once; auto: 1024 or the longest record"},
    {"trainOnTurns", Kind::choice, "all", 0, 0, "all|last", "which of the assistant's turns are learnt"},
    {"validationSteps", Kind::integer, "0", 0, 100000000, "", "steps between validations; 0: after each epoch"},
    {"checkpointSteps", Kind::integer, "0", 0, 100000000, "", "steps between checkpoints; 0: after each epoch"},
    {"keepCheckpoints", Kind::integer, "2", 1, 100, "", "newest checkpoints that stay on disk"},
    {"earlyStoppingPatience", Kind::integer, "0", 0, 1000, "", "validations without a better loss; 0: off"},
});

const HyperparameterSpec* find_spec(std::string_view name) {
  for (const HyperparameterSpec& spec : kSpecs) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

template <class T>
std::optional<T> parse_as(std::string_view text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

bool is_choice(std::string_view choices, std::string_view value) {
  while (true) {
    const std::size_t bar = choices.find('|');
    if (choices.substr(0, bar) == value) return true;
    if (bar == std::string_view::npos) return false;
    choices.remove_prefix(bar + 1);
  }
}

bool are_targets(std::string_view value) {
  if (value == "all-linear" || value == "attention" || value == "mlp") return true;
  while (true) {
    const std::size_t comma = value.find(',');
    const std::string_view part = value.substr(0, comma);
    bool known = false;
    for (const model::Module module : model::kModules) {
      const std::string_view name = model::module_name(module);
      known = known || part == name || part == name.substr(0, name.find('_'));
    }
    if (!known) return false;
    if (comma == std::string_view::npos) return true;
    value.remove_prefix(comma + 1);
  }
}

std::string range_of(const HyperparameterSpec& spec) {
  std::string range;
  switch (spec.kind) {
    case Kind::integer:
    case Kind::number:
      range = fmt::format("{} to {}", spec.low, spec.high);
      break;
    case Kind::choice:
      return std::string(spec.choices);
    case Kind::targets:
      return "all-linear|attention|mlp|q,k,v,o,gate,up,down";
  }
  if (spec.kind == Kind::integer) {
    range = fmt::format("{} to {}", static_cast<std::int64_t>(spec.low), static_cast<std::int64_t>(spec.high));
  }
  return spec.default_value == "auto" ? range + ", or auto" : range;
}

bool is_valid(const HyperparameterSpec& spec, std::string_view value) {
  if (value == "auto" && spec.default_value == "auto") return true;
  switch (spec.kind) {
    case Kind::integer: {
      const auto number = parse_as<std::int64_t>(value);
      return number && static_cast<double>(*number) >= spec.low && static_cast<double>(*number) <= spec.high;
    }
    case Kind::number: {
      const auto number = parse_as<double>(value);
      return number && std::isfinite(*number) && *number >= spec.low && *number <= spec.high;
    }
    case Kind::choice:
      return is_choice(spec.choices, value);
    case Kind::targets:
      return are_targets(value);
  }
  return false;
}

std::string unknown_name(std::string_view name) {
  std::vector<std::string_view> names;
  for (const HyperparameterSpec& spec : kSpecs) names.push_back(spec.name);
  const std::string_view near = nearest_name(name, names);
  if (!near.empty())
    return fmt::format("{}: no such hyperparameter, did you mean {}?", shorten(name, 60), near);
  return fmt::format("{}: no such hyperparameter; known are {}", shorten(name, 60), fmt::join(names, ", "));
}

}  // namespace

std::span<const HyperparameterSpec> hyperparameter_specs() noexcept {
  return kSpecs;
}

std::vector<HyperparameterHelp> describe_hyperparameters() {
  std::vector<HyperparameterHelp> help;
  for (const HyperparameterSpec& spec : kSpecs) {
    help.push_back(
        {std::string(spec.name), std::string(spec.default_value), range_of(spec), std::string(spec.meaning)});
  }
  return help;
}

HyperparameterValues::HyperparameterValues(const Hyperparameters& given, std::vector<std::string>& problems) {
  for (const auto& [name, value] : given) {
    const HyperparameterSpec* spec = find_spec(name);
    if (spec == nullptr) {
      problems.push_back(unknown_name(name));
    } else if (!is_valid(*spec, value)) {
      problems.push_back(fmt::format("{}: must be {}, is '{}'", name, range_of(*spec), shorten(value, 60)));
    } else if (!given_.emplace(name, value).second) {
      problems.push_back(fmt::format("{}: is given twice", name));
    }
  }
}

bool HyperparameterValues::is_given(std::string_view name) const {
  return given_.contains(name);
}

std::string_view HyperparameterValues::text(std::string_view name) const {
  if (const auto it = given_.find(name); it != given_.end()) return it->second;
  const HyperparameterSpec* spec = find_spec(name);
  CHECK(spec != nullptr, "a hyperparameter that is not in the table");
  return spec->default_value;
}

double HyperparameterValues::number(std::string_view name) const {
  return parse_as<double>(text(name)).value_or(0.0);
}

std::int64_t HyperparameterValues::integer(std::string_view name) const {
  return parse_as<std::int64_t>(text(name)).value_or(0);
}

std::optional<double> HyperparameterValues::number_or_auto(std::string_view name) const {
  return parse_as<double>(text(name));
}

std::optional<std::int64_t> HyperparameterValues::integer_or_auto(std::string_view name) const {
  return parse_as<std::int64_t>(text(name));
}

}  // namespace outcrop::service
