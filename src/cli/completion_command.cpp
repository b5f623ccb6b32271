// outcrop completion bash|zsh: a script made from the argument tree, so that it never falls behind.

#include "cli/commands.h"
#include "cli/terminal.h"

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

// The bash function also serves zsh, through its bashcompinit. Words before the cursor name the command; the
// word before it may be an option that takes a value.
constexpr const char* kScript = R"(_outcrop() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} command="" words="" word
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$command $word" in
      {paths}) command="$command $word" ;;
    esac
  done
  case "$command $previous" in
{values}  esac
  case "$command" in
{words}  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
)";

constexpr const char* kModels = "$(outcrop model list --ids 2>/dev/null)";

bool is_any(const CLI::App*) {
  return true;
}

/// "bf16 f32" of an option whose help says {bf16,f32}; empty when its value is free.
std::string choices(const CLI::Option& option) {
  const std::string text = option.get_option_text();
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
  if (type == "MODEL") return fmt::format("words=\"{}\"", kModels);
  if (type == "FILE" || type == "PATH") return R"(COMPREPLY=($(compgen -f -- "$current")); return)";
  if (type == "DIR") return R"(COMPREPLY=($(compgen -d -- "$current")); return)";
  if (const std::string known = choices(option); !known.empty()) return fmt::format("words=\"{}\"", known);
  return "return";
}

struct Script {
  std::vector<std::string> paths;  ///< " model" and " model list", quoted
  std::string values;              ///< case arms by command and previous word
  std::string words;               ///< case arms by command
};

void add_level(const CLI::App& app, const std::string& path, const std::vector<std::string>& inherited,
               Script& script) {
  std::vector<std::string> options = inherited;
  std::vector<std::string> here;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) {
      if (option->get_type_name() == "MODEL") here.emplace_back(kModels);
      if (option->get_type_name() == "PATH") here.emplace_back(R"($(compgen -f -- "$current"))");
      continue;
    }
    for (const std::string& name : option->get_lnames()) {
      options.push_back("--" + name);
      if (option->get_items_expected_max() == 0) continue;
      // `--home` may follow any command, the others only their own.
      const std::string pattern =
          path.empty() ? fmt::format("*\" --{}\"", name) : fmt::format("\"{} --{}\"", path, name);
      const std::string action = value_action(*option);
      const bool offers_words = action.starts_with("words=");
      script.values += fmt::format(
          "    {}) {} ;;\n", pattern,
          offers_words ? action + R"(; COMPREPLY=($(compgen -W "$words" -- "$current")); return)" : action);
    }
  }
  const auto subcommands = app.get_subcommands(is_any);
  for (const CLI::App* sub : subcommands) here.push_back(sub->get_name());
  for (const std::string& option : options) {
    if (std::find(here.begin(), here.end(), option) == here.end()) here.push_back(option);
  }
  script.words += fmt::format("    \"{}\") words=\"{}\" ;;\n", path, fmt::join(here, " "));
  // Only the root's options fall through to every command.
  const std::vector<std::string> passed_on = path.empty() ? options : inherited;
  for (const CLI::App* sub : subcommands) {
    const std::string sub_path = path + " " + sub->get_name();
    script.paths.push_back("\"" + sub_path + "\"");
    add_level(*sub, sub_path, passed_on, script);
  }
}

std::string completion_script(const CLI::App& root, const std::string& shell) {
  Script script;
  add_level(root, "", {}, script);
  const std::string function =
      fmt::format(fmt::runtime(kScript), fmt::arg("paths", fmt::join(script.paths, "|")),
                  fmt::arg("values", script.values), fmt::arg("words", script.words));
  if (shell == "bash") {
    // Ids have colons, which bash takes for word borders unless told otherwise.
    return fmt::format(
        "# bash completion for outcrop, made by: outcrop completion bash\n"
        "COMP_WORDBREAKS=${{COMP_WORDBREAKS//:}}\n{}complete -F _outcrop outcrop\n",
        function);
  }
  return fmt::format(
      "#compdef outcrop\n# zsh completion for outcrop, made by: outcrop completion zsh\n"
      "autoload -U +X bashcompinit && bashcompinit\n{}complete -F _outcrop outcrop\n",
      function);
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
    invocation.action = [shell, &app]() -> Status {
      print(completion_script(app, *shell));
      return {};
    };
  });
}

}  // namespace outcrop::cli
