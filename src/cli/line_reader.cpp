#include "cli/line_reader.h"

#include <cerrno>

#include <poll.h>
#include <unistd.h>

namespace outcrop::cli {

LineReader::Event LineReader::read(std::string& line) {
  for (;;) {
    if (const std::size_t end = buffer_.find('\n'); end != std::string::npos) {
      line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      return Event::line;
    }
    if (ended_) {
      if (buffer_.empty()) return Event::end;
      line.swap(buffer_);
      buffer_.clear();
      return Event::line;
    }
    pollfd waiting[2] = {{STDIN_FILENO, POLLIN, 0}, {interrupt_, POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0) {
      if (errno == EINTR) continue;
      return Event::end;
    }
    if (waiting[1].revents != 0) return Event::interrupted;
    char bytes[4096];
    const ssize_t got = ::read(STDIN_FILENO, bytes, sizeof bytes);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) {
      ended_ = true;
    } else {
      buffer_.append(bytes, static_cast<std::size_t>(got));
    }
  }
}

}  // namespace outcrop::cli
