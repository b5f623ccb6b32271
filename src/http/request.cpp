#include "http/request.h"

namespace outcrop::http {

std::string_view to_string(Version version) noexcept {
  switch (version) {
    case Version::http_1_0:
      return "HTTP/1.0";
    case Version::http_1_1:
      return "HTTP/1.1";
    case Version::http_2:
      return "HTTP/2";
  }
  return "HTTP";
}

std::string_view Request::path() const noexcept {
  return std::string_view(target).substr(0, target.find('?'));
}

std::string_view Request::query() const noexcept {
  const std::size_t mark = target.find('?');
  return mark == std::string::npos ? std::string_view() : std::string_view(target).substr(mark + 1);
}

std::string_view Request::path_parameter(std::string_view name) const noexcept {
  for (const auto& [parameter, value] : path_parameters) {
    if (parameter == name) return value;
  }
  return {};
}

}  // namespace outcrop::http
