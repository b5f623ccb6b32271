// outcrop completion bash|zsh: a script made from the argument tree, so that it never falls behind.

#include "cli/commands.h"
#include "cli/terminal.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace outcrop::cli {
namespace {

constexpr const char* kFooter = R"(Examples:
  source <(outcrop completion bash)                                  # this shell
  outcrop completion bash > ~/.local/share/bash-completion/completions/outcrop
  outcrop completion zsh > "${fpath[1]}/_outcrop")";

/// What differs between the shells: reading the words before the cursor, and offering candidates.
struct Shell {
  const char* head;
  const char* before;  ///< the words between the program and the cursor
  const char* previous;
  const char* tail;
};

constexpr Shell kBash{.head = R"(# bash completion for outcrop, made by: outcrop completion bash
# Model ids have colons, which bash takes for word borders unless told otherwise.
COMP_WORDBREAKS=${COMP_WORDBREAKS//:}
_outcrop_words() { COMPREPLY=($(compgen -W "$1" -- "${COMP_WORDS[COMP_CWORD]}")); }
_outcrop_files() { compopt -o filenames; COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")); }
_outcrop_folders() { compopt -o filenames; COMPREPLY=($(compgen -d -- "${COMP_WORDS[COMP_CWORD]}")); }
_outcrop_files_or() { case "${COMP_WORDS[COMP_CWORD]}" in -*) _outcrop_words "$1" ;; *) _outcrop_files ;; esac; }
)",
                      .before = R"("${COMP_WORDS[@]:1:COMP_CWORD-1}")",
                      .previous = "${COMP_WORDS[COMP_CWORD-1]}",
                      .tail = "complete -F _outcrop outcrop\n"};

constexpr Shell kZsh{.head = R"(#compdef outcrop
# zsh completion for outcrop, made by: outcrop completion zsh
_outcrop_words() { compadd -- ${=1}; }
_outcrop_files() { _files; }
_outcrop_folders() { _files -/; }
_outcrop_files_or() { case "${words[CURRENT]}" in -*) _outcrop_words "$1" ;; *) _files ;; esac; }
)",
                     .before = R"("${(@)words[2,CURRENT-1]}")",
                     .previous = "${words[CURRENT-1]}",
                     .tail = R"(if [ "$funcstack[1]" = "_outcrop" ]; then
  _outcrop "$@"
else
  compdef _outcrop outcrop
fi
)"};

// The words before the cursor name the command; the last of them may be an option that takes a value.
constexpr const char* kFunction = R"(_outcrop() {{
  local command="" word
  for word in {before}; do
    case "$command $word" in
      {paths}) command="$command $word" ;;
    esac
  done
  case "$command {previous}" in
{values}  esac
  case "$command" in
{words}  esac
}}
)";

constexpr const char* kModels = "$(outcrop model list --ids 2>/dev/null)";

bool is_any(const CLI::App*) {
  return true;
}

/// "bf16 f32" of an option whose help says {bf16,f32}; empty when its value is free.
std::string choices(const CLI::Option& option) {
  const std::string& text = option.get_option_text();
  const std::size_t open = text.find('{');
  const std::size_t close = text.find('}');
  if (open == std::string::npos || close == std::string::npos) return {};
  std::string inner = text.substr(open + 1, close - open - 1);
  for (char& c : inner) {
    if (c == ',') c = ' ';
  }
  return inner;
}

/// What completes an option's value, as a line of shell.
std::string value_action(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  if (type == "MODEL") return fmt::format("_outcrop_words \"{}\"", kModels);
  if (type == "FILE" || type == "PATH") return "_outcrop_files";
  if (type == "DIR") return "_outcrop_folders";
  if (const std::string known = choices(option); !known.empty())
    return fmt::format("_outcrop_words \"{}\"", known);
  return ":";  // free text: offer nothing
}

struct Script {
  std::vector<std::string> paths;  ///< " model" and " model list", quoted
  std::string values;              ///< case arms by command and previous word
  std::string words;               ///< case arms by command
};

/// What may stand next at a level: files and options; or ids, subcommands and options.
std::string level_action(const CLI::App& app, const std::vector<std::string>& options) {
  std::string words;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_positional()) continue;
    if (option->get_type_name() == "MODEL") words += fmt::format("{} ", kModels);
    if (option->get_type_name() == "PATH")
      return fmt::format("_outcrop_files_or \"{}\"", fmt::join(options, " "));
    if (const std::string known = choices(*option); !known.empty()) words += known + " ";
  }
  for (const CLI::App* sub : app.get_subcommands(is_any)) words += sub->get_name() + " ";
  return fmt::format("_outcrop_words \"{}{}\"", words, fmt::join(options, " "));
}

/// `inherited`: the root's options, which may follow every command.
void add_level(const CLI::App& app, const std::string& path, const std::vector<std::string>& inherited,
               Script& script) {
  std::vector<std::string> options = inherited;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      const std::string spelled = "--" + name;
      if (std::find(options.begin(), options.end(), spelled) == options.end()) options.push_back(spelled);
      if (option->get_items_expected_max() == 0) continue;
      const std::string pattern =
          path.empty() ? fmt::format("*\" {}\"", spelled) : fmt::format("\"{} {}\"", path, spelled);
      script.values += fmt::format("    {}) {}; return ;;\n", pattern, value_action(*option));
    }
  }
  script.words += fmt::format("    \"{}\") {} ;;\n", path, level_action(app, options));
  const std::vector<std::string> passed_on = path.empty() ? options : inherited;
  for (const CLI::App* sub : app.get_subcommands(is_any)) {
    const std::string sub_path = path + " " + sub->get_name();
    script.paths.push_back("\"" + sub_path + "\"");
    add_level(*sub, sub_path, passed_on, script);
  }
}

std::string completion_script(const CLI::App& root, const Shell& shell) {
  Script script;
  add_level(root, "", {}, script);
  return shell.head +
         fmt::format(fmt::runtime(kFunction), fmt::arg("before", shell.before),
                     fmt::arg("previous", shell.previous), fmt::arg("paths", fmt::join(script.paths, "|")),
                     fmt::arg("values", script.values), fmt::arg("words", script.words)) +
         shell.tail;
}

}  // namespace

void add_completion_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command =
      app.add_subcommand("completion", "Print the completion script of a shell")->group("This machine");
  command->footer(kFooter);
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "Your shell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh"}))
      ->option_text("{bash,zsh} REQUIRED");
  command->callback([shell, &app, &invocation] {
    invocation.action = [shell, &app, &invocation]() -> Status {
      const std::string script = completion_script(app, *shell == "zsh" ? kZsh : kBash);
      if (invocation.globals.json) {
        print_json_document(Json::object({{"shell", *shell}, {"script", script}}));
      } else {
        print(script);
      }
      return {};
    };
  });
}

}  // namespace outcrop::cli
