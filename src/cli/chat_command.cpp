// outcrop chat: one answer with --message, else a conversation with history.

#include "base/text.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/generation_options.h"
#include "cli/interrupt.h"
#include "cli/line_reader.h"
#include "cli/terminal.h"
#include "service/generate.h"

#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

namespace outcrop::cli {
namespace {

using infer::Generation;
using infer::StopReason;

constexpr const char* kFooter =
    R"(Without --message this is a conversation: the model sees what was said before. Lines that begin with / are for
the program: /help lists them. Ctrl-C stops the current answer, at the prompt it leaves; so does Ctrl-D.
Lines can also be piped in; then only the answers are printed.

Examples:
  outcrop chat my-model
  outcrop chat my-model --message "gzip: GNU compression utilities"
  outcrop chat my-model --system "Answer in JSON." --temperature 0.7 --seed 3
  outcrop chat my-model --message "Hello" --json)";

constexpr const char* kHelp = R"(/reset          forget the conversation
/system TEXT    set the system text and start anew; without TEXT take it away
/history        show the conversation
/help           this list
/exit           leave (also Ctrl-D)
)";

struct Options {
  std::string model;
  std::string system;
  std::string message;
  infer::GenerationOptions generation;
};

Json to_json(std::string_view model, const Generation& answer) {
  const auto tokens = static_cast<std::int64_t>(answer.tokens.size());
  return Json::object({{"model", model},
                       {"text", answer.text},
                       {"stop_reason", to_string(answer.reason)},
                       {"prompt_tokens", answer.prompt_tokens},
                       {"generated_tokens", tokens},
                       {"seconds_to_first_token", answer.seconds_to_first_token},
                       {"seconds", answer.seconds}});
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

/// What a person should know about how an answer ended; empty for an ordinary end.
std::string_view ending_note(StopReason reason) {
  switch (reason) {
    case StopReason::max_tokens:
      return "cut by --max-tokens";
    case StopReason::context_limit:
      return "cut: the context is full";
    case StopReason::cancelled:
      return "stopped";
    case StopReason::end_turn:
    case StopReason::stop_sequence:
      return {};
  }
  return {};
}

class Chat {
 public:
  Chat(const Invocation& invocation, infer::Generator& generator, const Options& options)
      : invocation_(invocation),
        generator_(generator),
        options_(options),
        at_terminal_(isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0) {
    options_.generation.reuse_prefix = true;
    reset();
  }

  Result<int> converse();
  /// Adds message and answer to the history; prints the answer as it comes unless JSON is wanted.
  Result<Generation> answer(std::string_view message);

 private:
  enum class Next : std::uint8_t { go_on, leave };
  Next command(std::string_view line);
  void reset();
  void tell(std::string_view text) const;

  const Invocation& invocation_;
  infer::Generator& generator_;
  Options options_;
  bool at_terminal_;
  std::vector<ChatMessage> history_;
};

void Chat::reset() {
  history_.clear();
  if (!options_.system.empty()) history_.push_back({Role::system, options_.system});
}

/// Talk of the program, not of the model: never on standard output.
void Chat::tell(std::string_view text) const {
  if (!invocation_.globals.quiet) fmt::print(stderr, "{}\n", printable(text));
}

Result<Generation> Chat::answer(std::string_view message) {
  const std::stop_token stop = invocation_.interrupts->begin();
  history_.push_back({Role::user, std::string(message)});
  auto prompt = generator_.render(history_);
  if (!prompt) {
    history_.pop_back();
    return forward_error(prompt);
  }
  const auto show = [](std::size_t, std::string_view text) {
    print(text);
    (void)std::fflush(stdout);
  };
  const infer::OnText on_text = invocation_.globals.json ? infer::OnText() : infer::OnText(show);
  auto generated = generator_.generate({&*prompt, 1}, options_.generation, 1, on_text, stop);
  if (!generated || generated->front().text.empty()) {
    history_.pop_back();
  } else {
    history_.push_back({Role::assistant, generated->front().text});
  }
  if (!generated) return forward_error(generated);
  return std::move(generated->front());
}

Chat::Next Chat::command(std::string_view line) {
  const std::size_t space = line.find(' ');
  const std::string_view name = line.substr(0, space);
  if (name == "/exit" || name == "/quit" || name == "/bye") return Next::leave;
  if (name == "/reset") {
    reset();
    tell("the conversation is forgotten");
  } else if (name == "/system") {
    options_.system = space == std::string_view::npos ? "" : std::string(line.substr(space + 1));
    reset();
    tell(options_.system.empty() ? "no system text; a new conversation"
                                 : "system text set; a new conversation");
  } else if (name == "/history") {
    for (const ChatMessage& message : history_)
      tell(fmt::format("{}: {}", to_string(message.role), message.content));
  } else {
    if (name != "/help") tell(fmt::format("no command '{}'", shorten(name, 40)));
    tell(kHelp);
  }
  return Next::go_on;
}

Result<int> Chat::converse() {
  if (at_terminal_) {
    tell(fmt::format("{}, context {} tokens; /help for commands, Ctrl-D to leave", generator_.info().id,
                     generator_.context_length()));
  }
  LineReader reader(invocation_.interrupts->descriptor());
  std::string line;
  for (;;) {
    (void)invocation_.interrupts->begin();
    if (at_terminal_) fmt::print(stderr, "> ");
    const LineReader::Event event = reader.read(line);
    if (event != LineReader::Event::line) {
      if (at_terminal_) fmt::print(stderr, "\n");
      return event == LineReader::Event::end ? kSuccess : kCancelled;
    }
    if (is_blank(line)) continue;
    if (line.front() == '/') {
      if (command(line) == Next::leave) return kSuccess;
      continue;
    }
    auto answered = answer(line);
    // At a terminal a mistake is no reason to lose the conversation; in a pipe the exit status must tell.
    if (!answered && (!at_terminal_ || answered.error().code == Code::internal)) return forward_error(answered);
    if (!answered) {
      tell(fmt::format("outcrop: error: {}", answered.error().message));
      continue;
    }
    print("\n");
    OUTCROP_CHECK_OK(flush_output());
    if (const std::string_view note = ending_note(answered->reason); !note.empty()) {
      const bool full = answered->reason == StopReason::context_limit;
      tell(fmt::format("[{}{}]", note, full ? "; /reset starts anew" : ""));
    }
    if (answered->reason == StopReason::cancelled && !at_terminal_) return kCancelled;
  }
}

Status answer_once(Chat& chat, Invocation& invocation, const Options& options) {
  OUTCROP_TRY(const Generation answer, chat.answer(options.message));
  if (invocation.globals.json) {
    print_json_document(to_json(options.model, answer));
  } else {
    print("\n");
  }
  if (answer.reason == StopReason::cancelled) invocation.exit_status = kCancelled;
  const std::string_view note = ending_note(answer.reason);
  if (!note.empty() && !invocation.globals.quiet) fmt::print(stderr, "outcrop: {}\n", note);
  return {};
}

Status chat(Invocation& invocation, const Options& options, bool one_message) {
  OUTCROP_CHECK_OK(infer::check_generation(options.generation));
  if (one_message && is_blank(options.message)) {
    return fail(Code::invalid_argument, "--message: must not be empty; leave it out to talk");
  }
  OUTCROP_TRY(const auto generator, service::load_generator(invocation.home(), options.model));
  Chat conversation(invocation, *generator, options);
  if (one_message) return answer_once(conversation, invocation, options);
  OUTCROP_TRY(invocation.exit_status, conversation.converse());
  return {};
}

}  // namespace

void add_chat_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("chat", "Talk to a model, or ask it one thing")->group("Use a model");
  command->footer(kFooter);
  auto options = std::make_shared<Options>();
  command->add_option("model", options->model, "Model to talk to")->required()->type_name("MODEL");
  command->add_option("--system", options->system, "System text: role, rules, output format")
      ->type_name("TEXT");
  CLI::Option* message =
      command->add_option("--message", options->message, "Answer this and leave")->type_name("TEXT");
  add_generation_options(*command, options->generation);
  command->callback([options, message, &invocation] {
    const bool one_message = message->count() > 0;
    if (invocation.globals.json && !one_message) throw CLI::ValidationError("--json", "needs --message");
    invocation.action = [options, one_message, &invocation] { return chat(invocation, *options, one_message); };
  });
}

}  // namespace outcrop::cli
