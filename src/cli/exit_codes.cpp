#include "cli/exit_codes.h"

namespace outcrop::cli {

int exit_code(Code code) noexcept {
  switch (code) {
    case Code::invalid_argument:
    case Code::corrupt_data:
    case Code::unsupported:
      return kInvalidInput;
    case Code::not_found:
      return kNotFound;
    case Code::quota_exceeded:
    case Code::out_of_memory:
      return kNoRoom;
    case Code::cancelled:
      return kCancelled;
    case Code::already_exists:
    case Code::conflict:
    case Code::permission_denied:
    case Code::unavailable:
    case Code::io:
    case Code::internal:
      return kFailure;
  }
  return kFailure;
}

}  // namespace outcrop::cli
