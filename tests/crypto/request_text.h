#pragma once
// HTTP/1.1 requests as text, taken apart just far enough to be signed. For tests only: it trusts its input.

#include "crypto/sigv4.h"

#include <string>
#include <string_view>
#include <vector>

namespace outcrop::crypto {

struct RequestText {
  std::string method;
  std::string path;
  std::string query;
  std::string header_lines;  ///< with their line ends, without the empty line
  std::string body;
  std::vector<std::pair<std::string, std::string>> fields;

  /// The path may hold spaces; lines end with '\n'; a line that begins with white space goes on with the last
  /// one.
  static RequestText parse(std::string_view text) {
    RequestText request;
    const std::size_t line_end = text.find('\n');
    const std::string_view line = text.substr(0, line_end);
    const std::size_t target = line.find(' ') + 1;
    const std::size_t version = line.rfind(" HTTP/");
    request.method = line.substr(0, target - 1);
    const std::string_view whole = line.substr(target, version - target);
    request.path = whole.substr(0, whole.find('?'));
    if (whole.find('?') != std::string_view::npos) request.query = whole.substr(whole.find('?') + 1);
    text.remove_prefix(line_end + 1);

    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      const std::string_view header = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (header.empty()) break;
      request.header_lines += std::string(header) + '\n';
      if (header.front() == ' ') {
        request.fields.back().second += "\n" + std::string(header);
      } else {
        const std::size_t colon = header.find(':', 1);
        request.fields.emplace_back(header.substr(0, colon), header.substr(colon + 1));
      }
    }
    request.body = text;
    return request;
  }

  std::vector<HeaderField> headers() const {
    std::vector<HeaderField> views;
    for (const auto& [name, value] : fields) views.push_back({name, value});
    return views;
  }
};

}  // namespace outcrop::crypto
