// outcrop customize: data and a base model in, a custom model out.

#include "base/text.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "service/customize.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace outcrop::cli {
namespace {

using Phase = service::CustomizeProgress::Phase;

constexpr const char* kFooter =
    R"(The data has one JSON record a line: {"prompt", "completion"}, bedrock-conversation-2024, Claude messages or
OpenAI chat. All broken rules up to 100 are listed and nothing is trained. Ctrl-C leaves a checkpoint; the same
command with --resume goes on from it, to the same result.

Examples:
  outcrop customize --base huggingface.smollm2-135m-instruct-v1:0 --train train.jsonl --name my-model
  outcrop customize --base BASE --train train.jsonl --validation val.jsonl --name my-model --set epochCount=3
  outcrop customize --base BASE --train train.jsonl --name my-model --plan     # check data and memory only
  outcrop customize --list-hyperparameters)";

struct Options {
  service::CustomizeRequest request;
  std::string validation;
  std::vector<std::string> settings;
  bool list_hyperparameters = false;
};

std::string_view to_string(Phase phase) {
  switch (phase) {
    case Phase::preparing:
      return "preparing";
    case Phase::training:
      return "training";
    case Phase::validating:
      return "validating";
    case Phase::saving:
      return "saving";
  }
  return "training";
}

std::string bytes(std::int64_t count) {
  return format_bytes(static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0)));
}

Status list_hyperparameters(const Invocation& invocation) {
  const auto known = service::describe_hyperparameters();
  if (invocation.globals.json) {
    Json list = Json::array();
    for (const service::HyperparameterHelp& help : known) {
      list.push_back(Json::object({{"name", help.name},
                                   {"default", help.default_value},
                                   {"range", help.range},
                                   {"meaning", help.meaning}}));
    }
    print_json_document(Json::object({{"hyperparameters", std::move(list)}}));
    return {};
  }
  Table table({"NAME", "DEFAULT", "RANGE", "MEANING"});
  for (const auto& help : known) table.add({help.name, help.default_value, help.range, help.meaning});
  print(table.render());
  print("\nset with:  outcrop customize … --set NAME=VALUE --set NAME=VALUE\n");
  return {};
}

Json to_json(const service::CustomizePlan& plan) {
  Json configuration = Json::object();
  for (const auto& [name, value] : plan.configuration) configuration.set(name, value);
  Json memory = Json::object();
  for (const auto& [name, count] : plan.memory_bytes) memory.set(name, count);
  Json notes = Json::array();
  for (const std::string& note : plan.notes) notes.push_back(note);
  return Json::object({{"event", "plan"},
                       {"configuration", std::move(configuration)},
                       {"memory_bytes", std::move(memory)},
                       {"memory_total_bytes", plan.memory_total_bytes},
                       {"memory_available_bytes", plan.memory_available_bytes},
                       {"records", plan.records},
                       {"tokens", plan.tokens},
                       {"target_tokens", plan.target_tokens},
                       {"steps", plan.steps},
                       {"notes", std::move(notes)}});
}

Json to_json(const service::CustomizeProgress& now) {
  Json json = Json::object({{"event", "progress"},
                            {"phase", to_string(now.phase)},
                            {"step", now.step},
                            {"steps", now.steps},
                            {"epoch", now.epoch},
                            {"loss", now.loss},
                            {"tokens_per_second", now.tokens_per_second},
                            {"seconds_left", now.seconds_left}});
  if (now.validation_loss) json.set("validation_loss", *now.validation_loss);
  return json;
}

Json to_json(const service::CustomizeResult& result) {
  Json json = Json::object({{"event", "result"},
                            {"model", result.model},
                            {"run_folder", result.run_folder.string()},
                            {"steps", result.steps},
                            {"train_loss", result.train_loss},
                            {"seconds", result.seconds},
                            {"tokens_per_second", result.tokens_per_second}});
  if (result.best_validation_loss) json.set("best_validation_loss", *result.best_validation_loss);
  return json;
}

void print_plan(const service::CustomizePlan& plan) {
  print("configuration\n" + render_fields(plan.configuration, "  "));
  print(fmt::format("data\n  {} records, {} tokens ({} of them targets) an epoch, {} steps\n", plan.records,
                    plan.tokens, plan.target_tokens, plan.steps));
  std::vector<std::pair<std::string, std::string>> memory;
  for (const auto& [name, count] : plan.memory_bytes) memory.emplace_back(name, bytes(count));
  memory.emplace_back("in all", fmt::format("{} of {} available", bytes(plan.memory_total_bytes),
                                            bytes(plan.memory_available_bytes)));
  print("memory\n" + render_fields(memory, "  "));
  for (const std::string& note : plan.notes) print(fmt::format("note: {}\n", note));
  (void)std::fflush(stdout);
}

/// Shows plan, progress and validations on the way.
class Watcher {
 public:
  explicit Watcher(const Invocation& invocation)
      : json_(invocation.globals.json),
        quiet_(invocation.globals.quiet),
        line_(ProgressLine::mode_for(invocation.globals.quiet || invocation.globals.json)) {}

  void plan(const service::CustomizePlan& plan) {
    line_.clear();
    if (json_) {
      print_json_line(to_json(plan));
    } else if (!quiet_) {
      print_plan(plan);
    }
  }

  void progress(const service::CustomizeProgress& now) {
    if (json_) return print_json_line(to_json(now));
    const double fraction =
        now.steps > 0 ? static_cast<double>(now.step) / static_cast<double>(now.steps) : 0.0;
    if (now.phase != Phase::training || now.step == 0) {
      line_.update(to_string(now.phase), fraction, {});
      return;
    }
    line_.update(to_string(now.phase), fraction,
                 fmt::format("loss {:.3f}, {:.0f} tokens/s, {} left, step {}/{}", now.loss,
                             now.tokens_per_second, format_duration(now.seconds_left), now.step, now.steps));
    if (now.validation_loss && now.validation_loss != last_validation_) {
      last_validation_ = now.validation_loss;
      line_.note(fmt::format("step {}: validation loss {:.4f} (perplexity {:.3f})", now.step,
                             *now.validation_loss, std::exp(*now.validation_loss)));
    }
  }

  void clear() { line_.clear(); }

 private:
  bool json_;
  bool quiet_;
  ProgressLine line_;
  std::optional<double> last_validation_;
};

void print_result(const Invocation& invocation, const service::CustomizeRequest& request,
                  const service::CustomizeResult& result) {
  if (request.plan_only) {
    if (!invocation.globals.json && !invocation.globals.quiet)
      print("nothing is trained: leave out --plan to start\n");
    return;
  }
  if (invocation.globals.json) return print_json_line(to_json(result));
  if (invocation.globals.quiet) return;
  print(fmt::format("made {} in {}: {} steps, training loss {:.4f}", result.model,
                    format_duration(result.seconds), result.steps, result.train_loss));
  if (result.best_validation_loss)
    print(fmt::format(", best validation loss {:.4f}", *result.best_validation_loss));
  print(fmt::format(", {:.0f} tokens/s\n", result.tokens_per_second));
  print(render_fields({{"metrics", (result.run_folder / "metrics.csv").string()},
                       {"loss plot", (result.run_folder / "loss.svg").string()}}));
  print(fmt::format(
      "next:  outcrop chat {0}\n       outcrop run {0} --input prompts.jsonl --output answers.jsonl\n"
      "       outcrop model export {0} --format gguf --out {0}-gguf\n",
      result.model));
}

/// For CLI11: empty when the text is a setting or asks for the list of them.
std::string setting_problem(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (text == "help" || (equals != std::string::npos && equals > 0)) return {};
  return fmt::format("NAME=VALUE is needed, got '{}'", shorten(text, 60));
}

service::Hyperparameters parse_settings(const std::vector<std::string>& settings) {
  service::Hyperparameters parsed;
  for (const std::string& setting : settings) {
    const std::size_t equals = setting.find('=');
    parsed.emplace_back(setting.substr(0, equals), setting.substr(equals + 1));
  }
  return parsed;
}

Status customize(const Invocation& invocation, const Options& options) {
  service::CustomizeRequest request = options.request;
  request.home = invocation.home();
  if (!options.validation.empty()) request.validation = options.validation;
  request.hyperparameters = parse_settings(options.settings);
  Watcher watcher(invocation);
  const service::CustomizeObserver observer{
      .on_plan = [&](const service::CustomizePlan& plan) { watcher.plan(plan); },
      .on_progress = [&](const service::CustomizeProgress& now) { watcher.progress(now); }};
  const auto result = service::customize(request, observer, invocation.interrupts->begin());
  watcher.clear();
  if (!result) return tl::unexpected<Error>(result.error());
  print_result(invocation, request, *result);
  return {};
}

void check_required(const CLI::App& command) {
  for (const char* name : {"--base", "--train", "--name"}) {
    if (command.get_option(name)->count() == 0) throw CLI::RequiredError(name);
  }
}

}  // namespace

void add_customize_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command =
      app.add_subcommand("customize", "Fine-tune a model on your own records")->group("Customize");
  command->footer(kFooter);
  auto options = std::make_shared<Options>();
  service::CustomizeRequest& request = options->request;
  command->add_option("--base", request.base, "Model to start from (required)")->type_name("MODEL");
  command->add_option("--train", request.train, "Training records, one JSON object a line (required)")
      ->type_name("FILE");
  command->add_option("--validation", options->validation, "Records to measure on during training")
      ->type_name("FILE");
  command->add_option("--name", request.name, "Name of the model to make (required)")->type_name("NAME");
  command->add_option("--method", request.method, "lora: a small adapter (default); full: all weights")
      ->check(CLI::IsMember({"lora", "full"}))
      ->option_text("{lora,full}");
  command->add_option("--set", options->settings, "Hyperparameters; `--set help` lists them")
      ->check(setting_problem)
      ->option_text("NAME=VALUE ...");
  command->add_flag("--plan", request.plan_only, "Check the data and plan the memory, train nothing");
  command->add_flag("--resume", request.resume, "Go on from the last checkpoint of this name");
  command->add_flag("--replace", request.replace, "Replace a custom model of that name");
  command->add_flag("--list-hyperparameters", options->list_hyperparameters,
                    "Print the table of hyperparameters");
  command->callback([options, command, &invocation] {
    const auto& settings = options->settings;
    if (options->list_hyperparameters ||
        std::find(settings.begin(), settings.end(), "help") != settings.end()) {
      invocation.action = [&invocation] { return list_hyperparameters(invocation); };
      return;
    }
    check_required(*command);
    invocation.action = [options, &invocation] { return customize(invocation, *options); };
  });
}

}  // namespace outcrop::cli
