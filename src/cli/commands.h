#pragma once
// The subcommands: each function adds its part of the argument tree; parsing sets the one action to run.

#include "base/files.h"
#include "base/result.h"

#include <functional>
#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace outcrop::cli {

class Interrupts;

/// Options that every subcommand has.
struct Globals {
  std::string home;
  bool json = false;
  bool quiet = false;
};

/// What the command line asked for. Outlives the argument tree's callbacks.
struct Invocation {
  Globals globals;
  Interrupts* interrupts = nullptr;
  std::function<Status()> action;  ///< empty until a subcommand was parsed
  int exit_status = 0;             ///< of an action that succeeded: doctor's finding is no error

  Path home() const { return Path(globals.home); }
};

void add_model_commands(CLI::App& app, Invocation& invocation);
void add_customize_command(CLI::App& app, Invocation& invocation);
void add_chat_command(CLI::App& app, Invocation& invocation);
void add_run_command(CLI::App& app, Invocation& invocation);
void add_doctor_command(CLI::App& app, Invocation& invocation);
void add_version_command(CLI::App& app, Invocation& invocation);
void add_completion_command(CLI::App& app, Invocation& invocation);

/// The text of `outcrop --version`.
std::string version_text();

/// The answer to `outcrop version`, on standard output.
void print_version(bool json);

/// What a person could do about any error of this code, or nothing: most messages say it themselves.
std::string_view hint_for(Code code);

}  // namespace outcrop::cli
