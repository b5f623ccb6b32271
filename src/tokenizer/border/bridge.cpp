#include "tokenizer/border/bridge.h"

namespace outcrop::bridge {

namespace {

Code code_of(outcrop_bridge_status status) noexcept {
  switch (status) {
    case OUTCROP_BRIDGE_INVALID_ARGUMENT:
      return Code::invalid_argument;
    case OUTCROP_BRIDGE_CORRUPT_DATA:
      return Code::corrupt_data;
    case OUTCROP_BRIDGE_UNSUPPORTED:
      return Code::unsupported;
    case OUTCROP_BRIDGE_OK:
    case OUTCROP_BRIDGE_INTERNAL:
      break;
  }
  return Code::internal;
}

}  // namespace

tl::unexpected<Error> fail_with(outcrop_bridge_status status, const Buffer& message) {
  return fail(code_of(status), message.text());
}

}  // namespace outcrop::bridge
