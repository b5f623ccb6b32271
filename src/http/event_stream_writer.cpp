#include "http/event_stream_writer.h"

#include <string>

#include <fmt/format.h>

namespace outcrop::http {
namespace {

bool is_one_line(std::string_view text) noexcept {
  using namespace std::string_view_literals;
  return text.find_first_of("\r\n\0"sv) == std::string_view::npos;
}

/// A line ends with LF, CR or both; each of them would end the field, so each gives a new one.
void append_data(std::string& out, std::string_view data) {
  while (true) {
    const std::size_t end = data.find_first_of("\r\n");
    out += "data: ";
    out += data.substr(0, end);
    out += '\n';
    if (end == std::string_view::npos) return;
    data.remove_prefix(data.substr(end, 2) == "\r\n" ? end + 2 : end + 1);
  }
}

}  // namespace

Result<EventStreamWriter> EventStreamWriter::begin(ResponseWriter& response) {
  response.headers().set("Content-Type", "text/event-stream");
  response.headers().set("Cache-Control", "no-store, no-transform");
  OUTCROP_TRY(const ResponseStream stream, response.stream(200));
  return EventStreamWriter(stream);
}

Status EventStreamWriter::send(const ServerSentEvent& event) {
  if (!is_one_line(event.event) || !is_one_line(event.id)) {
    return fail(Code::invalid_argument, "an event's type and id are one line each");
  }
  std::string out;
  if (!event.event.empty()) out += fmt::format("event: {}\n", event.event);
  if (!event.id.empty()) out += fmt::format("id: {}\n", event.id);
  if (event.retry) out += fmt::format("retry: {}\n", event.retry->count());
  append_data(out, event.data);
  out += '\n';
  return stream_.write(out);
}

Status EventStreamWriter::keep_alive() {
  return stream_.write(":\n\n");
}

}  // namespace outcrop::http
