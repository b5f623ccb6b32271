#pragma once
// Log lines for a person at the command line: sentences in place of JSON objects.

#include <string>
#include <string_view>

namespace outcrop::cli {

/// "outcrop: warning: MESSAGE (field value, field value): REASON" of one JSON log line; a line that is none as
/// it is.
std::string render_log_line(std::string_view line);

/// From now on the libraries' log goes to standard error as such sentences; with OUTCROP_LOG set, the JSON
/// lines stay, as that is what a program reads.
void show_log_as_sentences();

}  // namespace outcrop::cli
