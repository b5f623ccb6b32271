#include "data/record_format.h"

#include "base/text.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace outcrop::data {
namespace {

constexpr std::size_t kShownValueBytes = 80;
constexpr std::string_view kConversationSchema = "bedrock-conversation-2024";
constexpr std::array<std::string_view, 2> kMessageFields{"role", "content"};

std::string shown(const Json& value) {
  return value.is_null() ? "nothing" : shorten(value.dump(), kShownValueBytes);
}

bool blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

std::span<const std::string_view> known_fields(RecordFormat format) {
  static constexpr std::array<std::string_view, 2> kPrompt{"prompt", "completion"};
  static constexpr std::array<std::string_view, 3> kBedrock{"schemaVersion", "system", "messages"};
  static constexpr std::array<std::string_view, 2> kClaude{"system", "messages"};
  static constexpr std::array<std::string_view, 1> kOpenAi{"messages"};
  switch (format) {
    case RecordFormat::prompt_completion:
      return kPrompt;
    case RecordFormat::bedrock_conversation_2024:
      return kBedrock;
    case RecordFormat::claude_messages:
      return kClaude;
    case RecordFormat::openai_chat:
      return kOpenAi;
  }
  return {};
}

/// A member's name as a part of a path: short, and without control characters that would reach a terminal.
std::string path_of(std::string_view name) {
  const std::string quoted = json_quote(shorten(name, kShownValueBytes));
  return quoted.substr(1, quoted.size() - 2);
}

/// The text of a block that holds nothing else. Claude's and OpenAI's blocks say "type": "text" too.
std::optional<std::string_view> text_of_block(const Json& block, bool may_have_type) {
  for (std::size_t i = 0; i < block.size(); ++i) {
    const auto [name, value] = block.member(i);
    const bool type = may_have_type && name == "type" && value.as_string() == "text";
    if (name != "text" && !type) return std::nullopt;
  }
  return block["text"].as_string();
}

bool first_role_is_system(const Json& messages) {
  return messages[std::size_t{0}]["role"].as_string() == "system";
}

}  // namespace

void LineReader::add(std::string field, std::string rule, std::string value) {
  findings_.add({std::string(file_), line_, std::move(field), std::move(rule), std::move(value)});
}

std::optional<RecordFormat> LineReader::format_of(const Json& object) {
  if (object.contains("schemaVersion")) {
    if (object["schemaVersion"].as_string() != kConversationSchema) {
      add("schemaVersion", fmt::format("must be \"{}\"", kConversationSchema), shown(object["schemaVersion"]));
      return std::nullopt;
    }
    return RecordFormat::bedrock_conversation_2024;
  }
  if (object.contains("prompt") || object.contains("completion")) return RecordFormat::prompt_completion;
  if (object.contains("messages")) {
    // Both put text into messages; only Claude's has "system" beside them, only OpenAI's has it among them.
    const bool claude = object.contains("system") || !first_role_is_system(object["messages"]);
    return claude ? RecordFormat::claude_messages : RecordFormat::openai_chat;
  }
  add("",
      "a record has \"prompt\" and \"completion\", or \"messages\" (with \"schemaVersion\" for Bedrock "
      "conversations)",
      shown(object));
  return std::nullopt;
}

void LineReader::refuse_unknown_fields(const Json& object, std::span<const std::string_view> known,
                                       std::string_view owner, const std::string& path) {
  for (std::size_t i = 0; i < object.size(); ++i) {
    const std::string_view name = object.member(i).first;
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string rule = fmt::format("unknown field of a {}", owner);
    // A distance costs the product of both lengths, and nobody mistypes a name that long.
    const std::string_view near = name.size() <= kShownValueBytes ? nearest_name(name, known) : "";
    if (!near.empty()) rule += fmt::format("; did you mean \"{}\"", near);
    add(path.empty() ? path_of(name) : path + "." + path_of(name), std::move(rule), "");
  }
}

std::optional<Record> LineReader::read(const Json& object, Purpose purpose) {
  const std::optional<RecordFormat> format = format_of(object);
  if (!format) return std::nullopt;
  Record record;
  record.format = *format;
  record.line = line_;
  refuse_unknown_fields(object, known_fields(*format), fmt::format("{} record", to_string(*format)), "");
  if (*format == RecordFormat::prompt_completion) {
    read_prompt_completion(object, purpose, record);
  } else {
    read_system(object, record);
    read_messages(object, record);
    if (findings_.total == before_) check_turns(record, purpose);
  }
  if (findings_.total != before_) return std::nullopt;
  return record;
}

void LineReader::read_prompt_completion(const Json& object, Purpose purpose, Record& record) {
  for (const std::string_view field : {"prompt", "completion"}) {
    const Json& value = object[field];
    if (field == "completion" && purpose == Purpose::prompts && value.is_null()) continue;
    const auto text = value.as_string();
    if (!text) {
      add(std::string(field), "must be a text", shown(value));
    } else if (blank(*text)) {
      add(std::string(field), "must not be empty", shown(value));
    } else {
      record.messages.push_back({field == "prompt" ? Role::user : Role::assistant, std::string(*text)});
    }
  }
}

void LineReader::read_system(const Json& object, Record& record) {
  const Json& system = object["system"];
  if (!object.contains("system")) return;
  if (record.format == RecordFormat::bedrock_conversation_2024 && system.is_array()) {
    if (system.size() == 0) return;
    if (system.size() > 1) {
      add("system", "must hold at most one block", fmt::format("{} blocks", system.size()));
      return;
    }
  }
  const auto text = read_content(system, "system", record.format);
  if (text) record.messages.push_back({Role::system, *text});
}

std::optional<Role> LineReader::read_role(const Json& message, const std::string& path, RecordFormat format) {
  const auto role = message["role"].as_string();
  if (role == "user") return Role::user;
  if (role == "assistant") return Role::assistant;
  if (role == "system" && format == RecordFormat::openai_chat) return Role::system;
  add(path + ".role",
      format == RecordFormat::openai_chat ? "must be \"system\", \"user\" or \"assistant\""
                                          : "must be \"user\" or \"assistant\"",
      shown(message["role"]));
  return std::nullopt;
}

std::optional<std::string> LineReader::read_content(const Json& content, const std::string& path,
                                                    RecordFormat format) {
  const bool text_allowed = format != RecordFormat::bedrock_conversation_2024;
  if (const auto text = content.as_string(); text && text_allowed) {
    if (blank(*text)) {
      add(path, "must not be empty", shown(content));
      return std::nullopt;
    }
    return std::string(*text);
  }
  if (!content.is_array() || content.size() == 0) {
    add(path,
        text_allowed ? "must be a text or a list of text blocks" : "must be a list of {\"text\": ...} blocks",
        shown(content));
    return std::nullopt;
  }
  std::string joined;
  for (std::size_t i = 0; i < content.size(); ++i) {
    const auto text = text_of_block(content[i], text_allowed);
    if (!text) {
      add(fmt::format("{}[{}]", path, i), "only text blocks can be trained on", shown(content[i]));
      return std::nullopt;
    }
    joined += *text;
  }
  if (blank(joined)) {
    add(path, "must not be empty", shown(content));
    return std::nullopt;
  }
  return joined;
}

void LineReader::read_messages(const Json& object, Record& record) {
  const Json& messages = object["messages"];
  if (!messages.is_array() || messages.size() == 0) {
    add("messages", "must be a list of at least one message", shown(messages));
    return;
  }
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::string path = fmt::format("messages[{}]", i);
    if (!messages[i].is_object()) {
      add(path, "must be an object with \"role\" and \"content\"", shown(messages[i]));
      continue;
    }
    refuse_unknown_fields(messages[i], kMessageFields, "message", path);
    const std::optional<Role> role = read_role(messages[i], path, record.format);
    const auto content = read_content(messages[i]["content"], path + ".content", record.format);
    if (role && content) record.messages.push_back({*role, *content});
  }
}

void LineReader::check_turns(const Record& record, Purpose purpose) {
  const std::vector<ChatMessage>& messages = record.messages;
  const std::size_t first = messages.front().role == Role::system ? 1 : 0;
  // Paths name positions in the record's own list, which leaves a separate system text out.
  const std::size_t shift = record.format == RecordFormat::openai_chat ? 0 : first;
  for (std::size_t i = first; i < messages.size(); ++i) {
    const Role wanted = (i - first) % 2 == 0 ? Role::user : Role::assistant;
    if (messages[i].role == wanted) continue;
    add(fmt::format("messages[{}].role", i - shift), "roles must alternate and begin with \"user\"",
        fmt::format("\"{}\"", to_string(messages[i].role)));
    return;
  }
  if (messages.size() == first) {
    add("messages", "must hold a message of the user", "none");
  } else if (purpose == Purpose::training && messages.back().role != Role::assistant) {
    add(fmt::format("messages[{}].role", messages.size() - 1 - shift),
        "the last message must be the assistant's", fmt::format("\"{}\"", to_string(messages.back().role)));
  }
}

std::string render_with_answer(const Record& record, std::string_view answer) {
  const auto text_block = [](std::string_view text) {
    return Json::array({Json::object({{"text", Json(text)}})});
  };
  if (record.format == RecordFormat::prompt_completion) {
    return Json::object({{"prompt", Json(record.messages.back().content)}, {"completion", Json(answer)}})
        .dump();
  }
  const bool blocks = record.format == RecordFormat::bedrock_conversation_2024;
  Json object = Json::object();
  if (blocks) object.set("schemaVersion", Json(kConversationSchema));
  Json messages = Json::array();
  const auto add_message = [&](Role role, std::string_view content) {
    messages.push_back(Json::object(
        {{"role", Json(to_string(role))}, {"content", blocks ? text_block(content) : Json(content)}}));
  };
  for (const ChatMessage& message : record.messages) {
    if (message.role == Role::system && record.format != RecordFormat::openai_chat) {
      object.set("system", blocks ? text_block(message.content) : Json(message.content));
    } else {
      add_message(message.role, message.content);
    }
  }
  add_message(Role::assistant, answer);
  object.set("messages", std::move(messages));
  return object.dump();
}

}  // namespace outcrop::data
