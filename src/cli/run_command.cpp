// outcrop run: a file of prompts in, a file of answers out.

#include "base/text.h"
#include "cli/commands.h"
#include "cli/generation_options.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "service/generate.h"

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace outcrop::cli {
namespace {

constexpr const char* kFooter =
    R"(The input has one JSON record a line, in any of the training formats; a trailing assistant message or a
completion is taken as the expected answer, and exact matches are counted. The output has the same records, in
the same order and format, with the model's answers. It appears whole or not at all.

Examples:
  outcrop run my-model --input prompts.jsonl --output answers.jsonl
  outcrop run my-model --input held-out.jsonl --output answers.jsonl --max-tokens 64
  outcrop run my-model --input prompts.jsonl --output drafts.jsonl --temperature 0.8 --top-p 0.95 --seed 7)";

double per_second(std::int64_t count, double seconds) {
  return seconds > 0.0 ? static_cast<double>(count) / seconds : 0.0;
}

Json to_json(const service::BatchRequest& request, const service::BatchResult& result) {
  Json json = Json::object({{"event", "result"},
                            {"model", request.model},
                            {"output", request.output.string()},
                            {"records", result.records},
                            {"prompt_tokens", result.prompt_tokens},
                            {"generated_tokens", result.generated_tokens},
                            {"truncated", result.truncated},
                            {"seconds", result.seconds}});
  if (result.with_expected > 0) {
    json.set("with_expected", result.with_expected);
    json.set("exact_matches", result.exact_matches);
  }
  return json;
}

void print_summary(const service::BatchRequest& request, const service::BatchResult& result) {
  print(fmt::format("{} answers in {}, {} tokens in {} ({:.0f} tokens/s)\n", result.records,
                    request.output.string(), result.generated_tokens, format_duration(result.seconds),
                    per_second(result.generated_tokens, result.seconds)));
  if (result.with_expected > 0) {
    print(fmt::format(
        "exact matches: {} of {} ({:.1f}%)\n", result.exact_matches, result.with_expected,
        100.0 * static_cast<double>(result.exact_matches) / static_cast<double>(result.with_expected)));
  }
  if (result.truncated > 0) {
    print(fmt::format("cut by --max-tokens {} or the context: {} answers\n", request.generation.max_tokens,
                      result.truncated));
  }
}

Status run_file(const Invocation& invocation, service::BatchRequest request) {
  request.home = invocation.home();
  const bool json = invocation.globals.json;
  ProgressLine progress(ProgressLine::mode_for(invocation.globals.quiet || json));
  const auto on_progress = [&](const service::BatchProgress& now) {
    const double fraction = static_cast<double>(now.done) / static_cast<double>(now.records);
    progress.update("answering", fraction,
                    fmt::format("{}/{} records, {:.0f} tokens/s, {} left", now.done, now.records,
                                now.tokens_per_second, format_duration(now.seconds_left)));
    if (json) {
      print_json_line(Json::object({{"event", "progress"},
                                    {"done", now.done},
                                    {"records", now.records},
                                    {"generated_tokens", now.generated_tokens},
                                    {"tokens_per_second", now.tokens_per_second},
                                    {"seconds_left", now.seconds_left}}));
    }
  };
  const auto result = service::run_batch(request, on_progress, invocation.interrupts->begin());
  progress.clear();
  if (!result) return tl::unexpected<Error>(result.error());
  if (json) {
    print_json_line(to_json(request, *result));
  } else if (!invocation.globals.quiet) {
    print_summary(request, *result);
  }
  return {};
}

}  // namespace

void add_run_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("run", "Answer every prompt of a file")->group("Use a model");
  command->footer(kFooter);
  auto request = std::make_shared<service::BatchRequest>();
  command->add_option("model", request->model, "Model to ask")->required()->type_name("MODEL");
  command->add_option("--input", request->input, "Prompts, one JSON record a line")
      ->required()
      ->type_name("FILE");
  command->add_option("--output", request->output, "Where the answers go; replaced if it exists")
      ->required()
      ->type_name("FILE");
  command->add_option("--max-batch", request->max_batch, "Prompts answered at a time (default: 16)");
  add_generation_options(*command, request->generation);
  command->callback([request, &invocation] {
    invocation.action = [request, &invocation] { return run_file(invocation, *request); };
  });
}

}  // namespace outcrop::cli
