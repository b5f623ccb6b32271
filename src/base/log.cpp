#include "base/log.h"

#include "base/text.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <vector>

#include <fmt/format.h>

namespace outcrop::log {
namespace {

Level level_from_environment() noexcept {
  const char* name = std::getenv("OUTCROP_LOG");
  const std::string_view wanted = name == nullptr ? "" : name;
  if (wanted == "debug") return Level::debug;
  if (wanted == "info") return Level::info;
  if (wanted == "error") return Level::error;
  if (wanted == "off") return Level::off;
  return Level::warning;
}

// Relaxed: the level guards nothing but whether a line is written.
std::atomic<Level>& current_level() noexcept {
  static std::atomic<Level> level{level_from_environment()};
  return level;
}

struct SinkSlot {
  std::mutex mutex;
  Sink sink = nullptr;      // guarded by mutex
  void* context = nullptr;  // guarded by mutex
};

SinkSlot& sink_slot() {
  static SinkSlot slot;
  return slot;
}

std::vector<std::pair<std::string, std::string>>& scope_fields() {
  thread_local std::vector<std::pair<std::string, std::string>> fields;
  return fields;
}

std::string_view level_name(Level level) noexcept {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
    case Level::off:
      return "off";
  }
  return "off";
}

std::string timestamp() {
  const auto now = std::chrono::system_clock::now();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, ms % 1000);
}

}  // namespace

Field::Field(std::string_view field_name, std::string_view text) : name(field_name), json(json_quote(text)) {}
Field::Field(std::string_view field_name, double number)
    : name(field_name), json(number - number == 0.0 ? fmt::format("{}", number) : "null") {}
Field::Field(std::string_view field_name, std::int64_t number)
    : name(field_name), json(fmt::format("{}", number)) {}
Field::Field(std::string_view field_name, std::uint64_t number)
    : name(field_name), json(fmt::format("{}", number)) {}

void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
  if (level < current_level().load(std::memory_order_relaxed)) return;
  std::string line = fmt::format(R"({{"time":"{}","level":"{}","message":{})", timestamp(), level_name(level),
                                 json_quote(message));
  for (const auto& [name, json] : scope_fields()) line += fmt::format(",{}:{}", json_quote(name), json);
  for (const Field& field : fields) line += fmt::format(",{}:{}", json_quote(field.name), field.json);
  line += '}';

  SinkSlot& slot = sink_slot();
  Sink sink = nullptr;
  void* context = nullptr;
  {
    const std::lock_guard lock(slot.mutex);
    sink = slot.sink;
    context = slot.context;
  }
  if (sink != nullptr) {
    sink(line, context);
  } else {
    line += '\n';
    std::fwrite(line.data(), 1, line.size(), stderr);
  }
}

void set_level(Level level) noexcept {
  current_level().store(level, std::memory_order_relaxed);
}

void set_sink(Sink sink, void* context) noexcept {
  SinkSlot& slot = sink_slot();
  const std::lock_guard lock(slot.mutex);
  slot.sink = sink;
  slot.context = context;
}

Scope::Scope(Field field) {
  scope_fields().emplace_back(std::string(field.name), std::move(field.json));
}

Scope::~Scope() {
  scope_fields().pop_back();
}

}  // namespace outcrop::log
