#include "cli/log_lines.h"

#include "base/log.h"
#include "base/text.h"
#include "json/json.h"

#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

namespace outcrop::cli {
namespace {

/// Texts without their quotes.
std::string show(const Json& value) {
  const auto text = value.as_string();
  return text ? std::string(*text) : value.dump();
}

void write_sentence(std::string_view line, void*) {
  // Takes a progress line away that may stand there.
  const char* before = isatty(STDERR_FILENO) != 0 ? "\r\x1b[K" : "";
  const std::string text = fmt::format("{}{}\n", before, printable(render_log_line(line)));
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace

std::string render_log_line(std::string_view line) {
  const auto json = Json::parse(line);
  if (!json || !json->is_object()) return std::string(line);
  std::vector<std::string> fields;
  for (std::size_t i = 0; i < json->size(); ++i) {
    const auto [name, value] = json->member(i);
    if (name == "time" || name == "level" || name == "message" || name == "reason") continue;
    fields.push_back(fmt::format("{} {}", name, show(value)));
  }
  std::string text = fmt::format("outcrop: {}: {}", show((*json)["level"]), show((*json)["message"]));
  if (!fields.empty()) text += fmt::format(" ({})", fmt::join(fields, ", "));
  if (json->contains("reason")) text += fmt::format(": {}", show((*json)["reason"]));
  return text;
}

void show_log_as_sentences() {
  if (std::getenv("OUTCROP_LOG") == nullptr) log::set_sink(write_sentence, nullptr);
}

}  // namespace outcrop::cli
