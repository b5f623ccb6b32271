#pragma once
// The four record formats: which one a JSON object is, and its rules. Private to the room's parser.

#include "data/record.h"
#include "json/json.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace outcrop::data {

/// Reads one line's object; every broken rule becomes a finding with the field's path.
class LineReader {
 public:
  LineReader(std::string_view file, std::int64_t line, Findings& findings)
      : file_(file), line_(line), findings_(findings), before_(findings.total) {}

  std::optional<Record> read(const Json& object, Purpose purpose);
  void add(std::string field, std::string rule, std::string value);

 private:
  std::optional<RecordFormat> format_of(const Json& object);
  /// `owner` says whose fields they are; `path` leads to them, empty for the record itself.
  void refuse_unknown_fields(const Json& object, std::span<const std::string_view> known,
                             std::string_view owner, const std::string& path);
  void read_prompt_completion(const Json& object, Purpose purpose, Record& record);
  void read_system(const Json& object, Record& record);
  void read_messages(const Json& object, Record& record);
  std::optional<Role> read_role(const Json& message, const std::string& path, RecordFormat format);
  std::optional<std::string> read_content(const Json& content, const std::string& path, RecordFormat format);
  void check_turns(const Record& record, Purpose purpose);

  std::string_view file_;
  std::int64_t line_;
  Findings& findings_;
  std::int64_t before_;
};

}  // namespace outcrop::data
