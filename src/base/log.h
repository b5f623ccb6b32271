#pragma once
// Structured log lines: a constant message and fields, one JSON object a line, on standard error or a file.
// Libraries log; they never print. No prompts, completions, keys or file contents above debug.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace outcrop::log {

enum class Level : std::uint8_t { debug, info, warning, error, off };

/// One field of a log line. Numbers stay numbers in the JSON.
struct Field {
  Field(std::string_view field_name, std::string_view text);
  Field(std::string_view field_name, const char* text) : Field(field_name, std::string_view(text)) {}
  Field(std::string_view field_name, const std::string& text) : Field(field_name, std::string_view(text)) {}
  Field(std::string_view field_name, double number);
  Field(std::string_view field_name, std::int64_t number);
  Field(std::string_view field_name, int number) : Field(field_name, static_cast<std::int64_t>(number)) {}
  Field(std::string_view field_name, std::uint64_t number);

  std::string_view name;
  std::string json;  ///< the value, already encoded
};

/// Thread-safe. A level below the set one costs one atomic load.
void write(Level level, std::string_view message, std::initializer_list<Field> fields = {});
inline void debug(std::string_view m, std::initializer_list<Field> f = {}) {
  write(Level::debug, m, f);
}
inline void info(std::string_view m, std::initializer_list<Field> f = {}) {
  write(Level::info, m, f);
}
inline void warning(std::string_view m, std::initializer_list<Field> f = {}) {
  write(Level::warning, m, f);
}
inline void error(std::string_view m, std::initializer_list<Field> f = {}) {
  write(Level::error, m, f);
}

/// The lowest level that is written; warning unless OUTCROP_LOG names another.
void set_level(Level level) noexcept;

/// Receives whole lines without the newline; nullptr restores standard error. For tests and workers.
using Sink = void (*)(std::string_view line, void* context);
void set_sink(Sink sink, void* context) noexcept;

/// Adds a field to every line that this thread writes while the scope lives (request and job ids).
class Scope {
 public:
  explicit Scope(Field field);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
};

}  // namespace outcrop::log
