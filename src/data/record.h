#pragma once
// Training and prompt records, whatever format they came in.

#include "base/files.h"
#include "base/result.h"
#include "tokenizer/chat_template.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::data {

enum class RecordFormat : std::uint8_t {
  prompt_completion,          ///< {"prompt": "...", "completion": "..."}
  bedrock_conversation_2024,  ///< {"schemaVersion": "bedrock-conversation-2024", "system": [{"text"}],
                              ///< "messages": [...]}
  claude_messages,            ///< {"system": "...", "messages": [{"role", "content": "..."}]}
  openai_chat,                ///< {"messages": [{"role": "system"|"user"|"assistant", "content": "..."}]}
};
std::string_view to_string(RecordFormat format) noexcept;

/// One conversation. For training its last message is the assistant's; for a prompt it is the user's.
struct Record {
  std::vector<ChatMessage> messages;
  RecordFormat format = RecordFormat::prompt_completion;
  std::int64_t line = 0;  ///< 1-based, in its file
};

enum class Purpose : std::uint8_t {
  training,  ///< must end with a non-empty assistant message
  prompts,   ///< must end with a user message; a trailing assistant message is taken as the expected answer
};

/// One broken rule.
struct Finding {
  std::string file;
  std::int64_t line = 0;
  std::string field;  ///< JSON path: "messages[1].role"; empty for the whole line
  std::string rule;   ///< "role must be user or assistant"
  std::string value;  ///< what was found, shortened
};
std::string to_string(const Finding& finding);

/// Findings up to kMaxFindings, and how many there were in all.
struct Findings {
  static constexpr std::size_t kMaxFindings = 100;
  std::vector<Finding> shown;
  std::int64_t total = 0;
  void add(Finding finding);
  bool empty() const noexcept { return total == 0; }
  /// One error that lists them, a line each.
  Error to_error(std::string_view summary) const;
};

struct PromptRecord {
  Record record;                        ///< without the expected answer
  std::optional<std::string> expected;  ///< the trailing assistant message or completion, if any
};

/// One JSONL line. Adds to findings and returns nothing when a rule is broken.
std::optional<Record> parse_record(std::string_view json_line, Purpose purpose, std::string_view file,
                                   std::int64_t line, Findings& findings);

/// A whole JSONL file; an error lists all findings up to 100. Empty lines are skipped; an empty file is an
/// error.
Result<std::vector<Record>> read_training_records(const Path& file);
Result<std::vector<PromptRecord>> read_prompt_records(const Path& file);

/// The record with an answer, in the format it came in, as one JSON line without the newline.
std::string render_with_answer(const Record& record, std::string_view answer);

}  // namespace outcrop::data
