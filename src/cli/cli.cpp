#include "cli/cli.h"

#include "base/text.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/interrupt.h"
#include "cli/log_lines.h"
#include "cli/terminal.h"

#include <algorithm>
#include <csignal>
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

/// The help of every command ends with the options that the program's own help describes.
void mention_common_options(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    const std::string own = command->get_footer();
    command->footer(own + (own.empty() ? "" : "\n\n") +
                    "Every command takes --home DIR, --json and --quiet too; see `outcrop --help`.");
    mention_common_options(*command);
  }
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
  mention_common_options(app);
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

/// The error on standard output, for programs; what a person reads goes to standard error.
void print_json_error(Code code, std::string_view message) {
  print_json_line(Json::object({{"error", Json::object({{"code", to_string(code)}, {"message", message}})}}));
}

int report_usage(const CLI::App& app, const CLI::ParseError& error, bool json) {
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
  fmt::print(stderr, "outcrop: error: {}\noutcrop: see `{} --help`\n", printable(message), path);
  if (json) print_json_error(Code::invalid_argument, message);
  return kUsage;
}

int report(const Error& error, bool json) {
  // What a person asked for is no error of theirs or ours.
  fmt::print(stderr, "outcrop: {}{}\n",
             error.code == Code::cancelled ? "" : "error: ", printable(error.message));
  if (const std::string_view hint = hint_for(error.code); !hint.empty())
    fmt::print(stderr, "outcrop: {}\n", hint);
  if (json) print_json_error(error.code, error.message);
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

/// What a full disk, a limit or a reader that went away should do to this process.
void prepare_process() {
  // A write beyond RLIMIT_FSIZE then fails with EFBIG, and what was being written is cleaned up.
  (void)std::signal(SIGXFSZ, SIG_IGN);
  // `outcrop … | head` ends quietly, also below a parent that ignores SIGPIPE.
  (void)std::signal(SIGPIPE, SIG_DFL);
  show_log_as_sentences();
}

}  // namespace

std::string_view hint_for(Code code) {
  switch (code) {
    case Code::out_of_memory:
      return "`outcrop customize … --plan` shows what a run needs; `outcrop doctor` shows what there is";
    case Code::internal:
      return "this should not happen; please report it with the output of `outcrop doctor`";
    case Code::not_found:
    case Code::already_exists:
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
  prepare_process();
  Interrupts interrupts;
  Invocation invocation;
  invocation.interrupts = &interrupts;
  CLI::App app(kDescription, "outcrop");
  build(app, invocation);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForVersion&) {
    const bool json = app.count("--json") > 0;
    print_version(json);
    const auto flushed = flush_output();
    return flushed ? kSuccess : report(flushed.error(), json);
  } catch (const CLI::Success& asked) {  // --help
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    if (argc > 1) return report_usage(app, error, app.count("--json") > 0);
    fmt::print(stderr, "{}", app.help());
    return kUsage;
  }
  return run_action(invocation);
}

}  // namespace outcrop::cli
