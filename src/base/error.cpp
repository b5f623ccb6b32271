#include "base/error.h"

namespace outcrop {

std::string_view to_string(Code code) noexcept {
  switch (code) {
    case Code::invalid_argument:
      return "invalid_argument";
    case Code::not_found:
      return "not_found";
    case Code::already_exists:
      return "already_exists";
    case Code::conflict:
      return "conflict";
    case Code::permission_denied:
      return "permission_denied";
    case Code::quota_exceeded:
      return "quota_exceeded";
    case Code::unavailable:
      return "unavailable";
    case Code::cancelled:
      return "cancelled";
    case Code::corrupt_data:
      return "corrupt_data";
    case Code::io:
      return "io";
    case Code::out_of_memory:
      return "out_of_memory";
    case Code::unsupported:
      return "unsupported";
    case Code::internal:
      return "internal";
  }
  return "unknown";
}

Error Error::within(std::string_view context) && {
  std::string longer(context);
  longer += ": ";
  longer += message;
  return Error{code, std::move(longer)};
}

}  // namespace outcrop
