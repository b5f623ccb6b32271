#include "cli/cli.h"

#include "base/text.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace outcrop::cli {
namespace {

constexpr const char* kDescription =
    "Outcrop customizes language models on your own hardware, with your own data.";

constexpr const char* kFooter = R"(A first round:
  outcrop model import SmolLM2.gguf --id huggingface.smollm2-135m-instruct-v1:0
  outcrop customize --base huggingface.smollm2-135m-instruct-v1:0 --train train.jsonl --name my-model
  outcrop chat my-model
  outcrop run my-model --input prompts.jsonl --output answers.jsonl
  outcrop model export my-model --format gguf --out my-model-gguf

`outcrop COMMAND --help` shows the options of a command, with examples.

Exit status:
  0    done
  1    failed for a reason outside the input (a disk, a permission, a fault of the program)
  2    the command line is wrong
  3    a file, a record or a setting breaks a rule; the message names it
  4    a model or a file does not exist
  5    memory, disk or a stated limit does not suffice
  130  stopped by Ctrl-C; what was running can be resumed where the message says so

Environment: OUTCROP_HOME (as --home), OUTCROP_THREADS (compute threads), OUTCROP_ISA (generic, avx2, avx512,
avx512bf16), OUTCROP_LOG (debug, info, warning, error, off).)";

std::string default_home() {
  const char* user_home = std::getenv("HOME");
  return user_home == nullptr || *user_home == '\0' ? ".outcrop" : std::string(user_home) + "/.outcrop";
}

void build(CLI::App& app, Invocation& invocation) {
  app.require_subcommand(1);
  app.fallthrough();
  app.get_formatter()->column_width(34);
  app.footer(kFooter);
  app.set_version_flag("--version", version_text, "Print version, build and processor features");
  invocation.globals.home = default_home();
  app.add_option("--home", invocation.globals.home, "Folder of models and runs (default: ~/.outcrop)")
      ->envname("OUTCROP_HOME")
      ->type_name("DIR");
  app.add_flag("--json", invocation.globals.json,
               "Machine-readable output: one JSON document, or one event a line");
  app.add_flag("-q,--quiet", invocation.globals.quiet, "No progress and no notes");
  add_model_commands(app, invocation);
  add_customize_command(app, invocation);
  add_chat_command(app, invocation);
  add_run_command(app, invocation);
  add_doctor_command(app, invocation);
  add_version_command(app, invocation);
  add_completion_command(app, invocation);
}

/// The deepest subcommand that was named.
const CLI::App* selected(const CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return app;
}

/// The name that was probably meant, or an empty one.
std::string nearest_known(const CLI::App& command, const std::string& wrong) {
  std::vector<std::string> known;
  if (wrong.starts_with('-')) {
    for (const CLI::App* level = &command; level != nullptr; level = level->get_parent()) {
      for (const CLI::Option* option : level->get_options()) {
        for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
      }
    }
  } else {
    for (const CLI::App* sub : command.get_subcommands([](const CLI::App*) { return true; })) {
      known.push_back(sub->get_name());
    }
  }
  return std::string(nearest_name(wrong.substr(0, wrong.find('=')), known));
}

/// What the parser could not place; an option rather than its value.
std::string unexpected_argument(const CLI::App& app) {
  const std::vector<std::string> extras = app.remaining(/*recurse=*/true);
  const auto option =
      std::find_if(extras.begin(), extras.end(), [](const auto& text) { return text.starts_with('-'); });
  if (option != extras.end()) return *option;
  return extras.empty() ? std::string() : extras.front();
}

int report_usage(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* command = selected(&app);
  std::string path;
  for (const CLI::App* level = command; level != nullptr; level = level->get_parent()) {
    path = path.empty() ? level->get_name() : level->get_name() + " " + path;
  }
  std::string message = error.what();
  const std::string wrong = unexpected_argument(app);
  if (!wrong.empty()) {
    const char* what = wrong.starts_with('-')                      ? "option"
                       : command->get_require_subcommand_min() > 0 ? "command"
                                                                   : "argument";
    message = fmt::format("'{}' has no {} '{}'", path, what, shorten(wrong, 60));
    if (const std::string near = nearest_known(*command, wrong); !near.empty()) {
      message += fmt::format("; did you mean '{}'?", near);
    }
  } else if (command->get_require_subcommand_min() > 0) {
    message = fmt::format("'{}' needs a command", path);
  }
  fmt::print(stderr, "outcrop: error: {}\noutcrop: see `{} --help`\n", message, path);
  return kUsage;
}

int report(const Error& error, bool json) {
  fmt::print(stderr, "outcrop: error: {}\n", error.message);
  if (const std::string hint = hint_for(error); !hint.empty()) fmt::print(stderr, "outcrop: {}\n", hint);
  if (json) {
    print_json_line(
        Json::object({{"error", Json::object({{"code", to_string(error.code)}, {"message", error.message}})}}));
  }
  return exit_code(error.code);
}

int run_action(const Invocation& invocation) {
  // Libraries' exceptions end here; ours do not exist.
  try {
    auto done = invocation.action();
    if (done) done = flush_output();
    return done ? invocation.exit_status : report(done.error(), invocation.globals.json);
  } catch (const std::bad_alloc&) {
    return report({Code::out_of_memory, "the machine's memory is exhausted"}, invocation.globals.json);
  } catch (const std::exception& fault) {
    return report({Code::internal, fmt::format("unexpected fault: {}", fault.what())}, invocation.globals.json);
  }
}

}  // namespace

std::string hint_for(const Error& error) {
  switch (error.code) {
    case Code::not_found:
      return error.message.find("model") == std::string::npos ? ""
                                                              : "`outcrop model list` shows what is installed";
    case Code::already_exists:
      return "add --replace to put the new one in its place";
    case Code::out_of_memory:
      return "`outcrop customize … --plan` shows what a run needs; `outcrop doctor` shows what there is";
    case Code::internal:
      return "this should not happen; please report it with the output of `outcrop doctor`";
    case Code::invalid_argument:
    case Code::conflict:
    case Code::permission_denied:
    case Code::quota_exceeded:
    case Code::unavailable:
    case Code::cancelled:
    case Code::corrupt_data:
    case Code::io:
    case Code::unsupported:
      return {};
  }
  return {};
}

int run(int argc, const char* const* argv) {
  Interrupts interrupts;
  Invocation invocation;
  invocation.interrupts = &interrupts;
  CLI::App app(kDescription, "outcrop");
  build(app, invocation);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help and --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    if (argc > 1) return report_usage(app, error);
    fmt::print(stderr, "{}", app.help());
    return kUsage;
  }
  return run_action(invocation);
}

}  // namespace outcrop::cli
