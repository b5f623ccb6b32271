#include "http/wire/http1_writer.h"

#include "http/response.h"

#include <fmt/format.h>

namespace outcrop::http {
namespace {

void append_fields(std::string& out, const Headers& fields) {
  for (const Header& field : fields) {
    out += field.name;
    out += ": ";
    out += field.value;
    out += "\r\n";
  }
  out += "\r\n";
}

}  // namespace

std::string format_head(int status, const Headers& headers) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", status, reason_phrase(status));
  append_fields(out, headers);
  return out;
}

std::string format_chunk_line(std::size_t bytes) {
  return fmt::format("{:x}\r\n", bytes);
}

std::string format_last_chunk(const Headers& trailers) {
  std::string out = "0\r\n";
  append_fields(out, trailers);
  return out;
}

}  // namespace outcrop::http
