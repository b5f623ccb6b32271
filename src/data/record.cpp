#include "data/record.h"

#include "base/text.h"
#include "data/record_format.h"
#include "json/json.h"

#include <algorithm>

#include <fmt/format.h>

namespace outcrop::data {
namespace {

constexpr std::size_t kShownValueBytes = 80;
constexpr std::size_t kMaxLineBytes = std::size_t{16} << 20;

/// Calls on_line(text, number) for every line that is not blank; a byte order mark and carriage returns at
/// line ends are taken off.
template <class F>
void for_each_line(std::string_view text, F&& on_line) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::int64_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t") != std::string_view::npos) on_line(line, number);
  }
}

/// Without a system text Claude's and OpenAI's records look the same, and parse as Claude's.
bool fits_openai_too(const Record& record) {
  return record.format == RecordFormat::claude_messages && record.messages.front().role != Role::system;
}

/// Gives such records the format that the rest of the file has, so that a file may have a system text in some
/// lines only.
void settle_format(std::vector<Record>& records) {
  const bool openai = std::any_of(records.begin(), records.end(), [](const Record& record) {
    return record.format == RecordFormat::openai_chat;
  });
  if (!openai) return;
  for (Record& record : records) {
    if (fits_openai_too(record)) record.format = RecordFormat::openai_chat;
  }
}

/// A finding for every record that is not of the first one's format.
void check_one_format(const std::vector<Record>& records, const std::string& name, Findings& findings) {
  for (const Record& record : records) {
    if (record.format == records.front().format) continue;
    findings.add(
        {name, record.line, "",
         fmt::format("all lines of a file have one format, here {}", to_string(records.front().format)),
         std::string(to_string(record.format))});
  }
}

/// Reads every line as a record of one format; findings of all lines come back as one error.
Result<std::vector<Record>> read_records(const Path& path, Purpose purpose) {
  OUTCROP_TRY(const MappedFile file, MappedFile::open(path));
  const std::string name = path.filename().string();
  std::vector<Record> records;
  Findings findings;
  for_each_line(file.text(), [&](std::string_view line, std::int64_t number) {
    if (auto record = parse_record(line, purpose, name, number, findings))
      records.push_back(*std::move(record));
  });
  settle_format(records);
  check_one_format(records, name, findings);
  if (!findings.empty()) {
    return tl::unexpected<Error>(findings.to_error(
        fmt::format("{}: {} problem{}", name, findings.total, findings.total == 1 ? "" : "s")));
  }
  if (records.empty()) return fail(Code::invalid_argument, fmt::format("{}: has no record", name));
  return records;
}

/// A parser's message with its column only: the finding names the line of the file.
std::string without_line(std::string_view message) {
  if (constexpr std::string_view line = "line 1, "; message.starts_with(line)) {
    message.remove_prefix(line.size());
  }
  return shorten(message, 200);
}

}  // namespace

std::string_view to_string(RecordFormat format) noexcept {
  switch (format) {
    case RecordFormat::prompt_completion:
      return "prompt/completion";
    case RecordFormat::bedrock_conversation_2024:
      return "bedrock-conversation-2024";
    case RecordFormat::claude_messages:
      return "Claude messages";
    case RecordFormat::openai_chat:
      return "OpenAI chat";
  }
  return "unknown";
}

std::string to_string(const Finding& finding) {
  std::string text = fmt::format("{}:{}", finding.file, finding.line);
  if (!finding.field.empty()) text += fmt::format(": {}", finding.field);
  text += fmt::format(": {}", finding.rule);
  if (!finding.value.empty()) text += fmt::format(", found {}", finding.value);
  return text;
}

void Findings::add(Finding finding) {
  ++total;
  if (shown.size() < kMaxFindings) shown.push_back(std::move(finding));
}

Error Findings::to_error(std::string_view summary) const {
  std::string message(summary);
  for (const Finding& finding : shown) message += "\n  " + to_string(finding);
  const auto hidden = total - static_cast<std::int64_t>(shown.size());
  if (hidden > 0) message += fmt::format("\n  and {} more", hidden);
  return {Code::invalid_argument, std::move(message)};
}

std::optional<Record> parse_record(std::string_view json_line, Purpose purpose, std::string_view file,
                                   std::int64_t line, Findings& findings) {
  LineReader reader(file, line, findings);
  if (json_line.size() > kMaxLineBytes) {
    reader.add("", fmt::format("a line has at most {} bytes", kMaxLineBytes),
               fmt::format("{} bytes", json_line.size()));
    return std::nullopt;
  }
  if (const std::size_t valid = valid_utf8_prefix(json_line); valid != json_line.size()) {
    reader.add(
        "", "text must be UTF-8",
        fmt::format("byte 0x{:02x} at column {}", static_cast<unsigned char>(json_line[valid]), valid + 1));
    return std::nullopt;
  }
  auto json = Json::parse(json_line);
  if (!json) {
    reader.add("", "each line must be one JSON object", without_line(json.error().message));
    return std::nullopt;
  }
  if (!json->is_object()) {
    reader.add("", "each line must be one JSON object", shorten(json_line, kShownValueBytes));
    return std::nullopt;
  }
  return reader.read(*json, purpose);
}

Result<std::vector<Record>> read_training_records(const Path& file) {
  return read_records(file, Purpose::training);
}

Result<std::vector<PromptRecord>> read_prompt_records(const Path& file) {
  OUTCROP_TRY(std::vector<Record> records, read_records(file, Purpose::prompts));
  std::vector<PromptRecord> prompts;
  prompts.reserve(records.size());
  for (Record& record : records) {
    PromptRecord prompt{std::move(record), std::nullopt};
    if (prompt.record.messages.back().role == Role::assistant) {
      prompt.expected = std::move(prompt.record.messages.back().content);
      prompt.record.messages.pop_back();
    }
    prompts.push_back(std::move(prompt));
  }
  return prompts;
}

}  // namespace outcrop::data
