#include "cli/terminal.h"

#include "base/files.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace outcrop::cli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRedrawEvery{100};

std::size_t terminal_width() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

bool starts_character(char byte) noexcept {
  return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
}

/// The first `columns` characters.
std::string_view cut_to(std::string_view text, std::size_t columns) noexcept {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (starts_character(text[i]) && seen++ == columns) return text.substr(0, i);
  }
  return text;
}

void write_error_stream(std::string_view text) {
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
  (void)std::fflush(stderr);
}

}  // namespace

std::size_t display_width(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_character));
}

std::string render_progress(std::string_view label, double fraction, std::string_view details,
                            std::size_t width) {
  constexpr std::size_t kLongestBar = 30;
  constexpr std::size_t kShortestBar = 8;
  const double clamped = std::isfinite(fraction) ? std::clamp(fraction, 0.0, 1.0) : 0.0;
  std::string line = fmt::format("{} {:3.0f}%", label, std::floor(clamped * 100.0));
  const std::size_t taken = display_width(line) + (details.empty() ? 0 : display_width(details) + 2);
  const std::size_t room = width > taken + 3 ? width - taken - 3 : 0;
  if (room >= kShortestBar) {
    const std::size_t cells = std::min(room, kLongestBar);
    const auto full = static_cast<std::size_t>(std::floor(clamped * static_cast<double>(cells)));
    line += fmt::format(" [{}{}]", std::string(full, '#'), std::string(cells - full, '-'));
  }
  if (!details.empty()) line += fmt::format("  {}", details);
  return std::string(cut_to(line, width));
}

ProgressLine::Mode ProgressLine::mode_for(bool quiet) {
  if (quiet) return Mode::silent;
  return isatty(STDERR_FILENO) != 0 ? Mode::redrawn : Mode::notes_only;
}

void ProgressLine::update(std::string_view label, double fraction, std::string_view details) {
  if (mode_ != Mode::redrawn) return;
  const auto now = std::chrono::steady_clock::now();
  const bool new_phase = label != last_label_;
  if (!new_phase && fraction < 1.0 && now - last_ < kRedrawEvery) return;
  last_ = now;
  last_label_ = label;
  // One column is left free: some terminals wrap a full line.
  const std::size_t width = std::max<std::size_t>(terminal_width(), 2) - 1;
  write_error_stream("\r" + render_progress(label, fraction, details, width) + "\x1b[K");
  shown_ = true;
}

void ProgressLine::note(std::string_view text) {
  if (mode_ == Mode::silent) return;
  clear();
  write_error_stream(fmt::format("{}\n", text));
}

void ProgressLine::clear() {
  if (!shown_) return;
  write_error_stream("\r\x1b[K");
  shown_ = false;
}

std::string Table::render() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], display_width(row[c]));
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string padding(widths[c] - display_width(row[c]), ' ');
      const bool right = std::find(right_.begin(), right_.end(), c) != right_.end();
      line += right ? padding + row[c] : row[c] + padding;
      line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string render_fields(const std::vector<std::pair<std::string, std::string>>& fields,
                          std::string_view indent) {
  std::size_t width = 0;
  for (const auto& [name, value] : fields) width = std::max(width, display_width(name));
  std::string text;
  for (const auto& [name, value] : fields) {
    text += fmt::format("{}{}{}  {}\n", indent, name, std::string(width - display_width(name), ' '), value);
  }
  return text;
}

void print(std::string_view text) {
  (void)std::fwrite(text.data(), 1, text.size(), stdout);
}

void print_json_line(const Json& json) {
  print(json.dump() + "\n");
  (void)std::fflush(stdout);
}

void print_json_document(const Json& json) {
  print(json.dump(2) + "\n");
}

Status flush_output() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return {};
  return fail_errno("standard output", "write", errno);
}

}  // namespace outcrop::cli
